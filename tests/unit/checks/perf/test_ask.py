"""A worker of perf with stand-ins for timing processes: records, and pytest-benchmark's file."""

import importlib
import json
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from kernelproof.checks.perf import ask, row_timing
from kernelproof.measure import torch_device
from kernelproof.plan.schema import Check
from kernelproof.records import record_files, time_baseline
from kernelproof.records.record_files import Record
from kernelproof.records.timing import KERNEL
from tests.unit.checks.perf.fake_processes import (
    CODE,
    FLOOR_CODE,
    FLOORS,
    FakeReplicates,
    near,
)
from tests.unit.run.worker_in_process import STARTED, InProcessWorker

TIMED = [f"gemma4_routing-h200-{dtype}-E128-K8-T1" for dtype in ("fp32", "bf16")]
FAILED = "gemma4_routing-h200-bf16-E128-K8-T128"
NAMES = [*TIMED, FAILED]
ERROR = "RuntimeError: all 28 rounds were discarded"
FIELDS = ["case", "floor_us", "ratio_to_floor", "bytes", "code_hash"]


def _worker(monkeypatch: pytest.MonkeyPatch, folder: Path) -> InProcessWorker:
    """Returns a worker on a machine that takes itself for the row, with made-up times."""

    def time_us(case: str, number: int) -> float:
        return near(2.0 if "bf16" in case else 3.0, number, 0.5)

    fake = FakeReplicates(us=time_us, errors={FAILED: ERROR})
    monkeypatch.setattr(torch_device, "device_of", lambda *_: torch.device("cuda", 0))
    monkeypatch.setattr(torch_device, "uuid_of", lambda _: "made up")
    monkeypatch.setattr(torch_device, "fingerprint", lambda row: {"device": {"name": row.device}})
    monkeypatch.setattr(time_baseline, "load", lambda *_: None)
    monkeypatch.setattr(row_timing, "Replicates", fake)
    return InProcessWorker(monkeypatch, folder, "perf", "h200", NAMES)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcessWorker]:
    """Yields a worker that has run."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        worker = _worker(monkeypatch, tmp_path_factory.mktemp("results"))
        code, messages = worker.run()
        assert code == 0
        # Its machine, the time for timing all cases, and the tests of the three.
        assert [bool(message.machine) for message in messages] == [True, *[False] * 8]
        assert [message.seconds > 0 for message in messages[1:3]] == [True, False]
        yield worker


@pytest.fixture(scope="module")
def records(worker: InProcessWorker) -> dict[str, Record]:
    """Returns its records, by case."""
    return worker.records()


@pytest.fixture(scope="module")
def benchmarks(worker: InProcessWorker) -> dict[str, dict[str, Any]]:
    """Returns the benchmarks of pytest-benchmark's file, by case."""
    content = json.loads((worker.folder / "perf" / "h200.benchmark.json").read_bytes())
    return {benchmark["extra_info"]["case"]: benchmark for benchmark in content["benchmarks"]}


def _samples(record: Record) -> list[float]:
    assert record.timing is not None
    return [us for process in record.timing.processes for us in process.samples_us[KERNEL]]


def test_a_worker_leaves_a_record_a_case(
    worker: InProcessWorker, records: dict[str, Record]
) -> None:
    """And one file of pytest-benchmark's; nothing else is left."""
    assert set(records) == set(NAMES)
    names = {file.name for file in (worker.folder / "perf").iterdir()}
    assert names == {f"{name}.json" for name in NAMES} | {"h200.benchmark.json"}


@pytest.mark.parametrize("name", TIMED)
def test_a_record_holds_the_timing(records: dict[str, Record], name: str) -> None:
    """Every process, its numbers, and the source; no digests, since no bits are asked."""
    record = records[name]
    timing = record.timing
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
    assert (record.commit, record.machine) == (STARTED.commit, {"device": {"name": "NVIDIA H200"}})
    assert record.reproduce == f"nox -s perf-regress -- --case {name}"


@pytest.mark.parametrize("name", TIMED)
def test_a_benchmark_holds_the_samples(
    records: dict[str, Record], benchmarks: dict[str, dict[str, Any]], name: str
) -> None:
    """In seconds: each sample is a round of one launch, though no launch is run here."""
    samples = [us * 1e-6 for us in _samples(records[name])]
    stats = benchmarks[name]["stats"]
    assert (stats["rounds"], stats["iterations"]) == (len(samples), 1)
    assert len(samples) == 24
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


def test_a_case_that_failed_has_its_error(
    records: dict[str, Record], benchmarks: dict[str, dict[str, Any]]
) -> None:
    """Its record has the words of the timing process, and no times; it is no benchmark."""
    record = records[FAILED]
    assert (record.outcome, record.timing, record.numbers) == ("error", None, {})
    assert record.reason == ERROR
    assert set(benchmarks) == {*TIMED}


def test_pytest_benchmark_reads_the_file(
    worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own ``compare`` shows both cases."""
    file = worker.folder / "perf" / "h200.benchmark.json"
    monkeypatch.setattr("sys.argv", ["pytest-benchmark", "compare", str(file), "--sort=name"])
    importlib.import_module("pytest_benchmark.cli").main()
    output = capsys.readouterr().out
    assert all(f"test_perf[{name}]" in output for name in TIMED)


def test_progress_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each process, each red case and each cell, and the file of the samples."""
    assert _worker(monkeypatch, tmp_path).run()[0] == 0
    lines = re.sub(r"[0-9]+\.[0-9] s", "N s", capsys.readouterr().out).splitlines()
    processes = ["process 1: 3 cases in N s"]
    processes += [f"process {number}: 2 cases in N s" for number in range(2, 9)]
    assert lines[:8] == processes
    assert f"error  {FAILED}  (N s)" in lines
    cells = [line.partition(" in ")[0] for line in lines if line.startswith("h200-")]
    assert cells == ["h200-fp32: 1 pass", "h200-bf16: 1 error, 1 pass"]
    file = tmp_path / "perf" / "h200.benchmark.json"
    assert lines[-1] == f"samples, for pytest-benchmark compare: {file}"


def test_a_worker_times_its_cases_alone_with_as_many_processes_as_asked(
    worker: InProcessWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of other cases stay."""
    names = [case.case.id for case in worker.cases]
    few = _worker(monkeypatch, tmp_path)
    for case in worker.cases[1:]:
        file = record_files.path_of(tmp_path, case)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(record_files.path_of(worker.folder, case).read_bytes())
    assert few.run("--processes", "2", names=names[:1])[0] == 0
    records = few.records()
    assert {name: records[name] for name in names[1:]} == {
        name: worker.records()[name] for name in names[1:]
    }
    timing = records[names[0]].timing
    assert timing is not None
    assert len(timing.processes) == 2


def test_a_share_is_judged_among_all_cases_of_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A share knows how many comparisons the report makes; its samples are a file of its own."""
    worker, comparisons = _worker(monkeypatch, tmp_path), []
    time_row = row_timing.time_row

    def noted(plan: Sequence[Any], *arguments: Any) -> Any:
        comparisons.append((len(plan), arguments[-1]))
        return time_row(plan, *arguments)

    monkeypatch.setattr(ask, "time_row", noted)
    assert worker.run("--share", "2/2", names=NAMES[:1])[0] == 0
    assert comparisons == [(1, 3)]
    files = [file.name for file in (tmp_path / "perf").glob("*benchmark*")]
    assert files == ["h200.benchmark.2of2.json"]
    assert "samples, for pytest-benchmark compare" not in capsys.readouterr().out
