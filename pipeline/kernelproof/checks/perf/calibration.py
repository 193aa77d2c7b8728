"""How many rounds of extra work make a kernel slower by a given part, on this GPU."""

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any

from kernelproof.measure.clock import Contestant, race
from kernelproof.spec import Spec

_MOST_ROUNDS = 2**20
_REFINED = 3
_SAMPLES = 8

Enter = Callable[[Callable[..., Any]], Contestant]
Points = dict[int, float]


def planted_name(percent: float) -> str:
    """``planted 3``: the contestant that is slower by so many percent."""
    return f"planted {percent:g}"


def rounds_for(percents: Sequence[float], spec: Spec, enter: Enter) -> dict[str, int]:
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
    """The rounds at which the measured slowdowns, made to rise, reach a percentage."""
    rounds = sorted(points)
    rising = _rising([points[one] for one in rounds])
    place = next((i for i, value in enumerate(rising) if value >= percent), len(rising) - 1)
    if place == 0 or rising[place] < percent:
        return rounds[place]
    low, high = rising[place - 1], rising[place]
    part = (percent - low) / (high - low)
    return round(rounds[place - 1] + part * (rounds[place] - rounds[place - 1]))


def _rising(values: Sequence[float]) -> list[float]:
    """The nearest values that never fall: neighbours that do are replaced by their mean.

    Pool adjacent violators (Ayer et al., Annals of Mathematical Statistics 26, 1955): one bad
    measurement does not end the search at the wrong place.
    """
    pools: list[list[float]] = []
    for value in values:
        pools.append([value])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return [mean for pool in pools for mean in [fmean(pool)] * len(pool)]
