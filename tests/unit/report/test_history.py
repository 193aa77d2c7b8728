"""History: runs in the order of their times, and the commits between which a step happened."""

import datetime
import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from kernelproof.machine.revision import Revision
from kernelproof.report import history
from kernelproof.report.earlier_runs import EarlierRuns
from kernelproof.report.report_file import Report, report_of
from tests.unit.report.test_report import judged

NOON = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
CASE = "toy-cpu-fp32-E8-K2-T1"


def run_of(
    place: int, us: float | None, ratio: float | None = None, verdict: str = "pass"
) -> Report:
    """The report of one case at commit number `place`, with a time and a limit of 3 percent."""
    numbers = {"limit_percent": 3.0}
    if us is not None:
        numbers |= {"time_us": us, "ratio_to_floor": us if ratio is None else ratio}
    source = Revision(commit=f"{place:040}", dirty=False, tree="7" * 64)
    date = NOON + datetime.timedelta(hours=place)
    return report_of([judged(verdict, 1, numbers=numbers)], source, date)


def runs_of(times: Sequence[float]) -> list[Report]:
    """A run a time."""
    return [run_of(place, us) for place, us in enumerate(times)]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([10, 10.02, 9.98, 10.01], []),
        ([10, 10, 10.14, 10.2, 10.2], []),
        ([10, 10, 10.2, 10.2, 10.2], [(2, 2.0, True)]),
        ([10, 10, 9.5, 9.5], [(2, -5.0, True)]),
        ([10, 10, 11, 10, 10], []),
        ([10, 11, 10, 10, 10], []),
        ([10, 10, 10, 11], [(3, 10.0, None)]),
        ([10, 10, 11, 11, 10, 11, 11], [(2, 10.0, True)]),
        ([10, 10, 11, 11, 11, 10, 10], [(2, 10.0, True), (5, -9.09, True)]),
        ([10, 10, 11, 10.5, 10.5], [(2, 10.0, True), (3, -4.55, True)]),
        ([10], []),
        ([], []),
    ],
    ids=[
        "noise",
        "less than half the limit at a time",
        "slower",
        "faster",
        "a spike",
        "an early spike",
        "not confirmed yet",
        "a dip after a step",
        "there and back",
        "part of the way back",
        "one run",
        "no run",
    ],
)
def test_steps(times: list[float], found: list[tuple[int, float, bool | None]]) -> None:
    """A change of more than half the limit between neighbours, that the runs after it keep."""
    steps = history.steps(runs_of(times))
    assert [(step.run, step.percent, step.is_confirmed) for step in steps] == found
    assert all(step.before == step.run - 1 for step in steps)


@pytest.mark.parametrize(
    ("ratios", "by"),
    [([1.0, 1.1, 1.1], "kernel"), ([1.0, 1.0, 1.0], "machine"), ([1.0, 1.01, 1.01], "machine")],
    ids=["over the floor, too", "the floor as well", "hardly"],
)
def test_who_is_to_blame(ratios: list[float], by: str) -> None:
    """The kernel where the time over the floor moved with it, else the machine."""
    runs = [run_of(place, us, ratios[place]) for place, us in enumerate((10.0, 11.0, 11.0))]
    assert [step.by for step in history.steps(runs)] == [by]


def test_runs_without_the_case_are_passed_over() -> None:
    """A run that did not time it neither makes a step nor hides one."""
    runs = [run_of(0, 10), run_of(1, None), run_of(2, 11), run_of(3, None), run_of(4, 11)]
    assert [(step.before, step.run) for step in history.steps(runs)] == [(0, 2)]


def test_a_time_judged_again_is_no_confirmation() -> None:
    """The same figures of the same commit are one measurement, however often reported."""
    again = [run_of(0, 10), run_of(1, 11), run_of(1, 11), run_of(1, 11)]
    assert [step.is_confirmed for step in history.steps(again)] == [None]
    measured_again = [run_of(0, 10), run_of(1, 11), run_of(1, 11.01)]
    assert [step.is_confirmed for step in history.steps(measured_again)] == [True]


def test_the_content_for_the_page() -> None:
    """A letter a run for the verdicts, a point for each time, and the steps."""
    runs = [run_of(0, 10), run_of(1, None, verdict="missing"), run_of(2, 11), run_of(3, 11)]
    told = history.content(EarlierRuns(reports=tuple(runs), skipped=("a line",)))
    letters = {word: letter for letter, word in told["words"].items()}
    one = told["cases"][f"parity {CASE}"]
    assert one["verdicts"] == "".join(letters[word] for word in ("pass", "missing", "pass", "pass"))
    assert [point[:2] for point in one["points"]] == [[0, 10], [2, 11], [3, 11]]
    assert [(step["case"], step["run"]) for step in told["steps"]] == [(CASE, 2)]
    assert told["runs"][0]["date"] == "2026-11-24T12:00:00+00:00"
    assert told["skipped"] == 1


@pytest.mark.parametrize(
    ("skipped", "told"),
    [((), ""), (("a line",) * 2, "; 2 unreadable, skipped")],
    ids=["all", "some"],
)
def test_the_steps_in_a_terminal(skipped: tuple[str, ...], told: str) -> None:
    """A line each, with both commits, and how many runs there were, and were not read."""
    file = io.StringIO()
    runs = EarlierRuns(reports=tuple(runs_of([10, 10, 11, 11])), skipped=skipped)
    history.print_steps(runs, Console(file=file, width=80, force_terminal=False))
    head, line, end = file.getvalue().splitlines()
    assert " ".join(head.split()) == "case step over the floor by from to state"
    words = [CASE, "+10.00", "%", "+10.00", "%", "kernel", "0" * 12, "0" * 12, "confirmed"]
    assert line.split() == words
    assert end == f"history: 4 runs, 1 steps{told}"
