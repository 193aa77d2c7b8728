"""Comparisons: equal bits, distances from the truth, and the messages of mismatches."""

import math

import pytest
import torch
from torch import Tensor

from kernelproof.measure.comparison import (
    Mismatch,
    bits_of,
    require_same_bits,
    require_within,
    ulp_distance,
)
from tests.unit.measure.device import DEVICE

INF, NAN = math.inf, math.nan
LEAST = 2.0**-149
NANS = {
    torch.float64: [0x7FF8 << 48, 0x7FF0 << 48 | 1, -1, -(2**51) | 5],
    torch.float32: [0x7FC00000, 0x7F800001, -1, -(2**22) | 5],
    torch.float16: [0x7E00, 0x7C01, -1, -(2**9) | 5],
    torch.bfloat16: [0x7FC0, 0x7F81, -1, -(2**6) | 5],
}
INTEGERS = {2: torch.int16, 4: torch.int32, 8: torch.int64}


def compare(actual: Tensor, expected: Tensor) -> None:
    """Requires the bits of an output."""
    require_same_bits(
        "topk_weights", actual, expected, origin="the reference", explain=lambda r: f"row {r}"
    )


def mismatch(actual: Tensor, expected: Tensor) -> str:
    """Returns the message on an output that is not the expected one."""
    with pytest.raises(Mismatch, match=r"^topk_weights is not that of the reference: ") as caught:
        compare(actual, expected)
    return str(caught.value).partition(": ")[2]


def floats(*rows: list[float]) -> Tensor:
    """Returns an fp32 tensor."""
    return torch.tensor(rows, dtype=torch.float32, device=DEVICE)


@pytest.mark.parametrize("dtype", NANS, ids=str)
def test_every_nan_has_the_same_bits(dtype: torch.dtype) -> None:
    """NaN of any kind, sign and payload has the same bits; no other value is touched."""
    integer = INTEGERS[dtype.itemsize]
    nans = torch.tensor(NANS[dtype], dtype=integer, device=DEVICE).view(dtype)
    assert nans.isnan().all()
    assert bits_of(nans).dtype == integer
    assert len(bits_of(nans).unique()) == 1
    assert nans.view(integer).tolist() == NANS[dtype]  # which the comparison leaves as it was
    others = torch.tensor([0.0, -0.0, 1.5, INF, -INF], dtype=dtype, device=DEVICE)
    assert torch.equal(bits_of(others), others.view(integer))
    assert len(bits_of(others).unique()) == 5


def test_bits_of_views_and_of_integers() -> None:
    """A view has the bits that it shows, in its own shape; integers and bools are themselves."""
    wide = torch.arange(12, dtype=torch.int32, device=DEVICE).reshape(3, 4)
    assert torch.equal(bits_of(wide.T), wide.T)
    assert torch.equal(bits_of(wide.float().T), wide.float().view(torch.int32).T)
    assert bits_of(wide > 5).tolist() == (wide > 5).int().tolist()
    assert bits_of(wide[:0].double()).shape == (0, 4)


def test_equal_bits_pass() -> None:
    """Any number of equal rows passes; NaN equals NaN, and the zeros differ."""
    for dtype in (torch.float32, torch.int32):
        values = torch.arange(6, device=DEVICE).reshape(3, 2).to(dtype)
        compare(values, values.clone())
        compare(values[:0], values[:0])
    compare(floats([NAN, -NAN]), floats([-NAN, NAN]))
    message = mismatch(floats([0.0, 1]), floats([-0.0, 1]))
    assert message.startswith("1 of 2 values differ, in 1 of 1 rows; the worst by 0\n")


def test_a_mismatch_of_bits_is_told_in_full() -> None:
    """The message has the number of values and rows, the worst, and the first three places."""
    expected = torch.arange(3000.0, device=DEVICE).reshape(1500, 2)
    actual = expected.clone()
    actual[:, 1] += 0.25
    actual[2, 0] = -1
    assert mismatch(actual, expected) == (
        "1,501 of 3,000 values differ, in 1,500 of 1,500 rows; the worst by 5\n"
        "  place 1: found 1.25, expected 1.0; row 0\n"
        "  place 1: found 3.25, expected 3.0; row 1\n"
        "  place 0: found -1.0, expected 4.0; row 2"
    )
    for value in (NAN, INF, -INF):
        assert mismatch(floats([2.0, value]), floats([1.0, 1.0])) == (
            "2 of 2 values differ, in 1 of 1 rows; the worst by inf\n"
            "  place 0: found 2.0, expected 1.0; row 0\n"
            f"  place 1: found {value!r}, expected 1.0; row 0"
        )


def test_another_shape_or_dtype_is_never_the_same() -> None:
    """No tensor is broadcast or converted."""
    for actual, form in (
        (floats([1.0]), "(1, 1) torch.float32"),
        (floats([1.0, 1], [1, 1]), "(2, 2) torch.float32"),
        (floats([1.0, 1]).int(), "(1, 2) torch.int32"),
        (floats([1.0, 1]).double(), "(1, 2) torch.float64"),
        (floats([1.0, 1])[:0], "(0, 2) torch.float32"),
    ):
        expected = f"found {form}, expected (1, 2) torch.float32"
        assert mismatch(actual, floats([1.0, 1])) == expected


def test_distances_within_their_bound_pass() -> None:
    """A distance may be equal to its bound, which is one number, or one for each value."""
    distance = floats([0.0, 6], [3, 2])
    require_within("w", distance, 6, origin="the oracle", explain=str)
    require_within("w", distance, distance.clone(), origin="the oracle", explain=str)
    require_within("w", distance[:0], 0, origin="the oracle", explain=str)


def test_a_distance_beyond_its_bound_is_told_in_full() -> None:
    """NaN is within no bound, not even an infinite one."""
    distance = floats([0.0, 6.5], [NAN, 2])
    with pytest.raises(Mismatch) as caught:
        require_within("w (in ulp)", distance, 6, origin="the oracle", explain=lambda r: f"row {r}")
    assert str(caught.value) == (
        "w (in ulp) is too far from the oracle: 2 of 4 values differ, "
        "in 2 of 2 rows; the worst by inf\n"
        "  place 1: off by 6.5, at most 6.0; row 0\n"
        "  place 0: off by nan, at most 6.0; row 1"
    )
    with pytest.raises(Mismatch, match=r"  place 0: off by nan, at most inf; 1$"):
        require_within("w", distance, INF, origin="the oracle", explain=str)
    # A value beyond its own bound is told, though another one's bound is wider.
    with pytest.raises(Mismatch, match=r"1 of 2 .*\n  place 1: off by 2.0, at most 1.5; 0$"):
        require_within("w", floats([1.0, 2]), floats([2.0, 1.5]), origin="the oracle", explain=str)


# Outputs, the truth, and the distance in units in the last place.
DISTANCES = [
    (1.0, 1.0, 0),
    (1 + 2.0**-23, 1.0, 1),
    (1 - 2.0**-24, 1.0, 0.5),
    (1.0, 1 - 2.0**-25, 0.5),
    (1.0, 1 + 2.0**-25, 0.25),
    (-1.0, 1.0, 2.0**24),
    (2.0, 1.0, 2.0**23),
    (3.0, 3 + 2.0**-20, 4),
    (2.0**126, 2.0**126 + 2.0**106, 8),
    (0.0, -0.0, 0),
    (0.0, LEAST, 1),
    (3 * LEAST, LEAST, 2),
    (-LEAST, LEAST, 2),
    (0.0, LEAST / 2, 0.5),
    (0.0, 2.0**-1000, 2.0**-851),
    (2.0**-126, 2.0**-126 - LEAST, 1),
    (2.0**-126 - LEAST, 2.0**-126, 1),
    (2.0**-125 + 2 * LEAST, 2.0**-125, 1),
    (INF, INF, 0),
    (-INF, -INF, 0),
    (INF, -INF, INF),
    (INF, 1.0, INF),
    (1.0, INF, INF),
    (NAN, NAN, 0),
    (NAN, 1.0, NAN),
    (1.0, NAN, NAN),
    (INF, NAN, NAN),
]


def test_units_in_the_last_place() -> None:
    """Known distances are right: around powers of two, denormal, zero, infinite, NaN."""
    actual, truth, expected = zip(*DISTANCES, strict=True)
    exact = torch.tensor([truth], dtype=torch.float64, device=DEVICE)
    distances = ulp_distance(floats(list(actual)), exact)[0].tolist()
    assert distances == pytest.approx(expected, rel=0, abs=0, nan_ok=True)
