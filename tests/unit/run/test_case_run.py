"""A worker's run: its messages, its records, and when it leaves the rest to another.

A function of a line stands in for the test of parity, which takes seconds a case.
"""

from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

import pytest

from kernelproof.errors import ResultsError
from kernelproof.measure.evidence import Evidence
from kernelproof.plan import matrix
from kernelproof.plan.cases import Case
from kernelproof.records import record_files
from kernelproof.run import case_plugin
from kernelproof.run.worker_messages import LOST_DEVICE, WorkerMessage
from tests.cells import test_parity as cells
from tests.unit.records.made_records import record_of
from tests.unit.run.worker_in_process import STARTED, InProcessWorker

NAMES = [f"gemma4_routing-cpu-{dtype}-E8-K8-T1" for dtype in ("fp32", "fp16")]
PASSES = dict.fromkeys(NAMES, "pass")


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcessWorker:
    """Returns a worker of two cases, which pass."""
    monkeypatch.setattr(cells, "test_parity", _pass)
    return InProcessWorker(monkeypatch, tmp_path, "parity", "cpu", NAMES)


def _pass(case: Case, evidence: Evidence) -> None:
    assert evidence.case == case
    evidence.add_numbers(launches=3)


def _raise_a_bug(case: Case, evidence: Evidence) -> NoReturn:
    raise RuntimeError(f"a bug of {case.id} in {evidence.device}")


def test_a_worker_sends_its_machine_then_each_case(worker: InProcessWorker) -> None:
    """Each case with its limit before it begins, and a message that it is over."""
    code, (first, *others) = worker.run()
    assert (code, worker.outcomes()) == (0, PASSES)
    assert first.machine["device"] == {"name": "cpu"}
    limit = matrix.load().kernels["gemma4_routing"].seconds_per_case
    begun = [WorkerMessage(case=name, seconds=limit) for name in NAMES]
    assert others == [begun[0], WorkerMessage(), begun[1], WorkerMessage()]


def test_a_worker_runs_what_it_is_assigned(worker: InProcessWorker) -> None:
    """In that order, as results of the assigned revision; older records of these cases go first."""
    for case in worker.cases:
        record_files.write(worker.folder, case, record_of(case, outcome="fail"))
    code, messages = worker.run(names=NAMES[1:])
    assert (code, [message.case for message in messages if message.case]) == (0, NAMES[1:])
    assert worker.outcomes() == {NAMES[0]: "fail", NAMES[1]: "pass"}
    record = worker.records()[NAMES[1]]
    source = (record.commit, record.dirty, record.tree)
    assert source == (STARTED.commit, STARTED.dirty, STARTED.tree)
    assert (record.numbers, len(record.digest or "")) == ({"launches": 3}, 64)
    _, messages = worker.run(names=NAMES[::-1])
    assert [message.case for message in messages if message.case] == NAMES[::-1]


def test_another_machine_removes_no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4; the records that the right machine left are still there."""
    name = NAMES[0].replace("-cpu-", "-h200-")
    worker = InProcessWorker(monkeypatch, tmp_path, "parity", "h200", [name])
    for case in worker.cases:
        record_files.write(tmp_path, case, record_of(case))
    assert worker.run() == (4, [])
    assert worker.outcomes() == {name: "pass"}


def test_an_error_leaves_the_other_cases(
    worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the device still computes."""
    monkeypatch.setattr(cells, "test_parity", _raise_a_bug)
    assert worker.run()[0] == 0
    assert worker.outcomes() == dict.fromkeys(NAMES, "error")


def test_a_lost_device_ends_a_worker(
    worker: InProcessWorker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The case at which it was lost is a crash; of the others, not even an older record is left."""
    for case in worker.cases:
        record_files.write(worker.folder, case, record_of(case))
    monkeypatch.setattr(cells, "test_parity", _raise_a_bug)
    monkeypatch.setattr(case_plugin, "pulse", lambda _: "CUDA error")
    assert worker.run()[0] == LOST_DEVICE
    assert worker.outcomes() == {NAMES[0]: "crash"}
    error = f"RuntimeError: a bug of {NAMES[0]} in cpu\n"
    assert worker.records()[NAMES[0]].reason.startswith(error)
    assert f"crash  {NAMES[0]}" in capsys.readouterr().out


def test_records_that_cannot_be_written_end_a_worker(
    worker: InProcessWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one line and exit code 3, at the first one."""
    error = ResultsError("results: no space left on device")
    with patch.object(record_files, "write", side_effect=error):
        code, messages = worker.run()
    assert (code, worker.records()) == (3, {})
    output, errors = capsys.readouterr()
    assert errors == "results: no space left on device\n"
    assert "Traceback" not in output
    assert [message.case for message in messages if message.case] == NAMES[:1]
