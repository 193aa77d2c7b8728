"""A worker of perf with stand-ins for timing processes: records, and pytest-benchmark's file."""

import importlib
import json
import re
import statistics
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
import torch

from kernelproof.checks.perf import ask, row_timing
from kernelproof.measure import torch_device
from kernelproof.plan.schema import Check
from kernelproof.records import record_files, time_baseline
from kernelproof.records.timing import KERNEL
from tests.unit.checks.perf.fake_processes import CODE, FLOOR_CODE, FLOORS, FakeReplicates, near
from tests.unit.run.worker_in_process import STARTED, InProcessWorker

TIMED = [f"gemma4_routing-h200-{dtype}-E128-K8-T1" for dtype in ("fp32", "bf16")]
FAILED = "gemma4_routing-h200-bf16-E128-K8-T128"
NAMES = [*TIMED, FAILED]
ERROR = "RuntimeError: all 28 rounds were discarded"


def _worker(monkeypatch: pytest.MonkeyPatch, folder: Path) -> InProcessWorker:
    """Returns a worker on a machine that takes itself for the row, with made-up times."""
    fake = FakeReplicates(
        us=lambda case, number: near(2.0 if "bf16" in case else 3.0, number, 0.5),
        errors={FAILED: ERROR},
    )
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


def test_a_worker_leaves_a_record_a_case(worker: InProcessWorker) -> None:
    """A worker writes a record a case and one benchmark file; a failed case has no times."""
    records = worker.records()
    assert set(records) == set(NAMES)
    names = {file.name for file in (worker.folder / "perf").iterdir()}
    assert names == {f"{name}.json" for name in NAMES} | {"h200.benchmark.json"}
    record = records[FAILED]
    assert (record.outcome, record.timing, record.numbers) == ("error", None, {})
    assert record.reason == ERROR


@pytest.mark.parametrize("name", TIMED)
def test_a_record_holds_the_timing(worker: InProcessWorker, name: str) -> None:
    """Every process, its numbers, and the source; no digests, since no bits are asked."""
    record = worker.records()[name]
    timing = record.timing
    assert timing is not None
    assert (record.check, record.outcome, record.reason) == (Check.PERF, "pass", "")
    assert len(timing.processes) == 8
    assert (timing.floor, timing.code_hash, timing.floor_hash) == (FLOORS[0], CODE, FLOOR_CODE)
    numbers = {"time_us": timing.us, "floor_us": timing.floor_us, "ratio_to_floor": timing.ratio}
    assert record.numbers == numbers
    assert (record.digest, record.input_digest, record.seed) == (None, None, None)
    assert (record.commit, record.machine) == (STARTED.commit, {"device": {"name": "NVIDIA H200"}})
    assert record.reproduce == f"nox -s perf-regress -- --case {name}"


def test_a_benchmark_holds_the_samples(worker: InProcessWorker) -> None:
    """In seconds: each sample is a round of one launch, though no launch is run here.

    Beside them stands what a baseline needs: every process, as in the record.
    """
    content = json.loads((worker.folder / "perf" / "h200.benchmark.json").read_bytes())
    assert [benchmark["extra_info"]["case"] for benchmark in content["benchmarks"]] == TIMED
    for benchmark in content["benchmarks"]:
        name, extra = benchmark["extra_info"]["case"], benchmark["extra_info"]
        timing, stats = worker.records()[name].timing, benchmark["stats"]
        assert timing is not None
        samples = [us * 1e-6 for process in timing.processes for us in process.samples_us[KERNEL]]
        assert (stats["rounds"], stats["iterations"]) == (len(samples), 1) == (24, 1)
        assert stats["data"] == pytest.approx(samples)
        assert stats["median"] == pytest.approx(statistics.median(samples))
        assert (stats["min"], stats["max"]) == pytest.approx((min(samples), max(samples)))
        assert stats["mean"] == pytest.approx(statistics.fmean(samples))
        assert extra["floor_us"] == round(timing.floor_us, 4)
        assert extra["ratio_to_floor"] == round(timing.ratio, 4)
        assert (extra["bytes"], extra["code_hash"]) == (4096, CODE)
        assert extra["timing"] == timing.model_dump(mode="json")
        assert benchmark["group"] == name.split("-", 1)[1].partition("-E")[0]


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
    counts = [3, *[2] * 7]
    processes = [f"process {n}: {count} cases in N s" for n, count in enumerate(counts, 1)]
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
    assert [records[name] for name in names[1:]] == [worker.records()[name] for name in names[1:]]
    timing = records[names[0]].timing
    assert timing is not None
    assert len(timing.processes) == 2


def test_a_share_is_judged_among_all_cases_of_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A share knows how many comparisons the report makes; its samples are a file of its own."""
    worker, time_row = _worker(monkeypatch, tmp_path), mock.Mock(wraps=row_timing.time_row)
    monkeypatch.setattr(ask, "time_row", time_row)
    assert worker.run("--share", "2/2", names=NAMES[:1])[0] == 0
    plan, *_, comparisons = time_row.call_args.args
    assert (time_row.call_count, len(plan), comparisons) == (1, 1, 3)
    files = [file.name for file in (tmp_path / "perf").glob("*benchmark*")]
    assert files == ["h200.benchmark.2of2.json"]
    assert "samples, for pytest-benchmark compare" not in capsys.readouterr().out
