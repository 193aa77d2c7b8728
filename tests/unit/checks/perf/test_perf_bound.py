"""The bound of a rate that few hits leave, or none."""

from math import comb

import pytest

from kernelproof.checks.perf.trials import upper_bound


@pytest.mark.parametrize(
    ("hits", "trials", "percent"),
    [
        (0, 600, 0.4980),
        (0, 600, 100 * (1 - 0.05 ** (1 / 600))),
        (0, 1, 95),
        (1, 2, 100 * 0.95**0.5),
        (1, 200, 2.3498),
        (0, 30, 9.503),
        (5, 100, 10.2253),
        (600, 600, 100),
        (7, 7, 100),
    ],
)
def test_upper_bounds(hits: int, trials: int, percent: float) -> None:
    """Those of Clopper and Pearson, at 95 %: 0 of 600 leaves 0.498 %."""
    assert 100 * upper_bound(hits, trials) == pytest.approx(percent, abs=1e-3)


@pytest.mark.parametrize("trials", [1, 2, 60, 600])
def test_at_the_bound_so_few_hits_are_one_in_twenty(trials: int) -> None:
    """However many hits there are; the bound is over the rate, and grows with it."""
    hits = range(0, trials, max(trials // 12, 1))
    bounds = [upper_bound(count, trials) for count in hits]
    assert bounds == sorted(bounds)
    for count, bound in zip(hits, bounds, strict=True):
        parts = (comb(trials, k) * bound**k * (1 - bound) ** (trials - k) for k in range(count + 1))
        assert sum(parts) == pytest.approx(0.05, rel=1e-6)
        assert bound > count / trials


@pytest.mark.parametrize("hits", [590, 599])
def test_many_hits_leave_a_bound_above_their_rate(hits: int) -> None:
    """Where the power of the trials is smaller than any float."""
    assert hits / 600 < upper_bound(hits, 600) < 1


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99])
def test_more_confidence_is_a_higher_bound(confidence: float) -> None:
    """None of 50: the bound in its closed form."""
    assert upper_bound(0, 50, confidence) == pytest.approx(1 - (1 - confidence) ** (1 / 50))
