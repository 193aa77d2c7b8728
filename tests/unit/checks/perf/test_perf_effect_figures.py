"""Effects to the last digit: what a table, or a rate, leaves room for is pinned here."""

from math import inf

import pytest

from kernelproof.checks.perf.effect import effect, paired_effect, student_quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [
        (0.9, 2, 1.8866293122793285),
        (0.9995, 2, 31.61127514950837),
        (0.9975, 3, 7.4533185749874535),
        (0.975, 4, 2.7769889822096507),
        (0.95, 5, 2.015080292445306),
        (0.9975, 7, 4.0295164878171),
        (0.995, 11, 3.1058101465427645),
        (0.999881, 19, 4.513110038498521),
        (0.9, 30, 1.3104150254720324),
    ],
)
def test_student_is_hills(probability: float, freedom: int, quantile: float) -> None:
    """His coefficients to the last digit: tables do not tell them from others that are as near.

    The figures are this implementation's, which test_perf_effect.py holds to be within 0.06 %.
    """
    assert student_quantile(probability, freedom) == pytest.approx(quantile, rel=1e-9)


def test_an_interval_is_that_of_its_seed() -> None:
    """The same one in every run: 400 draws, of the seed 0 and for one comparison if not told."""
    new = [10.31, 10.29, 10.33, 10.3, 10.28, 10.35, 10.27, 10.32]
    old = [10.0, 10.02, 9.97, 10.01, 9.99, 10.03]
    found = effect(new, old)
    assert (found.percent, found.low, found.high) == pytest.approx(
        (2.9984236127810204, 2.230433221836381, 3.7721834133035426), rel=1e-9
    )
    assert found == effect(new, old, comparisons=1, seed=0)
    assert effect(new, old, seed=1).low == pytest.approx(2.278676951184422, rel=1e-9)
    pairs = paired_effect(new, new[::-1])
    assert pairs == paired_effect(new, new[::-1], comparisons=1, seed=0)
    assert pairs != paired_effect(new, new[::-1], seed=1)


def test_times_that_nobody_believes_tell_nothing() -> None:
    """From a femtosecond to eleven days: an end that no number holds is infinite."""
    found = effect([1e-9, 1e12, 1], [1e12, 1e-9, 1], comparisons=200)
    assert (found.low, found.high) == (-100, inf)
