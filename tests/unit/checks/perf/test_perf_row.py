"""One row timed, with made-up processes: how many there are, what each is asked, what is told."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernelproof.checks.perf import row_timing
from kernelproof.checks.perf.row_timing import CaseAnswers, time_row
from kernelproof.checks.perf.timing_processes import ProcessError
from kernelproof.plan.timing_pace import ROUNDS, Pace
from kernelproof.records import time_baseline
from kernelproof.records.timing import KERNEL, REFERENCE, StoredTiming
from tests.unit.run.processes import (
    CODE,
    COMMIT,
    FLOOR_CODE,
    FLOORS,
    MACHINE,
    OTHER_CODE,
    Made,
    case_of,
    near,
    planned_of,
    root_of,
    stored_of,
)

CASES = [case_of(tokens) for tokens in (1, 2, 3)]
IDS = [case.id for case in CASES]
PLAN = [planned_of(case) for case in CASES]
MISSING = "b" * 40
BESIDE = Path("/beside")

Run = Callable[..., dict[str, CaseAnswers]]


@pytest.fixture
def told() -> list[str]:
    """What is said while the row is timed."""
    return []


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> Run:
    """Times the plan with made-up processes; a clone that has one commit, `COMMIT`."""

    @contextmanager
    def worktree(commit: str) -> Iterator[Path]:
        assert commit == COMMIT
        yield BESIDE

    def timed(
        made: Made, stored: Mapping[str, StoredTiming] | None = None, pace: Pace | None = None
    ) -> dict[str, CaseAnswers]:
        found = SimpleNamespace(stored=stored) if stored is not None else None
        monkeypatch.setattr(row_timing, "Replicates", made)
        monkeypatch.setattr(time_baseline, "load", lambda *_: found)
        monkeypatch.setattr(row_timing, "commit_of", {COMMIT: COMMIT}.get)
        monkeypatch.setattr(row_timing, "worktree", worktree)
        return time_row(PLAN, MACHINE, told.append, pace or Pace())

    return timed


def test_without_a_baseline_the_first_processes_suffice(run: Run, told: list[str]) -> None:
    """8, each asked for every case; the last is known as the last, and each is told."""
    made = Made()
    found = run(made)
    assert made.asked() == [IDS] * 8
    assert made.is_last == [False] * 7 + [True]
    assert list(found) == IDS
    assert {len(one.timing.processes) for one in found.values()} == {8}
    assert [line.partition(" cases in ")[0] for line in told] == [
        f"process {n}: 3" for n in range(1, 9)
    ]


def test_each_process_has_its_own_order_and_one_is_hashed(run: Run) -> None:
    """The seeds differ; the code's hash is asked for once, and kept."""
    made = Made()
    found = run(made)
    assert [one.seed for one in made.requests] == [*range(8)]
    assert [one.is_hashed for one in made.requests] == [True] + [False] * 7
    assert {(one.row, one.rounds, one.task, one.tree) for one in made.requests} == {
        ("gpu", ROUNDS, "time", None)
    }
    assert {one.timing.code_hash for one in found.values()} == {CODE}
    assert {one.timing.floor_hash for one in found.values()} == {FLOOR_CODE}
    assert {(one.timing.launches, one.timing.bytes) for one in found.values()} == {(64, 4096)}


def test_the_first_process_chooses_the_floor(run: Run) -> None:
    """Later ones are asked beside the same."""
    made = Made()
    run(made)
    floors = [{one.floor for one in request.cases} for request in made.requests]
    assert floors == [{None}] + [{FLOORS[0]}] * 7


def test_the_floor_of_the_baseline_is_asked_for(run: Run) -> None:
    """From the first process on, for the cases that have one."""
    made = Made()
    run(made, {IDS[1]: stored_of(floor=FLOORS[1])})
    floors = [[one.floor for one in request.cases] for request in made.requests]
    assert floors[0] == [None, FLOORS[1], None]
    assert floors[1:] == [[FLOORS[0], FLOORS[1], FLOORS[0]]] * 7


def test_what_is_undecided_is_asked_again_until_the_budget_is_spent(run: Run) -> None:
    """4 more processes at a time, for the open cases alone, 20 in all."""
    made = Made(us=lambda case, n: near(10.0, n, 2.0 if case == IDS[2] else 0.05))
    found = run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 8 + [[IDS[2]]] * 12
    assert [n for n, is_last in enumerate(made.is_last, 1) if is_last] == [8, 12, 16, 20]
    assert [len(one.timing.processes) for one in found.values()] == [8, 8, 20]


def test_more_processes_end_once_they_decide(run: Run) -> None:
    """A case that 8 processes leave open by little."""
    made = Made(us=lambda case, n: near(10.0, n, 1.1 if case == IDS[1] else 0.05))
    run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 8 + [[IDS[1]]] * 4


@pytest.mark.parametrize("count", [1, 3, 9])
def test_so_many_processes_as_are_asked_for(run: Run, count: int) -> None:
    """Neither more nor fewer, decided or not."""
    made = Made(us=lambda _, n: near(10.0, n, 2.0))
    found = run(made, dict.fromkeys(IDS, stored_of()), Pace(first=count, most=count))
    assert made.asked() == [IDS] * count
    assert {len(one.timing.processes) for one in found.values()} == {count}


def test_a_case_with_an_error_is_asked_no_more(run: Run, told: list[str]) -> None:
    """The others go on; the error is the case's, in the process's words."""
    made = Made(errors={IDS[0]: "RuntimeError: no"})
    found = run(made)
    assert made.asked() == [IDS] + [IDS[1:]] * 7
    assert [one.error for one in found.values()] == ["RuntimeError: no", "", ""]
    assert [len(one.answers) for one in found.values()] == [0, 8, 8]
    assert told[1].startswith("process 2: 2 cases in ")


def test_where_every_case_has_an_error_it_ends(run: Run) -> None:
    """No process is asked for nothing."""
    made = Made(errors=dict.fromkeys(IDS, "RuntimeError: no"))
    found = run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS]
    assert made.open == 0
    assert {one.error for one in found.values()} == {"RuntimeError: no"}


def test_a_process_that_dies_ends_the_row(run: Run) -> None:
    """What it was asked for is nobody's to conclude."""
    made = Made(raised={4: ProcessError("perf: a timing process ended with 1:\nno")})
    with pytest.raises(ProcessError):
        run(made)
    assert made.open == 0


def _slow(us: float = 10.5) -> Made:
    return Made(
        us=lambda case, n: near(us if case == IDS[1] else 10.0, n),
        reference_us=lambda _, n: near(10.0, n),
        code=OTHER_CODE,
    )


def test_slower_other_code_is_timed_beside_the_baselines(run: Run, told: list[str]) -> None:
    """In 8 processes more, of that case alone, beside the tree of the baseline's commit."""
    made = _slow()
    found = run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 8 + [[IDS[1]]] * 8
    assert root_of(made.requests) == [None] * 8 + [BESIDE] * 8
    timing = found[IDS[1]].timing
    assert (timing.reference, len(timing.reference_processes)) == (COMMIT, 8)
    assert timing.reference_processes[0].us(KERNEL) > 1.04 * timing.reference_processes[0].us(
        REFERENCE
    )
    assert {len(one.processes) for one in (found[name].timing for name in IDS)} == {8}
    assert found[IDS[0]].timing.reference is None
    assert f"timing the code of {COMMIT[:12]} beside, 1 cases" in told


def test_the_same_code_is_not_timed_beside(run: Run) -> None:
    """It would be beside itself."""
    made = _slow()
    made.code = CODE
    run(made, dict.fromkeys(IDS, stored_of()))
    assert root_of(made.requests) == [None] * 8


def test_other_code_that_is_no_slower_is_not(run: Run) -> None:
    """Its own times decide."""
    made = _slow(us=10.0)
    run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 8


def test_a_commit_that_is_not_in_the_clone_is_told(run: Run, told: list[str]) -> None:
    """By its name; the case is judged by its own times."""
    made = _slow()
    found = run(made, dict.fromkeys(IDS, stored_of(commit=MISSING)))
    assert root_of(made.requests) == [None] * 8
    assert found[IDS[1]].timing.reference is None
    line = f"the baseline's commit {MISSING[:12]} is not in this clone: not timed beside"
    assert told[8:] == [line]


def test_an_undecided_case_of_other_code_is_decided_beside(run: Run) -> None:
    """Not by more processes of its own, where the baseline's commit is at hand."""
    made = _slow()
    made.us = made.reference_us = lambda case, n: near(10.0, n, 2.0 if case == IDS[2] else 0.05)
    run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 8 + [[IDS[2]]] * 8
    assert root_of(made.requests)[8:] == [BESIDE] * 8
    assert [one.seed for one in made.requests] == [*range(16)]


def test_what_is_undecided_beside_is_timed_until_the_budget_is_spent(run: Run) -> None:
    """8, then 4 more at a time, 20 beside; the others of the commit only as long as they need."""
    made = _slow()
    made.us = lambda case, n: near(10.5, n, 2.0 if case == IDS[2] else 0.05)
    found = run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 16 + [[IDS[2]]] * 12
    assert [len(one.reference_answers) for one in found.values()] == [8, 8, 20]


def test_an_error_beside_is_the_case_s(run: Run) -> None:
    """No verdict is drawn from its own times alone."""
    made = _slow()
    made.errors_beside = {IDS[1]: "TypeError: of the old code"}
    found = run(made, dict.fromkeys(IDS, stored_of()))
    assert made.asked() == [IDS] * 8 + [[IDS[1]]]
    assert found[IDS[1]].error == "TypeError: of the old code"


def test_a_process_that_dies_costs_one_case(run: Run, told: list[str]) -> None:
    """The cases after it are asked of another one, with the same seed; the others go on without."""
    made = Made(deaths={IDS[1]: "its timing process ended with -11"})
    found = run(made, {})
    assert made.asked() == [IDS, [IDS[2]]] + [[IDS[0], IDS[2]]] * 7
    assert [one.seed for one in made.requests] == [0, 0, *range(1, 8)]
    assert (found[IDS[1]].error, found[IDS[1]].outcome) == (made.deaths[IDS[1]], "crash")
    assert [len(found[name].answers) for name in (IDS[0], IDS[2])] == [8, 8]
    assert len(told) == 8
