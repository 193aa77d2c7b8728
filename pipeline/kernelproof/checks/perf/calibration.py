"""The calibration of planted slowdowns: rounds of extra work for each wanted percentage."""

from collections.abc import Callable, Sequence
from statistics import fmean, median
from typing import Any

from kernelproof.measure.clock import Contestant, race
from kernelproof.spec import Spec

_MOST_ROUNDS = 2**20
# The first rounds of extra work that are measured, then twice as many at a time.
_FIRST_ROUNDS = 4
# Measurements around each wanted slowdown, once it is bracketed.
_REFINEMENTS = 3
_SAMPLES = 8


def planted_rounds(
    percents: Sequence[float], spec: Spec, enter: Callable[[Callable[..., Any]], Contestant]
) -> dict[str, int]:
    """Returns the rounds for each percentage, by the name of its contestant: ``planted 3``.

    Raises NotImplementedError if the spec has no kernel with extra work.
    """
    if spec.slowed is None:
        message = "SPEC.slowed: found none, expected a launch with extra work, to plant slowdowns"
        raise NotImplementedError(message)
    kernel = enter(spec.launch)
    # The measured slowdown in percent, by rounds.
    points: dict[int, float] = {}

    def measure(rounds: int) -> None:
        if rounds not in points:
            pair = {"kernel": kernel, "slowed": enter(spec.slowed(rounds))}  # type: ignore[misc]
            times = race(pair, rounds=_SAMPLES)
            ratios = [b / a for a, b in zip(times["kernel"], times["slowed"], strict=True)]
            points[rounds] = 100 * (median(ratios) - 1)

    # Double the rounds until the largest slowdown is passed.
    measure(0)
    rounds = _FIRST_ROUNDS
    while max(points.values()) <= max(percents) and rounds <= _MOST_ROUNDS:
        measure(rounds)
        rounds *= 2
    # Then measure again between the two measured points around each slowdown.
    for percent in percents:
        for _ in range(_REFINEMENTS):
            measure(_interpolate(points, percent))
    return {f"planted {percent:g}": _interpolate(points, percent) for percent in percents}


def _interpolate(points: dict[int, float], percent: float) -> int:
    """Returns the rounds at which the measured slowdowns, made to rise, reach `percent`."""
    rounds = sorted(points)
    rising = _isotonic([points[count] for count in rounds])
    place = next((i for i, value in enumerate(rising) if value >= percent), len(rising) - 1)
    if place == 0 or rising[place] < percent:
        return rounds[place]
    low, high = rising[place - 1], rising[place]
    part = (percent - low) / (high - low)
    return round(rounds[place - 1] + part * (rounds[place] - rounds[place - 1]))


def _isotonic(values: Sequence[float]) -> list[float]:
    """Returns the nearest values that never fall: neighbours that do are replaced by their mean.

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
