"""How much slower one set of processes is than another, and how surely: by resampling processes.

Pure functions of numbers, one a process, without torch or numpy. A value is a process's median; a
set is summed up by its trimmed mean, so that one bad process in five does not speak for all.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, expm1, inf, log, pi, sqrt
from statistics import NormalDist, fmean, stdev

# One red run in 200 of an unchanged row, all its cases together, is what an interval allows.
ROW_LEVEL = 0.995
_TRIMMED = 0.2
_DRAWS = 400
_FEWEST = 3


@dataclass(frozen=True, kw_only=True)
class Effect:
    """By how many percent something takes longer, and the interval that this is within."""

    percent: float
    low: float
    high: float

    def __str__(self) -> str:
        """``+3.02 % (+2.71 to +3.33)``."""
        return f"{self.percent:+.2f} % ({self.low:+.2f} to {self.high:+.2f})"


def trimmed(values: Sequence[float]) -> list[float]:
    """The values in order, without a fifth of them at either end."""
    cut = int(_TRIMMED * len(values))
    return sorted(values)[cut : len(values) - cut]


def trimmed_mean(values: Sequence[float]) -> float:
    """Their mean."""
    return fmean(trimmed(values))


def effect(
    new: Sequence[float], old: Sequence[float], *, comparisons: int = 1, seed: int = 0
) -> Effect:
    """By how much `new` takes longer than `old`, positive numbers, one a process.

    The interval holds for all of `comparisons` such effects together, at `ROW_LEVEL`: it is the
    resampled standard error times Student's quantile, shared out by Bonferroni. Two processes or
    fewer on a side tell no interval; but `old` may be one number, which is then known exactly.
    """
    logs = [[log(value) for value in values] for values in (new, old)]
    point = trimmed_mean(logs[0]) - trimmed_mean(logs[1])
    fewest = len(new) if len(old) == 1 else min(len(new), len(old))
    half = inf
    if fewest >= _FEWEST:
        error = sqrt(sum(_variance(side, seed) for side in logs))
        half = student(1 - (1 - ROW_LEVEL) / (2 * comparisons), fewest - 1) * error
    return Effect(percent=_percent(point), low=_percent(point - half), high=_percent(point + half))


def paired_effect(
    new: Sequence[float], old: Sequence[float], *, comparisons: int = 1, seed: int = 0
) -> Effect:
    """The same where both were measured in the same processes, the one beside the other."""
    ratios = [a / b for a, b in zip(new, old, strict=True)]
    return effect(ratios, [1.0], comparisons=comparisons, seed=seed)


def _percent(logarithm: float) -> float:
    try:
        return 100 * (exp(logarithm) - 1)
    except OverflowError:
        return inf


def _variance(values: Sequence[float], seed: int) -> float:
    """The squared standard error of the trimmed mean, from resampled processes."""
    count = len(values)
    if count == 1:
        return 0.0
    dice = random.Random(seed)  # noqa: S311  (resampling, no secret)
    means = [trimmed_mean(dice.choices(values, k=count)) for _ in range(_DRAWS)]
    # Resampling takes the spread of the sample for that of its source, which is larger.
    return stdev(means) ** 2 * count / (count - 1)


def student(probability: float, freedom: int) -> float:
    """Student's quantile, for probabilities from 0.9 and degrees of freedom from 2 up.

    G. W. Hill, Algorithm 396, Communications of the ACM 13 (1970); within 0.06 % there.
    """
    z = NormalDist().inv_cdf(probability)
    n, two_sided = float(freedom), 2 * (1 - probability)
    a = 1 / (n - 0.5)
    b = 48 / a**2
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * pi / 2) * n
    y = (d * two_sided) ** (2 / n)
    if y > 0.05 + a:
        y = z * z
        if n < 5:  # noqa: PLR2004
            c += 0.3 * (n - 4.5) * (z + 0.6)
        c += (((0.05 * d * z - 5) * z - 7) * z - 2) * z + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * z
        y = a * y * y
        y = expm1(y)
    else:
        y = (
            (1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1
        ) * (n + 1) / (n + 2) + 1 / y
    return sqrt(n * y)
