"""Steps of the history at their bounds, by made-up runs: how large, how sure, and to whom due."""

import datetime
import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console

from kernelproof.machine.revision import Revision
from kernelproof.records.verdict import Verdict
from kernelproof.report import history
from kernelproof.report.earlier_runs import EarlierRuns
from kernelproof.report.history import Step
from kernelproof.report.report_file import Report, report_of
from tests.unit.report.test_history import CASE, NOON, run_of, runs_of
from tests.unit.report.test_report import judged


def _runs(
    times: Sequence[float], limit: float | None, ratios: Sequence[float] = ()
) -> list[Report]:
    """A run a time, at one limit, and with times over the floor where some are given."""
    found = []
    for place, us in enumerate(times):
        numbers = {"time_us": us}
        numbers |= {"limit_percent": limit} if limit is not None else {}
        numbers |= {"ratio_to_floor": ratios[place]} if ratios else {}
        source = Revision(commit=f"{place:040}", dirty=False, tree="7" * 64)
        date = NOON + datetime.timedelta(hours=place)
        found.append(report_of([judged("pass", 1, numbers=numbers)], source, date))
    return found


def _steps(
    times: Sequence[float], limit: float | None = 3.0, ratios: Sequence[float] = ()
) -> list[Step]:
    return history.steps(_runs(times, limit, ratios))


def _percent(new: float, old: float) -> float:
    return 100 * (new / old - 1)


@pytest.mark.parametrize("at", [[0], [1], [2], [1, 2]], ids=str)
def test_a_limit_of_either_run_is_taken(at: list[int]) -> None:
    """The later one's, or else the earlier one's; where neither has one there is no step."""
    limited, bare = (_runs([10, 10, 11], limit) for limit in (3.0, None))
    runs = [limited[place] if place in at else bare[place] for place in range(3)]
    assert [step.percent for step in history.steps(runs)] == ([10.0] if {1, 2} & {*at} else [])


def test_the_later_limit_counts() -> None:
    """A limit that was raised is not applied to what went before it, nor a lowered one."""
    lower, higher = _runs([10, 10.2], 3.0), _runs([10, 10.2], 5.0)
    assert len(history.steps([higher[0], lower[1]])) == 1
    assert history.steps([lower[0], higher[1]]) == []


@pytest.mark.parametrize(
    "times",
    [
        [9.0, 9.0, 10.0, 11.0],
        [10.0, 11.0],
        [10.0, 9.0],
        [11.0, 11.0, 10.0, 9.0],
    ],
    ids=str,
)
def test_half_the_limit_is_no_step(times: list[float]) -> None:
    """Exactly that between neighbours is not; any more is."""
    size = abs(_percent(times[-1], times[-2]))
    assert len(_steps(times, 1.99 * size)) > 0
    assert [step.run for step in _steps(times, 2 * size) if step.run == len(times) - 1] == []


def test_the_middle_of_the_runs_before_counts() -> None:
    """A change that the last of them alone shows is none; exactly half the limit is none either."""
    size = _percent(12.0, 11.0)
    assert [step.run for step in _steps([11, 11, 10, 12], 1.99 * size)] == [3]
    assert _steps([11, 11, 10, 12], 2 * size) == []


def test_the_middle_of_the_runs_after_counts() -> None:
    """Exactly half the limit confirms nothing."""
    size = _percent(11.0, 10.0)
    assert [step.run for step in _steps([10, 12, 11, 11, 11], 1.99 * size)] == [1]
    assert [step.run for step in _steps([10, 12, 11, 11, 11], 2 * size)] == []


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ([10, 10, 11, 10, 11, 11], [(2, 10.0)]),
        ([10, 10, 11, 11, 10], [(4, -9.09)]),
        ([10, 9, 10.2, 10.2], []),
        ([10, 10, 9, 9, 10], [(4, 11.11)]),
        ([9, 10, 9, 8.9, 8.9], []),
    ],
    ids=[
        "a dip right after",
        "of two after, the lower",
        "of two before, the higher",
        "of two after, the higher",
        "of two before, the lower",
    ],
)
def test_of_two_the_one_that_shows_less_counts(
    times: list[float], found: list[tuple[int, float]]
) -> None:
    """On both sides, and for both directions."""
    assert [(step.run, step.percent) for step in _steps(times, 6.0)] == found


@pytest.mark.parametrize(
    ("times", "ratios", "by"),
    [
        ([10, 11, 11], [2.0, 2.2, 2.2], "kernel"),
        ([10, 11, 11], [2.0, 2.0, 2.0], "machine"),
        ([10, 11, 11], [2.0, 1.8, 1.8], "machine"),
        ([10, 9, 9], [2.0, 1.8, 1.8], "kernel"),
        ([10, 9, 9], [2.0, 2.0, 2.0], "machine"),
        ([10, 9, 9], [2.0, 2.2, 2.2], "machine"),
    ],
)
def test_the_kernel_moves_its_time_over_the_floor(
    times: list[float], ratios: list[float], by: str
) -> None:
    """In the same direction; what moves the floor as well, or that alone, is the machine's."""
    assert [step.by for step in _steps(times, 3.0, ratios)] == [by]


@pytest.mark.parametrize("ratio", [2.2, 1.8])
def test_half_the_limit_over_the_floor_is_the_machines(ratio: float) -> None:
    """Exactly that does not blame the kernel."""
    size = abs(_percent(ratio, 2.0))
    times = [10, 11.5, 11.5] if ratio > 2 else [10, 8.5, 8.5]
    found = [_steps(times, of * size, [2.0, ratio, ratio])[0].by for of in (1.99, 2.0)]
    assert found == ["kernel", "machine"]


def test_a_small_step_has_its_direction() -> None:
    """One of less than a percent, where the limit is less."""
    slower = _steps([10, 10.09, 10.09], 0.8, [1.0, 1.0, 1.0])
    assert [(step.percent, step.by) for step in slower] == [(0.9, "machine")]
    kernel = _steps([10, 10.09, 10.09], 0.8, [1.0, 1.009, 1.009])
    assert [(step.percent, step.by) for step in kernel] == [(0.9, "kernel")]
    unconfirmed = _steps([10, 10.09, 10.03], 0.8)
    assert unconfirmed == []


def test_a_step_is_told_to_two_digits() -> None:
    """Of the time, and of the time over the floor, where both runs have one."""
    (step,) = _steps([10, 11.23456, 11.23456], 3.0, [1.0, 1.123456, 1.123456])
    assert (step.percent, step.ratio_percent) == (12.35, 12.35)
    assert [one.ratio_percent for one in _steps([10, 11, 11])] == [None]
    for without in (0, 1):
        runs = _runs([10, 11, 11], 3.0, [1.0, 1.1, 1.1])
        runs[without] = _runs([10, 11, 11], 3.0)[without]
        (step,) = history.steps(runs)
        assert (step.ratio_percent, step.by) == (None, "kernel")


@pytest.mark.parametrize("us", [0.0, -1.0, float("inf"), float("nan")], ids=str)
def test_what_is_no_time_is_no_point(us: float) -> None:
    """It neither makes a step nor hides one."""
    (points,) = history.series([run_of(0, us)]).values()
    assert [(point.time_us, point.ratio, point.limit) for point in points] == [(None, None, 3.0)]


def _content(runs: list[Report]) -> dict[str, Any]:
    return history.content(EarlierRuns(reports=tuple(runs)))


def test_the_whole_content_for_the_page() -> None:
    """Letters in the order of the words, a point where a run has none of the case."""
    empty = report_of([], Revision(commit="e" * 40, dirty=True, tree="7" * 64))
    runs = [run_of(0, 10, verdict="pass"), empty, run_of(2, 11, 1.5, verdict="fail")]
    told = _content(runs)
    assert told["words"] == {"a": "fail", "b": "pass"}
    every = [run_of(place, None, verdict=str(word)) for place, word in enumerate(Verdict)]
    words = _content(every)["words"]
    assert [*words.values()] == sorted(Verdict)
    assert [*words] == [*"abcdefghijklmnop"[: len(words)]]
    points = [[0, 10.0, 10.0], [2, 11.0, 1.5]]
    assert told["cases"] == {f"parity {CASE}": {"verdicts": "b.a", "points": points}}
    assert told["runs"][1:] == [
        {"date": None, "commit": "e" * 40, "dirty": True, "blocks": False, "summary": {}},
        {
            "date": "2026-11-24T14:00:00+00:00",
            "commit": f"{2:040}",
            "dirty": False,
            "blocks": True,
            "summary": {"fail": 1},
        },
    ]
    assert told["steps"] == [
        {
            "case": CASE,
            "before": 0,
            "run": 2,
            "percent": 10.0,
            "ratio_percent": -85.0,
            "by": "machine",
            "is_confirmed": None,
        }
    ]


def _printed(runs: list[Report], **settings: Any) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=80, no_color=False, **settings)
    history.print_steps(EarlierRuns(reports=tuple(runs)), console)
    return file.getvalue().splitlines()


def test_steps_are_in_columns() -> None:
    """As wide as the widest word; a step of the last run says that nothing confirms it."""
    head, *lines = _printed(runs_of([10, 11, 11, 11, 9]), force_terminal=False)
    zeros = "0" * 12
    assert head == (
        "case                   step      over the floor  by      from          to            state"
    )
    assert lines == [
        f"{CASE}  +10.00 %  +10.00 %        kernel  {zeros}  {zeros}  confirmed",
        f"{CASE}  -18.18 %  -18.18 %        kernel  {zeros}  {zeros}  last run: not confirmed yet",
        "history: 5 runs, 2 steps",
    ]


@pytest.mark.parametrize(("count", "hidden"), [(20, ""), (21, ", 1 earlier ones not shown")])
def test_the_last_twenty_steps_are_shown(count: int, hidden: str) -> None:
    """And how many there are before them."""
    times = [us for step in range(count + 1) for us in [10.0 * 1.1**step] * 3]
    *shown, last = _printed(runs_of(times), force_terminal=False)
    assert len(shown) == 1 + 20
    assert last == f"history: {len(times)} runs, {count} steps{hidden}"


def test_a_name_is_printed_as_it_is() -> None:
    """Without colours, markup or pictures."""
    name = "[bold]12[/bold]:warning:"
    runs = [
        run.model_copy(update={"cases": [run.cases[0].model_copy(update={"id": name})]})
        for run in runs_of([10, 11])
    ]
    printed = _printed(runs, force_terminal=True, color_system="truecolor")
    assert printed[1].startswith(f"{name}  +10.00 %  +10.00 %  ")
    assert not [line for line in printed if "\x1b" in line]
