"""A worker of perf: made-up processes become records, and one file of pytest-benchmark's."""

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks import __main__ as command
from kernelproof.errors import run_command
from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.records.sensitivity import LimitError
from kernelproof.records.timing import KERNEL
from tests.unit.checks.perf.fake_processes import CODE, FLOOR_CODE, FLOORS

TIMED = [f"gemma4_routing-h200-{dtype}-E128-K8-T1" for dtype in ("fp32", "bf16")]
FAILED = "gemma4_routing-h200-bf16-E128-K8-T128"
ERROR = "RuntimeError: all 28 rounds were discarded"
FIELDS = ["case", "floor_us", "ratio_to_floor", "bytes", "code_hash"]
# A worker on a machine that takes itself for the row, and times with made-up processes.
SCRIPT = f"""\
import sys
import torch
from kernelproof.errors import run_command
from kernelproof.checks import worker as cells
from kernelproof.checks.perf import row_timing as row
from kernelproof.measure import torch_device as machine
from kernelproof.records import time_baseline as baseline
from tests.unit.checks.perf.fake_processes import FakeReplicates, near

machine.device_of = lambda *_: torch.device("cuda", 0)
machine.uuid_of = lambda _: "made up"
machine.fingerprint = lambda row: {{"device": {{"name": row.device}}}}
baseline.load = lambda *_: None
row.Replicates = FakeReplicates(
    us=lambda case, n: near(2.0 if "bf16" in case else 3.0, n, 0.5),
    errors={{{FAILED!r}: {ERROR!r}}},
)
sys.exit(run_command(cells.main))
"""


def _plan() -> tuple[Planned, ...]:
    return cases.plan(matrix.load(), Selection(case=(*TIMED, FAILED)), [Check.PERF])


def _arguments(folder: Path) -> list[str]:
    named = [f"--case={name}" for name in (*TIMED, FAILED)]
    return ["perf", "--on", "h200", "--results", str(folder), *named]


def _run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *_arguments(folder), *more],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "0", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one run, and what it said."""
    folder = tmp_path_factory.mktemp("results")
    done = _run(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said.txt").write_text(done.stdout)
    return folder


@pytest.fixture(scope="module")
def records(folder: Path) -> dict[str, Record]:
    """Its records, by case."""
    found = {one.case.id: record_files.read(folder, one) for one in _plan()}
    return {name: record for name, record in found.items() if record}


@pytest.fixture(scope="module")
def benchmarks(folder: Path) -> dict[str, dict[str, Any]]:
    """The benchmarks of pytest-benchmark's file, by case."""
    content = json.loads((folder / "perf" / "h200.benchmark.json").read_bytes())
    return {one["extra_info"]["case"]: one for one in content["benchmarks"]}


def _samples(record: Record) -> list[float]:
    assert record.timing is not None
    return [us for process in record.timing.processes for us in process.samples_us[KERNEL]]


def test_a_record_a_case(folder: Path, records: dict[str, Record]) -> None:
    """And one file of pytest-benchmark's; nothing else is left."""
    assert set(records) == {*TIMED, FAILED}
    names = {file.name for file in (folder / "perf").iterdir()}
    assert names == {f"{name}.json" for name in records} | {"h200.benchmark.json"}


@pytest.mark.parametrize("name", TIMED)
def test_a_record_holds_the_timing(records: dict[str, Record], name: str) -> None:
    """Every process, the numbers that are told, this source, and no digests: no bits are asked."""
    record = records[name]
    timing, state = record.timing, revision.current()
    assert timing is not None
    assert (record.check, record.outcome, record.reason) == (Check.PERF, "pass", "")
    assert len(timing.processes) == 8
    assert (timing.floor, timing.code_hash, timing.floor_hash) == (FLOORS[0], CODE, FLOOR_CODE)
    assert record.numbers == {
        "time_us": timing.us,
        "floor_us": timing.floor_us,
        "ratio_to_floor": timing.ratio,
    }
    assert (record.digest, record.input_digest, record.seed) == (None, None, None)
    assert (record.commit, record.machine) == (state.commit, {"device": {"name": "NVIDIA H200"}})
    assert record.reproduce == f"nox -s perf-regress -- --case {name}"


@pytest.mark.parametrize("name", TIMED)
def test_the_statistics_are_those_of_the_samples(
    records: dict[str, Record], benchmarks: dict[str, dict[str, Any]], name: str
) -> None:
    """In seconds: each sample is a round of one launch, though no launch is run here."""
    samples = [us * 1e-6 for us in _samples(records[name])]
    stats = benchmarks[name]["stats"]
    assert stats["rounds"] == len(samples) == 24
    assert stats["iterations"] == 1
    assert stats["data"] == pytest.approx(samples)
    assert stats["median"] == pytest.approx(statistics.median(samples))
    assert stats["min"] == pytest.approx(min(samples))
    assert stats["max"] == pytest.approx(max(samples))
    assert stats["mean"] == pytest.approx(statistics.fmean(samples))


@pytest.mark.parametrize("name", TIMED)
def test_extra_info_is_what_a_baseline_needs(
    records: dict[str, Record], benchmarks: dict[str, dict[str, Any]], name: str
) -> None:
    """The case, the floor beside it, bytes, the code; and every process, as in the record."""
    extra, timing = benchmarks[name]["extra_info"], records[name].timing
    assert timing is not None
    assert {word: extra[word] for word in FIELDS} == {
        "case": name,
        "floor_us": round(timing.floor_us, 4),
        "ratio_to_floor": round(timing.ratio, 4),
        "bytes": 4096,
        "code_hash": CODE,
    }
    assert extra["timing"] == timing.model_dump(mode="json")
    assert benchmarks[name]["group"] == name.split("-", 1)[1].partition("-E")[0]


def test_a_case_that_failed_leaves_the_process_s_words(
    records: dict[str, Record], benchmarks: dict[str, dict[str, Any]]
) -> None:
    """Its record is an error, without times; it is no benchmark."""
    record = records[FAILED]
    assert (record.outcome, record.timing, record.numbers) == ("error", None, {})
    assert record.reason == ERROR
    assert set(benchmarks) == {*TIMED}


def test_progress_is_told(folder: Path) -> None:
    """A line a process, a line for what is red, one a cell, and where the samples are."""
    text = re.sub(r"[0-9]+\.[0-9] s", "N s", (folder / "said.txt").read_text())
    said = text.splitlines()
    told = ["process 1: 3 cases in N s", *(f"process {n}: 2 cases in N s" for n in range(2, 9))]
    assert said[:8] == told
    assert f"error  {FAILED}  (N s)" in said
    assert [line.partition(" in ")[0] for line in said if line.startswith("h200-")] == [
        "h200-fp32: 1 pass",
        "h200-bf16: 1 error, 1 pass",
    ]
    file = folder / "perf" / "h200.benchmark.json"
    assert said[-1] == f"samples, for pytest-benchmark compare: {file}"


def test_pytest_benchmark_reads_its_file(folder: Path) -> None:
    """Its own ``compare`` shows both cases."""
    file = folder / "perf" / "h200.benchmark.json"
    compare = [sys.executable, "-m", "pytest_benchmark", "compare", str(file), "--sort=name"]
    done = subprocess.run(compare, cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(f"test_perf[{name}]" in done.stdout for name in TIMED)


def test_resuming_with_fewer_processes_times_what_has_no_record(
    tmp_path: Path, folder: Path, records: dict[str, Record]
) -> None:
    """The others stay; what is timed again takes exactly as many processes as are asked for."""
    again, *kept = _plan()
    for one in kept:
        file = record_files.path_of(tmp_path, one)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(record_files.path_of(folder, one).read_bytes())
    done = _run(tmp_path, "--resume", "--processes", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.partition(" in ")[0] for line in done.stdout.splitlines()[:3]]
    assert said == ["process 1: 1 cases", "process 2: 1 cases", "h200-fp32: 1 pass"]
    found = {one.case.id: record_files.read(tmp_path, one) for one in _plan()}
    assert {one.case.id: found[one.case.id] for one in kept} == {
        one.case.id: records[one.case.id] for one in kept
    }
    timing = (found[again.case.id] or records[FAILED]).timing
    assert timing is not None
    assert len(timing.processes) == 2


def test_a_limit_below_what_is_visible_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is timed; exit code 2, as for a fault of matrix.yaml."""

    def require_visible(row: str, case: str, limit: float) -> None:
        assert (row, case, limit) == ("h200", TIMED[0], 3)
        raise LimitError("too small")

    monkeypatch.setattr(command, "require_visible", require_visible)
    monkeypatch.setattr(command, "supervise", lambda *_: pytest.fail("timed"))
    assert run_command(lambda: command.main(_arguments(tmp_path))) == 2
    assert capsys.readouterr() == ("", "too small\n")
    assert list(tmp_path.iterdir()) == []
