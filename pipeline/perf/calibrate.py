"""How many rounds of extra work make a kernel slower by a given part, on this GPU."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from kernels import KernelSpec
from pipeline.clock import Contestant, race

_MOST_ROUNDS = 2**20
_REFINED = 3
_SAMPLES = 8

Enter = Callable[[Callable[..., Any]], Contestant]
Points = dict[int, float]


def planted_name(percent: float) -> str:
    """``planted 3``: the contestant that is slower by so many percent."""
    return f"planted {percent:g}"


def rounds_for(percents: Sequence[float], spec: KernelSpec, enter: Enter) -> dict[str, int]:
    """For each percentage the rounds, by the name of the contestant.

    Doubles the rounds until the largest slowdown is passed, then measures again between the two
    measured points around each, interpolating.
    """
    if spec.slowed is None:
        message = "SPEC.slowed: found none, expected a launch with extra work, to plant slowdowns"
        raise NotImplementedError(message)
    kernel = enter(spec.launch)
    points: Points = {}

    def measure(rounds: int) -> None:
        if rounds not in points:
            pair = {"kernel": kernel, "slowed": enter(spec.slowed(rounds))}  # type: ignore[misc]
            times = race(pair, rounds=_SAMPLES)
            ratios = [b / a for a, b in zip(times["kernel"], times["slowed"], strict=True)]
            points[rounds] = 100 * (median(ratios) - 1)

    measure(0)
    rounds = 4
    while max(points.values()) <= max(percents) and rounds <= _MOST_ROUNDS:
        measure(rounds)
        rounds *= 2
    for percent in percents:
        for _ in range(_REFINED):
            measure(_interpolated(points, percent))
    return {planted_name(percent): _interpolated(points, percent) for percent in percents}


def _interpolated(points: Points, percent: float) -> int:
    """The rounds between the last point below and the first one above."""
    above = [rounds for rounds in sorted(points) if points[rounds] >= percent]
    if not above:
        return max(points)
    high = above[0]
    low = max((rounds for rounds in points if rounds < high), default=high)
    if low == high or points[high] == points[low]:
        return high
    part = (percent - points[low]) / (points[high] - points[low])
    return round(low + max(part, 0) * (high - low))
