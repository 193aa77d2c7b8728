"""History: runs in the order of their times, and the steps of a time, also at their bounds."""

import io
from typing import Any

from rich.console import Console

from kernelproof.machine.revision import Revision
from kernelproof.records.verdict import Verdict
from kernelproof.report import history
from kernelproof.report.earlier_runs import EarlierRuns
from kernelproof.report.report_file import Report, report_of
from tests.unit.report.made_reports import CASE, run_of, runs_of

# Times of runs, at a limit of 3 percent, and the steps in them: run, percent, is_confirmed.
STEPS: dict[str, tuple[list[float], list[tuple[int, float, bool | None]]]] = {
    "noise": ([10, 10.02, 9.98, 10.01], []),
    "less than half the limit at a time": ([10, 10, 10.14, 10.2, 10.2], []),
    "slower": ([10, 10, 10.2, 10.2, 10.2], [(2, 2.0, True)]),
    "faster": ([10, 10, 9.5, 9.5], [(2, -5.0, True)]),
    "a spike": ([10, 10, 11, 10, 10], []),
    "an early spike": ([10, 11, 10, 10, 10], []),
    "not confirmed yet": ([10, 10, 10, 11], [(3, 10.0, None)]),
    "a dip after a step": ([10, 10, 11, 11, 10, 11, 11], [(2, 10.0, True)]),
    "there and back": ([10, 10, 11, 11, 11, 10, 10], [(2, 10.0, True), (5, -9.09, True)]),
    "part of the way back": ([10, 10, 11, 10.5, 10.5], [(2, 10.0, True), (3, -4.55, True)]),
    "one run": ([10], []),
    "no run": ([], []),
}
# The same at a limit of 6 percent: of two middle times the one that shows less counts.
MIDDLES: dict[str, tuple[list[float], list[tuple[int, float]]]] = {
    "a dip right after": ([10, 10, 11, 10, 11, 11], [(2, 10.0)]),
    "of two after, the lower": ([10, 10, 11, 11, 10], [(4, -9.09)]),
    "of two before, the higher": ([10, 9, 10.2, 10.2], []),
    "of two after, the higher": ([10, 10, 9, 9, 10], [(4, 11.11)]),
    "of two before, the lower": ([9, 10, 9, 8.9, 8.9], []),
}


def _percent(new: float, old: float) -> float:
    return 100 * (new / old - 1)


# Times of runs, times over the floor, the limit, and what is to blame for the step in them; of
# small limits, under which a step is less than a percent, the step has its direction, too.
CAUSES: tuple[tuple[list[float], list[float], float, str], ...] = (
    ([10, 11, 11], [2.0, 2.2, 2.2], 3.0, "kernel"),
    ([10, 10, 11, 11], [2.0, 2.0, 2.2, 2.2], 3.0, "kernel"),
    ([10, 11, 11], [2.0, 2.0, 2.0], 3.0, "machine"),
    ([10, 11, 11], [1.0, 1.01, 1.01], 3.0, "machine"),
    ([10, 11, 11], [2.0, 1.8, 1.8], 3.0, "machine"),
    ([10, 9, 9], [2.0, 1.8, 1.8], 3.0, "kernel"),
    ([10, 9, 9], [2.0, 2.0, 2.0], 3.0, "machine"),
    ([10, 9, 9], [2.0, 2.2, 2.2], 3.0, "machine"),
    ([10, 10.09, 10.09], [1.0, 1.0, 1.0], 0.8, "machine"),
    ([10, 10.09, 10.09], [1.0, 1.009, 1.009], 0.8, "kernel"),
    ([10, 11.5, 11.5], [2.0, 2.2, 2.2], 1.99 * _percent(2.2, 2.0), "kernel"),
    ([10, 11.5, 11.5], [2.0, 2.2, 2.2], 2.0 * _percent(2.2, 2.0), "machine"),
    ([10, 8.5, 8.5], [2.0, 1.8, 1.8], -1.99 * _percent(1.8, 2.0), "kernel"),
    ([10, 8.5, 8.5], [2.0, 1.8, 1.8], -2.0 * _percent(1.8, 2.0), "machine"),
)


def test_steps() -> None:
    """A step is above half the limit between neighbours, and the runs after it keep it."""
    for name, (times, expected) in STEPS.items():
        steps = history.steps(runs_of(times))
        assert [(step.run, step.percent, step.is_confirmed) for step in steps] == expected, name
        assert all(step.before == step.run - 1 for step in steps)
    for name, (times, of_middles) in MIDDLES.items():
        steps = history.steps(runs_of(times, 6.0))
        assert [(step.run, step.percent) for step in steps] == of_middles, name


def test_runs_without_a_time_are_passed_over() -> None:
    """A run that did not time the case, or has no real time, neither makes a step nor hides one."""
    for us in (None, 0.0, -1.0, float("inf"), float("nan")):
        runs = [run_of(place, time or us) for place, time in enumerate((10, None, 11, None, 11))]
        assert [(step.before, step.run) for step in history.steps(runs)] == [(0, 2)]
        (points,) = history.series([run_of(0, us)]).values()
        assert [(point.time_us, point.ratio, point.limit) for point in points] == [
            (None, None, 3.0)
        ], us


def test_a_time_that_is_reported_again_confirms_nothing() -> None:
    """The same figures of the same commit are one measurement, however often reported."""
    for last, is_confirmed in ((run_of(1, 11), None), (run_of(1, 11.01), True)):
        runs = [run_of(0, 10), run_of(1, 11), run_of(1, 11), last]
        assert [step.is_confirmed for step in history.steps(runs)] == [is_confirmed]


def test_the_limit_of_either_run() -> None:
    """The later run's limit counts, or else the earlier one's; without both there is no step."""
    for limited in ([0], [1], [2], [1, 2]):
        runs = [
            run_of(place, us, limit=3.0 if place in limited else None)
            for place, us in enumerate((10, 10, 11))
        ]
        expected = [10.0] if {1, 2} & {*limited} else []
        assert [step.percent for step in history.steps(runs)] == expected, limited
    lower, higher = (runs_of([10, 10.2], limit) for limit in (3.0, 5.0))
    assert len(history.steps([higher[0], lower[1]])) == 1
    assert history.steps([lower[0], higher[1]]) == []


def test_half_the_limit_is_no_step() -> None:
    """A change of exactly that is none; a larger one is: between neighbours, and of middles."""
    for times, new, old, run in (
        ([9.0, 9.0, 10.0, 11.0], 11.0, 10.0, 3),
        ([10.0, 11.0], 11.0, 10.0, 1),
        ([10.0, 9.0], 9.0, 10.0, 1),
        ([11.0, 11.0, 10.0, 9.0], 9.0, 10.0, 3),
        ([11, 11, 10, 12], 12.0, 11.0, 3),
        ([10, 12, 11, 11, 11], 11.0, 10.0, 1),
    ):
        size = abs(_percent(new, old))
        for factor, is_step in ((1.99, True), (2, False)):
            steps = [step.run for step in history.steps(runs_of(times, factor * size))]
            assert (run in steps) == is_step, times


def test_the_cause_of_a_step() -> None:
    """It is the kernel if the time over the floor moved in the same direction, by enough."""
    for times, ratios, limit, by in CAUSES:
        steps = history.steps(runs_of(times, limit, ratios))
        assert [step.by for step in steps] == [by], (times, ratios)


def test_a_step_has_two_digits() -> None:
    """A step's percentages have two digits; if a run lacks its ratio, the kernel is blamed."""
    (step,) = history.steps(runs_of([10, 11.23456, 11.23456], 3.0, [1.0, 1.123456, 1.123456]))
    assert (step.percent, step.ratio_percent) == (12.35, 12.35)
    assert history.steps(runs_of([10, 10.09, 10.03], 0.8)) == []
    for without in (0, 1):
        runs = runs_of([10, 11, 11], 3.0, [1.0, 1.1, 1.1])
        (case,) = runs[without].cases
        case = case.model_copy(update={"numbers": {**case.numbers, "ratio_to_floor": 0.0}})
        runs[without] = runs[without].model_copy(update={"cases": [case]})
        (step,) = history.steps(runs)
        assert (step.percent, step.ratio_percent, step.by) == (10.0, None, "kernel")


def _content(runs: list[Report], skipped: tuple[str, ...] = ()) -> dict[str, Any]:
    return history.content(EarlierRuns(reports=tuple(runs), skipped=skipped))


def test_the_content_for_the_page() -> None:
    """Letters in the order of the words; a run without the case has a full stop and no point."""
    empty = report_of([], Revision(commit="e" * 40, dirty=True, tree="7" * 64))
    runs = [run_of(0, 10), empty, run_of(2, 11, 1.5, verdict="fail")]
    content = _content(runs, ("a line",))
    fields = ("commit", "dirty", "blocks", "summary")
    step = {"before": 0, "run": 2, "percent": 10.0, "ratio_percent": -85.0, "by": "machine"}
    points = [[0, 10.0, 10.0], [2, 11.0, 1.5]]
    assert content == {
        "words": {"a": "fail", "b": "pass"},
        "cases": {f"parity {CASE}": {"verdicts": "b.a", "points": points}},
        "runs": [
            {"date": date, **{name: getattr(run, name) for name in fields}}
            for date, run in zip(
                ("2026-11-24T12:00:00Z", None, "2026-11-24T14:00:00Z"), runs, strict=True
            )
        ],
        "steps": [{"case": CASE, **step, "is_confirmed": None}],
        "skipped": 1,
    }
    runs = [run_of(place, None, verdict=str(word)) for place, word in enumerate(Verdict)]
    words = _content(runs)["words"]
    assert [*words.values()] == sorted(Verdict)
    assert [*words] == [*"abcdefghijklmnop"[: len(words)]]


def _printed(runs: list[Report], *skipped: str, **settings: Any) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=80, no_color=False, **settings)
    history.print_steps(EarlierRuns(reports=tuple(runs), skipped=skipped), console)
    return file.getvalue().splitlines()


def test_steps_are_in_columns() -> None:
    """A step of the last run says that nothing confirms it; a last line has the counts.

    The last twenty steps are shown; the number of earlier ones is in the last line.
    """
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
    assert _printed([]) == ["history: 0 runs, 0 steps"]
    skipped = _printed(runs_of([10]), "a line", "another")
    assert skipped == ["history: 1 runs, 0 steps; 2 unreadable, skipped"]
    for count, hidden in ((20, ""), (21, ", 1 earlier ones not shown")):
        times = [us for step in range(count + 1) for us in [10.0 * 1.1**step] * 3]
        *shown, last = _printed(runs_of(times), force_terminal=False)
        assert len(shown) == 1 + 20
        assert last == f"history: {len(times)} runs, {count} steps{hidden}"


def test_a_name_is_printed_as_it_is() -> None:
    """It has no colours, markup or emoji; a step has the last commit before, the first after it."""
    name = "[bold]12[/bold]:warning:"
    runs = [
        run.model_copy(
            update={"cases": [run.cases[0].model_copy(update={"id": name})], "commit": letter * 40}
        )
        for run, letter in zip(runs_of([10, 11, 11]), "abc", strict=True)
    ]
    lines = _printed(runs, force_terminal=True, color_system="truecolor")
    assert lines[1].startswith(f"{name}  +10.00 %  +10.00 %  ")
    assert lines[1].split()[-3:-1] == ["a" * 12, "b" * 12]
    assert not [line for line in lines if "\x1b" in line]
