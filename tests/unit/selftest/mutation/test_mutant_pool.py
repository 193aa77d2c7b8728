"""The pool of workers: it answers each request, tells of a death, and leaves nothing behind.

It starts processes, since starting and ending them is its subject; they import no torch.
"""

import os
from pathlib import Path

import pytest

from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from kernelproof.records.mutation_run import MutantStatus
from kernelproof.selftest.mutation.mutant_messages import MutantAnswer, MutantRequest
from kernelproof.selftest.mutation.mutant_pool import MutantPool, WorkerDeathError

WORKER = "tests.unit.selftest.mutation.answering_worker"


def _pool() -> MutantPool:
    return MutantPool(
        name="cpu", row=matrix.load().rows["cpu"], workers=2, module=WORKER, root=ROOT
    )


def _request(name: str) -> MutantRequest:
    return MutantRequest(id=name, kernel="toy", cases=["x"], seconds=1)


def _status_of(answer: MutantAnswer) -> MutantStatus:
    return MutantStatus.SURVIVED if answer.id == "9" else MutantStatus.KILLED


def test_each_request_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    """A pool answers each request by its id, and prints surviving mutants and the progress."""
    names = [str(number) for number in range(60)]
    with _pool() as pool:
        answers = pool.ask_all([_request(name) for name in names], _status_of)
    assert [*answers] == names
    (outcome,) = answers["7"].outcomes
    assert (outcome.case, outcome.reason.split()[1]) == ("cpu", "1")
    assert capsys.readouterr() == ("survived  9\n", "50/60 mutants\n")


def test_a_worker_that_dies_is_told() -> None:
    """With the mutant, since the environment of all is wrong."""
    with pytest.raises(WorkerDeathError, match="a worker ended at dies; "), _pool() as pool:
        pool.ask(_request("dies"))


def test_an_interrupt_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a process of the pool's nor a file of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    processes: list[int] = []

    def interrupt(answer: MutantAnswer) -> MutantStatus:
        processes.append(int(answer.outcomes[0].reason.split()[0]))
        raise KeyboardInterrupt

    pool = _pool()
    with pytest.raises(KeyboardInterrupt), pool:
        pool.ask_all([_request("a"), _request("b")], interrupt)
    assert [*tmp_path.iterdir()] == []
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)
