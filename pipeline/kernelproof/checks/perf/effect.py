"""The effect: by how much one set of processes takes longer than another, with its interval.

Pure functions of numbers, one a process, without torch or numpy. The number of a process is the
median of its samples. The process is the replicate, as samples within one share its clocks,
addresses and luck.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, expm1, inf, log, pi, sqrt
from statistics import NormalDist, fmean, stdev

# The confidence of all intervals of a row together: an unchanged row is red in one run of 200.
ROW_LEVEL = 0.995
# The part of the values that a trimmed mean leaves out at either end: one bad process of five.
_TRIMMED_PART = 0.2
# Resampled sets of processes for one standard error.
_RESAMPLES = 400
# Fewer processes than these have a spread that says nothing.
_FEWEST_PROCESSES = 3


@dataclass(frozen=True, kw_only=True)
class Effect:
    """The part by which something takes longer, in percent, and the ends of its interval."""

    percent: float
    low: float
    high: float

    def __str__(self) -> str:
        """Returns the effect as messages show it: ``+3.02 % (+2.71 to +3.33)``."""
        return f"{self.percent:+.2f} % ({self.low:+.2f} to {self.high:+.2f})"


def trim(values: Sequence[float]) -> list[float]:
    """Returns the values in ascending order, without the outer fifth at either end."""
    cut = int(_TRIMMED_PART * len(values))
    return sorted(values)[cut : len(values) - cut]


def trimmed_mean(values: Sequence[float]) -> float:
    """Returns the mean of the values without the outer fifth at either end."""
    return fmean(trim(values))


def effect(
    new: Sequence[float], old: Sequence[float], *, comparisons: int = 1, seed: int = 0
) -> Effect:
    """Returns by how many percent `new` takes longer than `old`, positive numbers, one a process.

    The intervals of `comparisons` such effects hold together at `ROW_LEVEL`. With fewer than three
    processes on a side the interval is unbounded, except that a single `old` number counts as
    exact.
    """
    # Factors become differences of logarithms; a trimmed mean sums up each side (Tukey and
    # McLaughlin, Sankhya A 25, 1963).
    logs = [[log(value) for value in values] for values in (new, old)]
    point = trimmed_mean(logs[0]) - trimmed_mean(logs[1])
    # Half the interval is the standard error, by resampling processes, times Student's quantile.
    # Bonferroni shares the level out over the comparisons (O. J. Dunn, JASA 56, 1961), and the
    # share of each over its two ends.
    fewest = len(new) if len(old) == 1 else min(len(new), len(old))
    half = inf
    if fewest >= _FEWEST_PROCESSES:
        error = sqrt(sum(_squared_error(side, seed) for side in logs))
        half = student_quantile(1 - (1 - ROW_LEVEL) / (2 * comparisons), fewest - 1) * error
    return Effect(percent=_percent(point), low=_percent(point - half), high=_percent(point + half))


def paired_effect(
    new: Sequence[float], old: Sequence[float], *, comparisons: int = 1, seed: int = 0
) -> Effect:
    """Returns the effect of two sets of numbers that were measured in the same processes.

    The ratio of each process is compared with exactly one, so what both share cancels. Raises
    ValueError if the sets differ in length.
    """
    ratios = [new_us / old_us for new_us, old_us in zip(new, old, strict=True)]
    return effect(ratios, [1.0], comparisons=comparisons, seed=seed)


def _percent(logarithm: float) -> float:
    """Returns the percentage of a logarithmic difference, infinity if no float holds it."""
    try:
        return 100 * (exp(logarithm) - 1)
    except OverflowError:
        return inf


def _squared_error(values: Sequence[float], seed: int) -> float:
    """Returns the squared standard error of the trimmed mean, by the bootstrap over processes.

    B. Efron, Annals of Statistics 7 (1979). A single value counts as exact.
    """
    count = len(values)
    if count == 1:
        return 0.0
    dice = random.Random(seed)  # noqa: S311  (resampling, no secret)
    means = [trimmed_mean(dice.choices(values, k=count)) for _ in range(_RESAMPLES)]
    # The bootstrap takes the sample's variance for its source's, which is count / (count - 1) of
    # it: Bessel's correction.
    return stdev(means) ** 2 * count / (count - 1)


def student_quantile(probability: float, freedom: int) -> float:
    """Returns Student's quantile, within 0.06 % for a probability from 0.9, `freedom` from 2 up.

    G. W. Hill, Algorithm 396, Communications of the ACM 13 (1970), with the names used there.
    """
    # The normal quantile, and the coefficients of Hill's expansion.
    z = NormalDist().inv_cdf(probability)
    n, two_sided = float(freedom), 2 * (1 - probability)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * pi / 2) * n
    y = (d * two_sided) ** (2 / n)
    if y > 0.05 + a:
        # Near the middle: an asymptotic inverse expansion about the normal quantile.
        y = z * z
        if n < 5:  # noqa: PLR2004
            c += 0.3 * (n - 4.5) * (z + 0.6)
        c += (((0.05 * d * z - 5) * z - 7) * z - 2) * z + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * z
        y = a * y * y
        y = expm1(y)
    else:
        # In the tail: a series in the tail's probability.
        y = (
            (1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1
        ) * (n + 1) / (n + 2) + 1 / y
    return sqrt(n * y)
