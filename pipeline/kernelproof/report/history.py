"""History: the reports of many runs, what each case did over them, and where a step happened.

A step is a change of a case's time between neighbouring runs of more than half its limit, which the
runs after it confirm. Where the time over the floor moved with it, the kernel changed; where that
stayed, the machine did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median_high, median_low
from typing import Any

from rich.console import Console

from kernelproof.report.earlier_runs import Runs
from kernelproof.report.report_file import Report, ReportedCase

_NEAR = 3  # runs before a step and after it that have to agree
_SHOWN = 20
_COLUMNS = ("case", "step", "over the floor", "by", "from", "to", "state")
_PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False, "soft_wrap": True}


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one run says of one case; times are in microseconds, where it has them."""

    run: int
    verdict: str
    time_us: float | None
    ratio: float | None
    limit: float | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A change of speed: `run` is the first run that has it, `before` the last one that has not.

    `is_confirmed` is None where no run came after it.
    """

    case: str
    before: int
    run: int
    percent: float
    ratio_percent: float | None
    by: str
    is_confirmed: bool | None


def series(reports: Sequence[Report]) -> dict[tuple[str, str], list[Point]]:
    """By check and case, what the runs say of it; a time that is judged again counts once."""
    found: dict[tuple[str, str], list[Point]] = {}
    told: dict[tuple[str, str], tuple[object, ...]] = {}
    for run, report in enumerate(reports):
        for case in report.cases:
            key, point = (case.check, case.id), _point(run, case)
            measured = (report.commit, point.time_us, point.ratio)
            if point.time_us is not None and told.get(key) == measured:
                point = replace(point, time_us=None, ratio=None)
            elif point.time_us is not None:
                told[key] = measured
            found.setdefault(key, []).append(point)
    return found


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
    """Every step of every case that the runs confirm, or that nothing could confirm yet."""
    found = [
        step
        for (_, case), points in series(reports).items()
        for step in _steps_of(case, [point for point in points if point.time_us is not None])
    ]
    return sorted(found, key=lambda step: (step.run, step.case))


def _steps_of(case: str, points: list[Point]) -> Iterator[Step]:
    start = 0
    for place in range(1, len(points)):
        half = (points[place].limit or points[place - 1].limit or 0.0) / 2
        before = _times(points[max(start, place - _NEAR) : place])
        here, after = _times(points[place:][:1]), _times(points[place + 1 :][:_NEAR])
        percent = _change(here[0], before[-1])
        if not half or abs(percent) <= half or _by_median(before, here, percent) <= half:
            continue
        is_confirmed = _by_median(before, after, percent) > half if after else None
        if is_confirmed is False:
            continue
        start = place
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
    """The size of the change between medians, in the direction of `percent`, at its least."""
    if percent > 0:
        return _change(median_low(after), median_high(before))
    return -_change(median_high(after), median_low(before))


def _change(new: float, old: float) -> float:
    return 100 * (new / old - 1)


def _ratio_change(before: Point, after: Point) -> float | None:
    if before.ratio is None or after.ratio is None:
        return None
    return _change(after.ratio, before.ratio)


def content(runs: Runs) -> dict[str, Any]:
    """What the page shows of the runs: verdicts as a letter each, times as points, the steps."""
    reports = runs.reports
    every = series(reports)
    words = sorted({point.verdict for points in every.values() for point in points})
    letters = {word: chr(ord("a") + place) for place, word in enumerate(words)}
    cases: dict[str, dict[str, Any]] = {}
    for (check, case), points in every.items():
        verdicts = ["."] * len(reports)
        for point in points:
            verdicts[point.run] = letters[point.verdict]
        timed = [[one.run, one.time_us, one.ratio] for one in points if one.time_us is not None]
        cases[f"{check} {case}"] = {"verdicts": "".join(verdicts), "points": timed}
    return {
        "runs": [
            {
                "date": report.date.isoformat() if report.date else None,
                "commit": report.commit,
                "dirty": report.dirty,
                "blocks": report.blocks,
                "summary": report.summary,
            }
            for report in reports
        ],
        "words": {letter: word for word, letter in letters.items()},
        "cases": cases,
        "steps": [vars(step) for step in steps(reports)],
        "skipped": len(runs.skipped),
    }


def print_steps(runs: Runs, console: Console) -> None:
    """A line a step, with the commits that it lies between."""
    reports = runs.reports
    found = steps(reports)
    lines = [_line(step, reports) for step in found[-_SHOWN:]]
    if lines:
        widths = [max(map(len, column)) for column in zip(_COLUMNS, *lines, strict=True)]
        for line in (_COLUMNS, *lines):
            text = "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True))
            console.print(text.rstrip(), **_PLAIN)
    hidden = f", {len(found) - _SHOWN} earlier ones not shown" if len(found) > _SHOWN else ""
    skipped = f"; {len(runs.skipped)} unreadable, skipped" if runs.skipped else ""
    told = f"history: {len(reports)} runs, {len(found)} steps{hidden}{skipped}"
    console.print(told, **_PLAIN)


def _line(step: Step, reports: Sequence[Report]) -> tuple[str, ...]:
    ratio = "" if step.ratio_percent is None else f"{step.ratio_percent:+.2f} %"
    state = "confirmed" if step.is_confirmed else "last run: not confirmed yet"
    commits = (reports[step.before].commit[:12], reports[step.run].commit[:12])
    return (step.case, f"{step.percent:+.2f} %", ratio, step.by, *commits, state)
