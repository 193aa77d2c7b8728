"""The history of many runs: each case's verdicts and times, and the runs at which a time stepped.

A step is a change of a case's time between neighbouring runs by more than half its limit, which
the runs after it confirm. If the time over the floor moved with it, the kernel changed; if that
stayed, the machine did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median_high, median_low
from typing import Any

from rich.console import Console

from kernelproof.files.text_table import aligned
from kernelproof.report.earlier_runs import EarlierRuns
from kernelproof.report.report_file import Report, ReportedCase
from kernelproof.report.terminal import PLAIN

_NEAR = 3  # runs before a step and after it that have to agree
_SHOWN = 20
_OF_RUN = {"date", "commit", "dirty", "blocks", "summary"}
_COLUMNS = ("case", "step", "over the floor", "by", "from", "to", "state")


@dataclass(frozen=True, kw_only=True)
class Point:
    """The verdict of one run on one case, and its time in microseconds if it has one."""

    run: int
    verdict: str
    time_us: float | None
    ratio: float | None
    limit: float | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A change of speed between `before`, the last run of the old speed, and `run`, the next one.

    `is_confirmed` is None if no run came after it.
    """

    case: str
    before: int
    run: int
    percent: float
    ratio_percent: float | None
    by: str
    is_confirmed: bool | None


def series(reports: Sequence[Report]) -> dict[tuple[str, str], list[Point]]:
    """Returns the points of each check and case; a time that is reported again counts once."""
    points: dict[tuple[str, str], list[Point]] = {}
    last: dict[tuple[str, str], tuple[object, ...]] = {}
    for run, report in enumerate(reports):
        for case in report.cases:
            key, point = (case.check, case.id), _point(run, case)
            measured = (report.commit, point.time_us, point.ratio)
            if point.time_us is not None and last.get(key) == measured:
                point = replace(point, time_us=None, ratio=None)
            elif point.time_us is not None:
                last[key] = measured
            points.setdefault(key, []).append(point)
    return points


def _point(run: int, case: ReportedCase) -> Point:
    return Point(
        run=run,
        verdict=case.verdict,
        time_us=_positive(case, "time_us"),
        ratio=_positive(case, "ratio_to_floor"),
        limit=_positive(case, "limit_percent"),
    )


def _positive(case: ReportedCase, name: str) -> float | None:
    value = case.numbers.get(name)
    return value if value is not None and 0 < value < float("inf") else None


def steps(reports: Sequence[Report]) -> list[Step]:
    """Returns the steps of every case that later runs confirm, or that no later run could."""
    result = [
        step
        for (_, case), points in series(reports).items()
        for step in _steps_of(case, [point for point in points if point.time_us is not None])
    ]
    return sorted(result, key=lambda step: (step.run, step.case))


def _steps_of(case: str, points: list[Point]) -> Iterator[Step]:
    start = 0
    for place in range(1, len(points)):
        # Against the last run, and against the middle of the runs before since the last step.
        half = (points[place].limit or points[place - 1].limit or 0.0) / 2
        before = _times(points[max(start, place - _NEAR) : place])
        here, after = _times(points[place:][:1]), _times(points[place + 1 :][:_NEAR])
        percent = _change(here[0], before[-1])
        if not half or abs(percent) <= half or _by_median(before, here, percent) <= half:
            continue
        # The runs after it have to keep it.
        is_confirmed = _by_median(before, after, percent) > half if after else None
        if is_confirmed is False:
            continue
        start = place
        # The kernel is to blame if its time over the floor moved in the same direction.
        moved = _ratio_change(points[place - 1], points[place])
        is_kernel = moved is None or (moved > half if percent > 0 else moved < -half)
        yield Step(
            case=case,
            before=points[place - 1].run,
            run=points[place].run,
            percent=round(percent, 2),
            ratio_percent=None if moved is None else round(moved, 2),
            by="kernel" if is_kernel else "machine",
            is_confirmed=is_confirmed,
        )


def _times(points: Sequence[Point]) -> list[float]:
    return [point.time_us for point in points if point.time_us is not None]


def _by_median(before: list[float], after: list[float], percent: float) -> float:
    """Returns the size of the change between medians, in the direction of `percent`.

    Of two middle times the one counts that makes the change smaller.
    """
    if percent > 0:
        return _change(median_low(after), median_high(before))
    return -_change(median_high(after), median_low(before))


def _change(new: float, old: float) -> float:
    return 100 * (new / old - 1)


def _ratio_change(before: Point, after: Point) -> float | None:
    if before.ratio is None or after.ratio is None:
        return None
    return _change(after.ratio, before.ratio)


def content(runs: EarlierRuns) -> dict[str, Any]:
    """Returns the page's data of the runs: a letter for each verdict, times as points, the steps.

    A run without the case has a full stop for its verdict.
    """
    reports = runs.reports
    points_of = series(reports)
    words = sorted({point.verdict for points in points_of.values() for point in points})
    letters = {word: chr(ord("a") + place) for place, word in enumerate(words)}
    cases: dict[str, dict[str, Any]] = {}
    for (check, case), points in points_of.items():
        verdicts = ["."] * len(reports)
        for point in points:
            verdicts[point.run] = letters[point.verdict]
        timed = [point for point in points if point.time_us is not None]
        cases[f"{check} {case}"] = {
            "verdicts": "".join(verdicts),
            "points": [[point.run, point.time_us, point.ratio] for point in timed],
        }
    return {
        "runs": [report.model_dump(mode="json", include=_OF_RUN) for report in reports],
        "words": {letter: word for word, letter in letters.items()},
        "cases": cases,
        "steps": [vars(step) for step in steps(reports)],
        "skipped": len(runs.skipped),
    }


def print_steps(runs: EarlierRuns, console: Console) -> None:
    """Prints the last steps with the commits before and after each, and a line of counts."""
    reports = runs.reports
    all_steps = steps(reports)
    if all_steps:
        for line in aligned([_COLUMNS, *(_row(step, reports) for step in all_steps[-_SHOWN:])]):
            console.print(line, **PLAIN)
    hidden = (
        f", {len(all_steps) - _SHOWN} earlier ones not shown" if len(all_steps) > _SHOWN else ""
    )
    skipped = f"; {len(runs.skipped)} unreadable, skipped" if runs.skipped else ""
    console.print(f"history: {len(reports)} runs, {len(all_steps)} steps{hidden}{skipped}", **PLAIN)


def _row(step: Step, reports: Sequence[Report]) -> tuple[str, ...]:
    ratio = "" if step.ratio_percent is None else f"{step.ratio_percent:+.2f} %"
    state = "confirmed" if step.is_confirmed else "last run: not confirmed yet"
    commits = (reports[step.before].commit[:12], reports[step.run].commit[:12])
    return (step.case, f"{step.percent:+.2f} %", ratio, step.by, *commits, state)
