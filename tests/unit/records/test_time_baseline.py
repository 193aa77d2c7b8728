"""Timing baselines: written by a blessing of what pytest-benchmark left, read back or refused."""

import json
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.perf.bless import bless_perf
from kernelproof.errors import BaselineError, Exit
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.repository import python_path
from kernelproof.plan.schema import Check
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.time_baseline import BlessedTime, TimeBlessing
from kernelproof.records.timing import CaseTiming
from kernelproof.records.verdict import CaseVerdict, Verdict
from tests.unit.checks.perf.test_perf_judge import MACHINE, taking, timing_of
from tests.unit.records.test_record_files import record_of
from tests.unit.records.test_sensitivity import card_of

ROW, KERNEL = "h200", "toy"
REASON = "the first times"
# One cell, as `tests/cells/test_perf.py` hands it to pytest-benchmark: its clock is virtual.
_CELLS = """\
import json
from pathlib import Path

import pytest

from kernelproof.records.timing import KERNEL, CaseTiming
from kernelproof.run.virtual_clock import VirtualClock

CLOCK, TIMINGS = VirtualClock(), json.loads(Path("timings.json").read_text())


@pytest.mark.benchmark(timer=CLOCK)
@pytest.mark.parametrize("case", TIMINGS)
def test_perf(case, benchmark):
    timing = CaseTiming.model_validate(TIMINGS[case])
    samples = [us for one in timing.processes for us in one.samples_us[KERNEL]]
    every = iter(samples)
    benchmark.pedantic(lambda: CLOCK.pass_us(next(every)), rounds=len(samples), iterations=1)
    benchmark.extra_info.update(case=case, timing=timing.model_dump(mode="json"))
"""


def judged_of(tokens: int, us: float = 10, **changes: Any) -> CaseVerdict:
    """A case of the toy that was measured: eight processes of about so many microseconds."""
    of_record = {"commit": "c" * 40, "machine": MACHINE, **changes.pop("record", {})}
    timing = changes.pop("timing", timing_of(taking(us)))
    case = Case(kernel=KERNEL, row=ROW, dtype="fp32", shape=(("E", 8), ("K", 2), ("T", tokens)))
    planned = Planned(case=case, check=Check.PERF, device="NVIDIA H200", golden=False)
    record = record_of(planned, timing=timing, **of_record)
    return CaseVerdict(
        planned=planned, record=record, **{"verdict": Verdict.NO_BASELINE, **changes}
    )


ONE, TWO = judged_of(1, 10), judged_of(2, 20)


def timing_in(one: CaseVerdict) -> CaseTiming:
    """The times of a case that has some."""
    assert one.record
    assert one.record.timing
    return one.record.timing


@cache
def benchmark_json() -> str:
    """What pytest-benchmark leaves of the two cases, run as a process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        timings = {
            one.planned.case.id: timing_in(one).model_dump(mode="json") for one in (ONE, TWO)
        }
        (folder / "timings.json").write_text(json.dumps(timings))
        (folder / "test_cells.py").write_text(_CELLS)
        options = ["-q", "-p", "no:cacheprovider", "--benchmark-json=benchmark.json"]
        subprocess.run(
            [sys.executable, "-m", "pytest", *options, "test_cells.py"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": python_path()},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return (folder / "benchmark.json").read_text()


def place(folder: Path, *judged: CaseVerdict, **spread: float) -> Path:
    """The folder of results with what pytest-benchmark left; a gate card of the cases beside it."""
    file = folder / "results" / "perf" / f"{ROW}.benchmark.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(benchmark_json() if judged == (ONE, TWO) else _shaped(*judged))
    of_case = card_of(spread_percent={"time": 0.1, "floor": 0.1, "ratio": 0.1, **spread}).cases
    (seen,) = of_case.values()
    cases = {one.planned.case.id: seen for one in judged}
    sensitivity.write(card_of(ROW).model_copy(update={"cases": cases}), folder)
    return folder / "results"


def _shaped(*judged: CaseVerdict) -> str:
    """The same with other cases or times, without another process; the statistics are ONE's."""
    content = json.loads(benchmark_json())
    content["benchmarks"] = [
        {
            **content["benchmarks"][0],
            "extra_info": {
                "case": one.planned.case.id,
                "timing": timing_in(one).model_dump(mode="json"),
            },
        }
        for one in judged
    ]
    return json.dumps(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of baselines in which two cases are blessed."""
    bless_perf([ONE, TWO], REASON, place(tmp_path, ONE, TWO), tmp_path)
    return tmp_path


def test_what_is_blessed_is_stored(folder: Path) -> None:
    """The times of each case, with the commit and the machine of the run, but not whose it was."""
    found = time_baseline.load(ROW, KERNEL, folder)
    assert found is not None
    assert list(found.stored) == [one.planned.case.id for one in (ONE, TWO)]
    for one in (ONE, TWO):
        stored = found.stored[one.planned.case.id]
        assert stored.timing == timing_in(one)
        assert stored.machine == {name: MACHINE[name] for name in MACHINE if name != "os"}
        assert stored.commit == "c" * 40


def test_a_blessing_tells_when_and_why(folder: Path) -> None:
    """And of which commit and machine, and what the times were."""
    found = time_baseline.load(ROW, KERNEL, folder)
    assert found is not None
    (blessing,) = found.kernelproof.blessings
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", blessing.date)
    assert blessing == TimeBlessing(
        date=blessing.date,
        reason=REASON,
        commit="c" * 40,
        machine="NVIDIA H200, driver 570.1",
        cases={
            ONE.planned.case.id: BlessedTime(time_us=10, ratio_to_floor=2),
            TWO.planned.case.id: BlessedTime(time_us=20, ratio_to_floor=4),
        },
    )


def test_pytest_benchmark_compares_it(folder: Path) -> None:
    """Its own command takes the file as it stands, and tells the device's times."""
    file = time_baseline.path_of(ROW, KERNEL, folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", str(file), "--columns=median,rounds"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for one, time in ((ONE, "10.0"), (TWO, "20.0")):
        line = rf"^test_perf\[{one.planned.case.id}\] .* {re.escape(time)}\d* .* 24 *$"
        assert re.search(line, done.stdout, re.MULTILINE), done.stdout


@pytest.mark.parametrize(("row", "kernel"), [("h100", KERNEL), (ROW, "other")])
def test_no_baseline_is_none(folder: Path, row: str, kernel: str) -> None:
    """Of another row or kernel."""
    assert time_baseline.load(row, kernel, folder) is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"kernel": "toy"', '"kernel": "toi"', "found the times of toi on h200"),
        ('"row": "h200"', '"row": "h100"', "found the times of toy on h100"),
        ('"kernelproof"', '"kernelprof"', "kernelproof: field required"),
        ('"reason": "the f', '"mine": 1, "reason": "the f', "kernelproof.blessings.0.mine: extra"),
        ('"discarded": 0', '"discarded": null', "benchmarks.0.extra_info.timing.processes.0.disca"),
        ('"floor": "copy"', '"flor": "copy"', "benchmarks.0.extra_info.timing.floor: field requ"),
        ("\n}", "", "the file: invalid json: eof while parsing"),
    ],
    ids=["kernel", "row", "own", "extra", "process", "floor", "cut"],
)
def test_a_file_that_was_tampered_with(folder: Path, old: str, new: str, told: str) -> None:
    """One clear line with the file, the place and how to restore it; exit code 5."""
    file = time_baseline.path_of(ROW, KERNEL, folder)
    text = file.read_text()
    assert old in text
    file.write_text(new.join(text.rsplit(old, 1)) if old == "\n}" else text.replace(old, new, 1))
    time_baseline.load.cache_clear()
    with pytest.raises(BaselineError) as caught:
        time_baseline.load(ROW, KERNEL, folder)
    assert str(caught.value).startswith(f"{file}: {told}")
    assert str(caught.value).endswith(f"; restore it: git checkout -- {file}")
    assert caught.value.exit == Exit.BASELINE


def test_a_folder_or_a_huge_file_for_a_baseline(tmp_path: Path) -> None:
    """Neither is read."""
    file = time_baseline.path_of(ROW, KERNEL, tmp_path)
    file.mkdir(parents=True)
    with pytest.raises(BaselineError) as caught:
        time_baseline.load(ROW, KERNEL, tmp_path)
    said = f"is a directory, expected a readable file; restore it: git checkout -- {file}"
    assert str(caught.value) == f"{file}: {said}"
    file.rmdir()
    with file.open("wb") as stream:
        stream.truncate(2**24 + 1)
    with pytest.raises(BaselineError) as caught:
        time_baseline.load(ROW, KERNEL, tmp_path)
    said = f"{file}: found over 16,777,216 bytes, expected fewer; restore it: "
    assert str(caught.value) == f"{said}git checkout -- {file}"
