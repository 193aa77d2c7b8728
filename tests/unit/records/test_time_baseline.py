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
from kernelproof.files.json_file import MalformedError
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.repository import python_path
from kernelproof.plan.schema import Check
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.time_baseline import BLESSINGS_KEPT, BlessedTime, TimeBlessing, committed
from kernelproof.records.timing import CaseTiming
from kernelproof.records.verdict import CaseVerdict, Verdict
from tests.unit.checks.perf.timings import MACHINE, processes_near, timing_of
from tests.unit.records.made_records import record_of
from tests.unit.records.stored_files import TIMES, Edit, Place, card_of, wrong_refusals

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
    samples = [us for verdict in timing.processes for us in verdict.samples_us[KERNEL]]
    every = iter(samples)
    benchmark.pedantic(lambda: CLOCK.pass_us(next(every)), rounds=len(samples), iterations=1)
    benchmark.extra_info.update(case=case, timing=timing.model_dump(mode="json"))
"""


def judged_of(tokens: int, us: float = 10, **changes: Any) -> CaseVerdict:
    """A case of the toy that was measured: eight processes of about so many microseconds."""
    of_record = {"commit": "c" * 40, "machine": MACHINE, **changes.pop("record", {})}
    timing = changes.pop("timing", timing_of(processes_near(us)))
    case = Case(kernel=KERNEL, row=ROW, dtype="fp32", shape=(("E", 8), ("K", 2), ("T", tokens)))
    planned = Planned(case=case, check=Check.PERF, device="NVIDIA H200", golden=False)
    record = record_of(planned, timing=timing, **of_record)
    verdict = changes.pop("verdict", Verdict.NO_BASELINE)
    return CaseVerdict(planned=planned, record=record, verdict=verdict, **changes)


ONE, TWO = judged_of(1, 10), judged_of(2, 20)


def timing_in(verdict: CaseVerdict) -> CaseTiming:
    """The times of a case that has some."""
    assert verdict.record
    assert verdict.record.timing
    return verdict.record.timing


def _timings(*judged: CaseVerdict) -> dict[str, Any]:
    return {
        verdict.planned.case.id: timing_in(verdict).model_dump(mode="json") for verdict in judged
    }


@cache
def benchmark_json() -> str:
    """Runs pytest-benchmark on the two cases, in a process of its own, and returns its file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "timings.json").write_text(json.dumps(_timings(ONE, TWO)))
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
    (seen,) = card_of(
        spread_percent={"time": 0.1, "floor": 0.1, "ratio": 0.1, **spread}
    ).cases.values()
    cases = {verdict.planned.case.id: seen for verdict in judged}
    sensitivity.write(card_of(ROW).model_copy(update={"cases": cases}), folder)
    return folder / "results"


def _shaped(*judged: CaseVerdict) -> str:
    """The same with other cases or times, without another process; the statistics are ONE's."""
    content = json.loads(benchmark_json())
    (first, _) = content["benchmarks"]
    content["benchmarks"] = [
        {**first, "extra_info": {"case": case, "timing": timing}}
        for case, timing in _timings(*judged).items()
    ]
    return json.dumps(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of baselines in which two cases are blessed."""
    bless_perf([ONE, TWO], REASON, place(tmp_path, ONE, TWO), tmp_path)
    return tmp_path


def test_a_blessing_stores_times_and_reason(folder: Path) -> None:
    """The times of each case, the commit and machine, but not whose it was, and the day."""
    baseline = time_baseline.load(ROW, KERNEL, folder)
    assert baseline is not None
    assert list(baseline.stored) == [verdict.planned.case.id for verdict in (ONE, TWO)]
    machine = {name: MACHINE[name] for name in ("python", "processor", "packages", "device")}
    for verdict in (ONE, TWO):
        stored = baseline.stored[verdict.planned.case.id]
        assert (stored.timing, stored.commit) == (timing_in(verdict), "c" * 40)
        assert stored.machine == machine
    assert committed({**MACHINE, "environment": {"CUDA_HOME": "/opt/some/place"}}) == machine
    (blessing,) = baseline.kernelproof.blessings
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
    for verdict, time in ((ONE, "10.0"), (TWO, "20.0")):
        line = rf"^test_perf\[{verdict.planned.case.id}\] .* {re.escape(time)}\d* .* 24 *$"
        assert re.search(line, done.stdout, re.MULTILINE), done.stdout


CASE: Place = ("benchmarks", 0, "extra_info", "timing")
BLESSING = TIMES["kernelproof"]["blessings"][0]
PROCESS = "benchmarks.0.extra_info.timing.processes.0"
COUNT = "kernelproof.blessings: list should have at "
EDITS: list[Edit] = [
    (("kernelproof", "commit"), ..., "kernelproof.commit: field required"),
    (("benchmarks",), ..., "benchmarks: field required"),
    (("kernelproof", "blessings", 0, "mine"), 1, "kernelproof.blessings.0.mine: extra inputs"),
    ((*CASE, "processes", 0, "discarded"), None, f"{PROCESS}.discarded: input should be"),
    ((*CASE, "floor"), ..., "benchmarks.0.extra_info.timing.floor: field required"),
    (("kernelproof", "blessings"), [BLESSING] * 20, ""),
    (("kernelproof", "blessings"), [BLESSING] * 21, COUNT),
    (("kernelproof", "blessings"), [], COUNT),
]


def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path) -> None:
    """With the place of the first fault, though the seal fits; it has one blessing to twenty."""
    assert BLESSINGS_KEPT == 20
    assert wrong_refusals("times", tmp_path, EDITS) == []


def test_a_baseline_is_readable_text(tmp_path: Path) -> None:
    """Each key is on a line of its own, and the seal in the part that is not pytest-benchmark's."""
    file = time_baseline.write(TIMES, tmp_path)
    sealed = json.loads(file.read_text())
    assert file.read_text() == json.dumps(sealed, indent=1) + "\n"
    assert list(sealed) == list(TIMES)
    assert list(sealed["kernelproof"])[-1] == "seal"
    assert time_baseline.write({**sealed, "datetime": "later"}, tmp_path) == file
    assert json.loads(file.read_text())["kernelproof"]["seal"] != sealed["kernelproof"]["seal"]
    assert time_baseline.load(ROW, KERNEL, tmp_path)
    origin = {**sealed["kernelproof"], "mine": 1}
    with pytest.raises(MalformedError, match="mine: extra inputs are not permitted"):
        time_baseline.write({**sealed, "kernelproof": origin}, tmp_path)


def test_a_case_that_was_kept_is_of_its_own_commit_and_machine() -> None:
    """All others are of the file's."""
    baseline = time_baseline.TimeBaseline.model_validate(TIMES)
    stored = baseline.benchmarks[0].extra_info
    kept = stored.model_copy(update={"case": "kept", "commit": "d" * 40, "machine": {}})
    benchmarks = [
        benchmark.model_copy(update={"extra_info": case})
        for benchmark, case in zip(baseline.benchmarks * 2, (stored, kept), strict=True)
    ]
    cases = baseline.model_copy(update={"benchmarks": benchmarks}).stored
    assert [case.commit for case in cases.values()] == ["c" * 40, "d" * 40]
    assert [case.machine for case in cases.values()] == [baseline.kernelproof.machine, {}]
