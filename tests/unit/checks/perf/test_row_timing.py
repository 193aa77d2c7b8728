"""The timing of one row with made-up processes: their number, their requests, and messages."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernelproof.checks.perf import row_timing
from kernelproof.checks.perf.row_timing import CaseAnswers, time_row
from kernelproof.checks.perf.timing_processes import ProcessError
from kernelproof.plan.timing_pace import ROUNDS, Pace
from kernelproof.records import time_baseline
from kernelproof.records.timing import KERNEL, REFERENCE, StoredTiming
from tests.unit.checks.perf import fake_processes
from tests.unit.checks.perf.fake_processes import COMMIT, FLOORS, FakeReplicates, near, stored_of

PLAN = [fake_processes.planned_of(fake_processes.case_of(tokens)) for tokens in (1, 2, 3)]
IDS = [planned.case.id for planned in PLAN]
ALL_STORED = dict.fromkeys(IDS, stored_of())
BESIDE = "/beside"

Run = Callable[..., dict[str, CaseAnswers]]


@pytest.fixture
def lines() -> list[str]:
    """Returns the lines that are said while the row is timed."""
    return []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> Run:
    """Times the plan with made-up processes, in a clone that has the one commit `COMMIT`."""

    def timed(
        processes: FakeReplicates,
        stored: Mapping[str, StoredTiming] | None = None,
        pace: Pace | None = None,
    ) -> dict[str, CaseAnswers]:
        baseline = None if stored is None else SimpleNamespace(stored=stored)
        monkeypatch.setattr(row_timing, "Replicates", processes)
        monkeypatch.setattr(time_baseline, "load", lambda *_: baseline)
        monkeypatch.setattr(row_timing, "commit_of", {COMMIT: COMMIT}.get)
        monkeypatch.setattr(row_timing, "worktree", {COMMIT: nullcontext(Path(BESIDE))}.get)
        return time_row(PLAN, fake_processes.MACHINE, lines.append, pace or Pace())

    return timed


def noisy(name: str, percent: float) -> FakeReplicates:
    """Returns processes that differ by so many percent at one case, and little at the others."""
    return FakeReplicates(us=lambda case, n: near(10.0, n, percent if case == name else 0.05))


def slow(us: float = 10.5) -> FakeReplicates:
    """Returns processes of other code, which take `us` at the second case."""
    other = fake_processes.OTHER_CODE
    return FakeReplicates(us=lambda case, n: near({IDS[1]: us}.get(case, 10.0), n), code=other)


def test_the_first_processes_suffice_without_a_baseline(run: Run, lines: list[str]) -> None:
    """8 are asked for every case, in an order of their own each; one hashes the code."""
    processes = FakeReplicates()
    answers = run(processes)
    assert processes.cases() == [IDS] * 8
    assert processes.is_last == [False] * 7 + [True]
    assert [request.seed for request in processes.requests] == [*range(8)]
    assert [request.is_hashed for request in processes.requests] == [True] + [False] * 7
    for request in processes.requests:
        settings = (request.row, request.rounds, request.task, request.tree)
        assert settings == ("gpu", ROUNDS, "time", None)
    assert list(answers) == IDS
    for case in answers.values():
        timing = case.timing
        assert timing.code_hash == fake_processes.CODE
        assert timing.floor_hash == fake_processes.FLOOR_CODE
        assert (timing.launches, timing.bytes, len(timing.processes)) == (64, 4096, 8)
    heads = [line.partition(" cases in ")[0] for line in lines]
    assert heads == [f"process {n}: 3" for n in range(1, 9)]
    # The baseline names its floor, or the first process chooses one for the later ones.
    processes = FakeReplicates()
    run(processes, {IDS[1]: stored_of(floor=FLOORS[1])})
    assert processes.floors() == [[None, FLOORS[1], None], *[[FLOORS[0], FLOORS[1], FLOORS[0]]] * 7]


def test_undecided_cases_are_timed_again(run: Run) -> None:
    """4 more processes at a time time them alone, until they are decided, 20 in all.

    If a number of processes is asked for, they are neither more nor fewer.
    """
    for percent, more in ((2.0, 12), (1.1, 4)):
        processes = noisy(IDS[2], percent)
        answers = run(processes, ALL_STORED)
        assert processes.cases() == [IDS] * 8 + [[IDS[2]]] * more
        last = [n for n, is_last in enumerate(processes.is_last, 1) if is_last]
        assert last == [*range(8, 9 + more, 4)]
        assert [len(case.timing.processes) for case in answers.values()] == [8, 8, 8 + more]
    for count in (1, 3, 9):
        processes = FakeReplicates(us=lambda _, n: near(10.0, n, 2.0))
        answers = run(processes, ALL_STORED, Pace(first=count, most=count))
        assert processes.cases() == [IDS] * count
        assert {len(case.timing.processes) for case in answers.values()} == {count}


def test_a_case_with_an_error_is_asked_no_more(run: Run, lines: list[str]) -> None:
    """The others go on, and with none left no process is asked for nothing."""
    processes = FakeReplicates(errors={IDS[0]: "RuntimeError: no"})
    answers = run(processes)
    assert processes.cases() == [IDS] + [IDS[1:]] * 7
    assert [case.error for case in answers.values()] == ["RuntimeError: no", "", ""]
    assert [len(case.answers) for case in answers.values()] == [0, 8, 8]
    assert lines[1].startswith("process 2: 2 cases in ")
    processes = FakeReplicates(errors=dict.fromkeys(IDS, "RuntimeError: no"))
    answers = run(processes, ALL_STORED)
    assert (processes.cases(), processes.entered) == ([IDS], 0)
    assert {case.error for case in answers.values()} == {"RuntimeError: no"}
    # An error beside the baseline's code is the case's: its own times alone draw no verdict.
    processes = slow()
    processes.errors_beside = {IDS[1]: "TypeError: of the old code"}
    answers = run(processes, ALL_STORED)
    assert processes.cases() == [IDS] * 8 + [[IDS[1]]]
    assert answers[IDS[1]].error == "TypeError: of the old code"


def test_a_process_that_dies_costs_one_case(run: Run, lines: list[str]) -> None:
    """Another one with the same seed is asked for the cases after it; later ones go on without.

    A process that does not measure ends the row, as its error is of no case.
    """
    processes = FakeReplicates(deaths={IDS[1]: "its timing process ended with -11"})
    answers = run(processes, {})
    assert processes.cases() == [IDS, [IDS[2]]] + [[IDS[0], IDS[2]]] * 7
    assert [request.seed for request in processes.requests] == [0, 0, *range(1, 8)]
    case = answers[IDS[1]]
    assert (case.error, case.outcome) == ("its timing process ended with -11", "crash")
    assert [len(answers[name].answers) for name in (IDS[0], IDS[2])] == [8, 8]
    assert len(lines) == 8
    processes = FakeReplicates(raised={4: ProcessError("perf: a timing process ended with 1:\nno")})
    with pytest.raises(ProcessError):
        run(processes)
    assert processes.entered == 0


def test_slower_other_code_is_timed_beside_the_baselines(run: Run, lines: list[str]) -> None:
    """8 processes more time that case alone, beside the tree of the baseline's commit."""
    processes = slow()
    answers = run(processes, ALL_STORED)
    assert processes.cases() == [IDS] * 8 + [[IDS[1]]] * 8
    assert processes.reference_trees() == [None] * 8 + [BESIDE] * 8
    timing = answers[IDS[1]].timing
    assert (timing.reference, len(timing.reference_processes)) == (COMMIT, 8)
    first = timing.reference_processes[0]
    assert first.us(KERNEL) > 1.04 * first.us(REFERENCE)
    assert {len(case.timing.processes) for case in answers.values()} == {8}
    assert answers[IDS[0]].timing.reference is None
    assert f"timing the code of {COMMIT[:12]} beside, 1 cases" in lines
    # Neither the same code, nor code that is no slower, nor beside a commit that is not here.
    same, no_slower, missing = slow(), slow(us=10.0), slow()
    same.code = fake_processes.CODE
    for processes in (same, no_slower):
        run(processes, ALL_STORED)
        assert processes.cases() == [IDS] * 8
    lines.clear()
    answers = run(missing, dict.fromkeys(IDS, stored_of(commit="b" * 40)))
    assert missing.reference_trees() == [None] * 8
    assert answers[IDS[1]].timing.reference is None
    message = "the baseline's commit bbbbbbbbbbbb is not in this clone: not timed beside"
    assert lines[8:] == [message]


def test_cases_undecided_beside_are_timed_until_the_budget_is_spent(run: Run) -> None:
    """8, then 4 more at a time, 20 beside; the other cases of the commit end when decided.

    An undecided case of other code takes no more processes of its own.
    """
    processes = slow()
    processes.us = lambda case, n: near(10.5, n, 2.0 if case == IDS[2] else 0.05)
    answers = run(processes, ALL_STORED)
    assert processes.cases() == [IDS] * 16 + [[IDS[2]]] * 12
    assert [len(case.reference_answers) for case in answers.values()] == [8, 8, 20]
    processes = noisy(IDS[2], 2.0)
    processes.code, processes.reference_us = fake_processes.OTHER_CODE, processes.us
    run(processes, ALL_STORED)
    assert processes.cases() == [IDS] * 8 + [[IDS[2]]] * 8
    assert processes.reference_trees()[8:] == [BESIDE] * 8
    assert [request.seed for request in processes.requests] == [*range(16)]
