"""Effects: how much slower one set of processes is than another, and how surely."""

import random
from collections.abc import Callable, Sequence
from math import atan, cos, exp, inf, isnan, pi, sin, sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelproof.checks.perf.effect import (
    ROW_LEVEL,
    Effect,
    effect,
    paired_effect,
    student_quantile,
    trimmed_mean,
)

# Student's quantiles as textbooks print them: degrees of freedom, then by probability.
TABLE = {
    2: {0.9: 1.886, 0.95: 2.920, 0.975: 4.303, 0.995: 9.925, 0.9995: 31.599},
    3: {0.9: 1.638, 0.95: 2.353, 0.975: 3.182, 0.995: 5.841, 0.9995: 12.924},
    4: {0.9: 1.533, 0.95: 2.132, 0.975: 2.776, 0.995: 4.604, 0.9995: 8.610},
    5: {0.9: 1.476, 0.95: 2.015, 0.975: 2.571, 0.995: 4.032, 0.9995: 6.869},
    7: {0.9: 1.415, 0.95: 1.895, 0.975: 2.365, 0.995: 3.499, 0.9995: 5.408},
    10: {0.9: 1.372, 0.95: 1.812, 0.975: 2.228, 0.995: 3.169, 0.9995: 4.587},
    11: {0.9: 1.363, 0.95: 1.796, 0.975: 2.201, 0.995: 3.106, 0.9995: 4.437},
    19: {0.9: 1.328, 0.95: 1.729, 0.975: 2.093, 0.995: 2.861, 0.9995: 3.883},
    30: {0.9: 1.310, 0.95: 1.697, 0.975: 2.042, 0.995: 2.750, 0.9995: 3.646},
}
# Of 8 new processes beside 12 stored ones, as many as a run and a baseline have at first.
NEW, OLD = 8, 12

times = st.lists(st.floats(0.5, 2), min_size=3, max_size=12)


def stream(dice: random.Random, count: int, *, of: float = 10, noise: float = 0.004) -> list[float]:
    """So many processes that take about `of` microseconds."""
    return [of * exp(dice.gauss(0, noise)) for _ in range(count)]


def _width(found: Effect) -> float:
    return found.high - found.low


def _rate_below(quantile: float, freedom: int) -> float:
    """Student's distribution, in its closed form (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
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
    ids=["one", "three", "four", "five", "eight", "ten"],
)
def test_trimmed_mean(values: list[float], mean: float) -> None:
    """A fifth of the values is left out at either end, in whatever order they come."""
    assert trimmed_mean(values) == pytest.approx(mean)
    assert trimmed_mean(values[::-1]) == trimmed_mean(values)


@pytest.mark.parametrize("freedom", TABLE)
def test_student_is_that_of_the_textbooks(freedom: int) -> None:
    """To the digits that are printed, and 0.06 % where they leave room for that."""
    for probability, quantile in TABLE[freedom].items():
        found = student_quantile(probability, freedom)
        assert found == pytest.approx(quantile, rel=6e-4, abs=6e-4), probability


@pytest.mark.parametrize("comparisons", [1, 2, 21, 100])
def test_student_far_out_is_no_narrower_than_it_should_be(comparisons: int) -> None:
    """The rate beyond it is what was asked for, where Bonferroni takes it."""
    beyond = (1 - ROW_LEVEL) / (2 * comparisons)
    for freedom in range(2, 40):
        rate = 1 - _rate_below(student_quantile(1 - beyond, freedom), freedom)
        assert rate == pytest.approx(beyond, rel=2e-3), freedom


def test_an_effect_is_of_the_trimmed_means() -> None:
    """A slowdown of 3 % that every process shows is one of 3 %, within no width at all."""
    assert effect([10.3] * 8, [10.0] * 12).percent == pytest.approx(3)
    found = effect([10.3] * 8, [10.0] * 12)
    assert (found.low, found.high) == pytest.approx((found.percent, found.percent), abs=1e-9)
    assert str(found) == "+3.00 % (+3.00 to +3.00)"


def test_a_half_time_is_minus_fifty_percent() -> None:
    """And one that is twice as long is plus a hundred."""
    assert str(effect([1.0] * 3, [2.0] * 3)) == "-50.00 % (-50.00 to -50.00)"
    assert str(effect([2.0] * 3, [1.0] * 3)) == "+100.00 % (+100.00 to +100.00)"


@pytest.mark.parametrize(
    ("new", "old"),
    [(1, 1), (2, 2), (1, 12), (2, 12), (8, 2), (2, 1)],
    ids=str,
)
@pytest.mark.parametrize("is_noisy", [True, False], ids=["noisy", "identical"])
def test_too_few_processes_tell_no_interval(new: int, old: int, *, is_noisy: bool) -> None:
    """One or two on either side: the point is told, and anything may be."""
    noise = 0.01 if is_noisy else 0
    dice = random.Random(1)  # noqa: S311
    found = effect(stream(dice, new, noise=noise), stream(dice, old, noise=noise))
    assert (found.low, found.high) == (-100, inf)
    assert abs(found.percent) < 5


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_pairs_tell_no_interval(count: int) -> None:
    """Nor is it no number, where they are all the same."""
    found = paired_effect([10.0] * count, [10.0] * count)
    assert (found.percent, found.low, found.high) == (0, -100, inf)
    assert not isnan(found.low)


def test_three_processes_tell_one() -> None:
    """A wide one: a few noisy processes convict nobody."""
    dice = random.Random(2)  # noqa: S311
    few, many = (effect(stream(dice, n), stream(dice, n)) for n in (3, 20))
    assert _width(many) < 1.5
    assert 4 < _width(few) < inf


def test_pairs_are_of_the_same_processes() -> None:
    """Ten new ones beside nine old ones are no pairs."""
    with pytest.raises(ValueError, match="zip"):
        paired_effect([1.0] * 10, [1.0] * 9)


def test_drift_that_both_sides_share_costs_no_certainty() -> None:
    """Processes that differ by a fifth: in pairs 3 % are found, which apart are not."""
    dice = random.Random(3)  # noqa: S311
    drift = [exp(dice.uniform(-0.2, 0.2)) for _ in range(NEW)]
    old = [10 * by for by in drift]
    new = [10.3 * by * exp(dice.gauss(0, 0.001)) for by in drift]
    paired, apart = paired_effect(new, old), effect(new, old)
    assert 2.5 < paired.low < 3 < paired.high < 3.5
    assert apart.low < 0
    assert apart.high > 10


def test_two_clocks_are_told_by_the_width() -> None:
    """A clock that is one of two, by chance: over the floor nothing, by time no certainty."""
    dice = random.Random(4)  # noqa: S311
    clocks = [dice.choice((1.0, 1.1)) for _ in range(NEW + OLD)]
    kernel = [10 * clock * exp(dice.gauss(0, 0.002)) for clock in clocks]
    ratios = [time / (5 * clock) for time, clock in zip(kernel, clocks, strict=True)]
    by_time, by_ratio = (effect(of[:NEW], of[NEW:]) for of in (kernel, ratios))
    assert _width(by_time) > 10
    assert by_time.low < 0 < by_time.high
    assert _width(by_ratio) < 1


@pytest.mark.parametrize("count", [5, 8, 12, 20])
@pytest.mark.parametrize("bad", [0.01, 0.5, 2, 100], ids=str)
def test_one_bad_process_does_not_speak_for_all(count: int, bad: float) -> None:
    """Wherever it stands, of five or more: no difference is claimed that it alone shows."""
    dice = random.Random(5)  # noqa: S311
    good, old = stream(dice, count), stream(dice, OLD)
    for place in range(count):
        new = [of * bad if i == place else of for i, of in enumerate(good)]
        found = effect(new, old)
        assert abs(found.percent) < 1
        assert found.low < 0 < found.high
        assert _width(found) >= _width(effect(good, old))


@pytest.mark.parametrize("comparisons", [1, 21])
def test_what_is_unchanged_is_within_the_interval(comparisons: int) -> None:
    """Of 300 comparisons of like with like, at most 4 leave 0 out; with Bonferroni none does."""
    missed = 0
    for seed in range(300):
        dice = random.Random(seed)  # noqa: S311
        found = effect(stream(dice, NEW), stream(dice, OLD), comparisons=comparisons)
        missed += not found.low <= 0 <= found.high
        assert _width(found) < 8
    assert missed <= (4 if comparisons == 1 else 0)


def _gauss(dice: random.Random) -> float:
    return dice.gauss(0, 0.0025)


def _long_tail(dice: random.Random) -> float:
    return dice.expovariate(1 / 0.0025)


@pytest.mark.parametrize("drawn", [_gauss, _long_tail])
def test_three_percent_are_told_from_nothing(drawn: Callable[[random.Random], float]) -> None:
    """In 95 of 100 runs of 21 cases, where processes differ by 0.25 %: as `Pace` says of 8."""
    slower_found = 0
    for seed in range(100):
        dice = random.Random(seed)  # noqa: S311
        old = [10 * exp(drawn(dice)) for _ in range(OLD)]
        same, slower = ([of * exp(drawn(dice)) for _ in range(NEW)] for of in (10, 10.3))
        assert effect(same, old, comparisons=21).high < 3, seed
        found = effect(slower, old, comparisons=21)
        assert found.percent == pytest.approx(3, abs=0.7), seed
        slower_found += found.low > 1.5
    assert slower_found >= 95


def test_the_width_is_the_standard_error_times_students_quantile() -> None:
    """Of a few processes, resampled, it is not the smaller one that resampling tells."""
    values = [1.0, 1.001, 1.003, 1.006]
    error = 100 * stdev(values) / sqrt(len(values))
    widths = [_width(effect(values, [1.0], seed=seed)) for seed in range(20)]
    assert fmean(widths) / 2 == pytest.approx(error * student_quantile(0.9975, 3), rel=0.03)


def test_more_comparisons_are_wider() -> None:
    """The interval is shared out: each of 21 has a quantile further out."""
    dice = random.Random(6)  # noqa: S311
    new, old = stream(dice, NEW), stream(dice, OLD)
    one, many = (effect(new, old, comparisons=n) for n in (1, 21))
    assert _width(many) / _width(one) == pytest.approx(
        student_quantile(1 - 0.005 / 42, 7) / student_quantile(1 - 0.005 / 2, 7), rel=0.02
    )
    assert many.percent == one.percent


@settings(deadline=None, max_examples=60)
@given(new=times, old=times, scale=st.floats(1e-3, 1e6))
def test_the_unit_does_not_matter(new: Sequence[float], old: Sequence[float], scale: float) -> None:
    """Seconds or microseconds: the same effect."""
    one = effect(new, old)
    other = effect([scale * of for of in new], [scale * of for of in old])
    for name in ("percent", "low", "high"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-6, abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(new=times, old=times)
def test_the_other_way_round_it_is_the_inverse(new: Sequence[float], old: Sequence[float]) -> None:
    """As factors: that of new over old times that of old over new is one, ends included."""
    there, back = effect(new, old), effect(old, new)
    for one, other in (("percent", "percent"), ("low", "high"), ("high", "low")):
        product = (1 + getattr(there, one) / 100) * (1 + getattr(back, other) / 100)
        assert product == pytest.approx(1, rel=1e-6)
    assert there.low <= there.percent <= there.high
