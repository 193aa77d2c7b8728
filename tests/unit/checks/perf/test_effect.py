"""Effects: by how much one set of processes is slower than another, and with what certainty."""

import random
from collections.abc import Callable, Sequence
from itertools import product
from math import atan, cos, exp, inf, pi, sin, sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelproof.checks.perf import effect as effects
from kernelproof.checks.perf.effect import Effect, effect, paired_effect, student_quantile

# The figures of this implementation: rates do not tell Hill's coefficients from near ones.
HILL = {
    (0.9, 2): 1.8866293122793285,
    (0.9995, 2): 31.61127514950837,
    (0.9975, 3): 7.4533185749874535,
    (0.975, 4): 2.7769889822096507,
    (0.95, 5): 2.015080292445306,
    (0.9975, 7): 4.0295164878171,
    (0.995, 11): 3.1058101465427645,
    (0.999881, 19): 4.513110038498521,
    (0.9, 30): 1.3104150254720324,
}
# New processes beside stored ones, as many as a run and a baseline have at first.
NEW, OLD = 8, 12

times = st.lists(st.floats(0.5, 2), min_size=3, max_size=12)


def dice_of(seed: int) -> random.Random:
    """Returns a generator of its own for a test."""
    return random.Random(seed)  # noqa: S311


def stream(dice: random.Random, count: int, *, us: float = 10, noise: float = 0.004) -> list[float]:
    """Returns the times of `count` processes of about `us` microseconds."""
    return [us * exp(dice.gauss(0, noise)) for _ in range(count)]


def _width(interval: Effect) -> float:
    return interval.high - interval.low


def _rate_below(quantile: float, freedom: int) -> float:
    """Returns Student's distribution in its closed form (Abramowitz and Stegun, 26.7.3 and 4)."""
    angle = atan(quantile / sqrt(freedom))
    cosine = cos(angle)
    is_odd = freedom % 2
    term = total = cosine if is_odd else 1.0
    for k in range(3 if is_odd else 2, freedom - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    within = 2 / pi * (angle + sin(angle) * total) if is_odd else sin(angle) * total
    return 0.5 + within / 2


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([7.0], 7),
        ([1.0, 2.0, 9.0], 4),
        ([1.0, 2.0, 3.0, 10.0], 4),
        ([900.0, 2.0, 1.0, 3.0, 4.0], 3),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 100.0], 4.5),
        ([*[5.0] * 6, *[0.0] * 2, *[1e9] * 2], 5),
    ],
)
def test_trimmed_mean(values: list[float], mean: float) -> None:
    """A fifth of the values is left out at either end, in any order."""
    assert effects.trimmed_mean(values) == pytest.approx(mean)
    assert effects.trimmed_mean(values[::-1]) == effects.trimmed_mean(values)


def test_student_quantiles() -> None:
    """Beyond a quantile lies the rate that was asked for; its digits are those of Hill's."""
    bonferroni = [(1 - effects.ROW_LEVEL) / (2 * comparisons) for comparisons in (1, 2, 21, 100)]
    for freedom, beyond in product(range(2, 40), (0.1, 0.05, 0.025, 0.005, 0.0005, *bonferroni)):
        rate = 1 - _rate_below(student_quantile(1 - beyond, freedom), freedom)
        assert rate == pytest.approx(beyond, rel=2e-3), (freedom, beyond)
    for (probability, freedom), quantile in HILL.items():
        assert student_quantile(probability, freedom) == pytest.approx(quantile, rel=1e-9)


@pytest.mark.parametrize(
    ("new", "old", "message"),
    [
        (10.3, 10.0, "+3.00 % (+3.00 to +3.00)"),
        (1.0, 2.0, "-50.00 % (-50.00 to -50.00)"),
        (2.0, 1.0, "+100.00 % (+100.00 to +100.00)"),
    ],
)
def test_processes_that_all_agree_leave_no_width(new: float, old: float, message: str) -> None:
    """The effect is that of the trimmed means, in percent of the old one."""
    interval = effect([new] * 8, [old] * 12)
    assert interval.percent == pytest.approx(100 * (new / old - 1))
    assert (interval.low, interval.high) == pytest.approx((interval.percent,) * 2, abs=1e-9)
    assert str(interval) == message


@pytest.mark.parametrize("noise", [0.01, 0], ids=["noisy", "identical"])
def test_too_few_processes_tell_no_interval(noise: float) -> None:
    """With one or two on either side, or of pairs, the effect is told and its ends are open.

    So they are of times from a femtosecond to eleven days, as no float holds an end.
    """
    apart = effect([1e-9, 1e12, 1], [1e12, 1e-9, 1], comparisons=200)
    assert (apart.low, apart.high) == (-100, inf)
    dice = dice_of(1)
    for new, old in ((1, 1), (2, 2), (1, 12), (2, 12), (8, 2), (2, 1)):
        interval = effect(stream(dice, new, noise=noise), stream(dice, old, noise=noise))
        assert (interval.low, interval.high) == (-100, inf), (new, old)
        assert abs(interval.percent) < 5
    for count in (1, 2):
        pairs = paired_effect([10.0] * count, [10.0] * count)
        assert (pairs.percent, pairs.low, pairs.high) == (0, -100, inf)
    few, many = (effect(stream(dice_of(2), n), stream(dice_of(3), n)) for n in (3, 20))
    assert _width(many) < 1.5
    assert 4 < _width(few) < inf


def test_drift_that_both_sides_share_costs_no_certainty() -> None:
    """Pairs of processes that differ by a fifth find 3 %, which separate sets do not.

    Ten processes beside nine are no pairs.
    """
    dice = dice_of(3)
    drift = [exp(dice.uniform(-0.2, 0.2)) for _ in range(NEW)]
    old = [10 * factor for factor in drift]
    new = [10.3 * factor * exp(dice.gauss(0, 0.001)) for factor in drift]
    paired, apart = paired_effect(new, old), effect(new, old)
    assert 2.5 < paired.low < 3 < paired.high < 3.5
    assert apart.low < 0
    assert apart.high > 10
    with pytest.raises(ValueError, match="zip"):
        paired_effect([1.0] * 10, [1.0] * 9)


@pytest.mark.parametrize("count", [5, 8, 20])
def test_one_bad_process_does_not_speak_for_all(count: int) -> None:
    """No difference is claimed that one of five or more alone shows, wherever it stands."""
    dice = dice_of(5)
    good, old = stream(dice, count), stream(dice, OLD)
    width = _width(effect(good, old))
    for bad in (0.01, 0.5, 2, 100):
        for place in range(0, count, 3):
            new = [us * bad if i == place else us for i, us in enumerate(good)]
            interval = effect(new, old)
            assert abs(interval.percent) < 1, (bad, place)
            assert interval.low < 0 < interval.high
            assert _width(interval) >= width


def test_what_is_unchanged_is_within_the_interval() -> None:
    """At most 2 of 100 comparisons of like with like leave 0 out; with Bonferroni none does."""
    for comparisons, most in ((1, 2), (21, 0)):
        missed = 0
        for seed in range(100):
            dice = dice_of(seed)
            interval = effect(stream(dice, NEW), stream(dice, OLD), comparisons=comparisons)
            missed += not interval.low <= 0 <= interval.high
            assert _width(interval) < 8
        assert missed <= most


@pytest.mark.parametrize(
    "drawn",
    [lambda dice: dice.gauss(0, 0.0025), lambda dice: dice.expovariate(1 / 0.0025)],
    ids=["gauss", "long tail"],
)
def test_three_percent_are_told_from_nothing(drawn: Callable[[random.Random], float]) -> None:
    """In 95 of 100 runs of 21 cases, if processes differ by 0.25 %: as `Pace` says of 8."""
    slower_found = 0
    for seed in range(100):
        dice = dice_of(seed)
        old = [10 * exp(drawn(dice)) for _ in range(OLD)]
        same, slower = ([us * exp(drawn(dice)) for _ in range(NEW)] for us in (10, 10.3))
        assert effect(same, old, comparisons=21).high < 3, seed
        interval = effect(slower, old, comparisons=21)
        assert interval.percent == pytest.approx(3, abs=0.7), seed
        slower_found += interval.low > 1.5
    assert slower_found >= 95


def test_the_width_is_the_standard_error_times_students_quantile() -> None:
    """With few processes it is not the smaller one that resampling alone tells.

    Bonferroni shares the level out: each of 21 comparisons has a quantile further out.
    """
    values = [1.0, 1.001, 1.003, 1.006]
    error = 100 * stdev(values) / sqrt(len(values))
    widths = [_width(effect(values, [1.0], seed=seed)) for seed in range(20)]
    assert fmean(widths) / 2 == pytest.approx(error * student_quantile(0.9975, 3), rel=0.03)
    dice = dice_of(6)
    new, old = stream(dice, NEW), stream(dice, OLD)
    alone, many = (effect(new, old, comparisons=n) for n in (1, 21))
    assert _width(many) / _width(alone) == pytest.approx(
        student_quantile(1 - 0.005 / 42, 7) / student_quantile(1 - 0.005 / 2, 7), rel=0.02
    )
    assert many.percent == alone.percent


def test_an_interval_is_that_of_its_seed() -> None:
    """It is the same in every run, by default of seed 0 and one comparison."""
    new = [10.31, 10.29, 10.33, 10.3, 10.28, 10.35, 10.27, 10.32]
    old = [10.0, 10.02, 9.97, 10.01, 9.99, 10.03]
    interval = effect(new, old)
    assert (interval.percent, interval.low, interval.high) == pytest.approx(
        (2.9984236127810204, 2.230433221836381, 3.7721834133035426), rel=1e-9
    )
    assert interval == effect(new, old, comparisons=1, seed=0)
    assert effect(new, old, seed=1).low == pytest.approx(2.278676951184422, rel=1e-9)
    pairs = paired_effect(new, new[::-1])
    assert pairs == paired_effect(new, new[::-1], comparisons=1, seed=0)
    assert pairs != paired_effect(new, new[::-1], seed=1)


@settings(deadline=None, max_examples=40)
@given(new=times, old=times, scale=st.floats(1e-3, 1e6))
def test_units_and_sides(new: Sequence[float], old: Sequence[float], scale: float) -> None:
    """The unit does not matter, and the sides exchanged give the inverse factor, ends included."""
    there, back = effect(new, old), effect(old, new)
    scaled = effect([scale * us for us in new], [scale * us for us in old])
    for end, opposite in (("percent", "percent"), ("low", "high"), ("high", "low")):
        value = getattr(there, end)
        assert getattr(scaled, end) == pytest.approx(value, rel=1e-6, abs=1e-6)
        product = (1 + value / 100) * (1 + getattr(back, opposite) / 100)
        assert product == pytest.approx(1, rel=1e-6)
    assert there.low <= there.percent <= there.high
