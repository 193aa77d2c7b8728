"""Comparisons of outputs: bit for bit, or in units in the last place (ulp)."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

_SHOWN_PLACES = 3  # in the message of a mismatch
# Integer dtypes by their bytes.
_INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class Mismatch(AssertionError):  # noqa: N818  (a finding, not a fault of the program)
    """A wrong answer of a kernel; the message tells all of it."""


def bits_of(tensor: Tensor) -> Tensor:
    """Returns the bits of a tensor as integers of its width, every NaN replaced by the same one."""
    integer = _INTEGERS[tensor.dtype.itemsize]
    if not tensor.is_floating_point():
        return tensor.contiguous().view(integer)
    return torch.where(tensor.isnan(), torch.nan, tensor).contiguous().view(integer)


def require_same_bits(
    name: str, actual: Tensor, expected: Tensor, *, origin: str, explain: Callable[[int], str]
) -> None:
    """Raises Mismatch unless two ``[T, ...]`` tensors have the same bits; all NaNs are equal.

    The message says where `expected` comes from ("the reference"), and explains the first rows.
    """
    found, wanted = (f"{tuple(t.shape)} {t.dtype}" for t in (actual, expected))
    if found != wanted:
        message = f"{name} is not that of {origin}: found {found}, expected {wanted}"
        raise Mismatch(message)
    wrong = bits_of(actual) != bits_of(expected)
    if not wrong.any():
        return
    distance = (actual.double() - expected.double()).abs()
    shown = {"found": actual, "expected": expected}
    raise Mismatch(_describe(f"{name} is not that of {origin}", wrong, distance, shown, explain))


def require_within(
    name: str,
    distance: Tensor,
    bound: Tensor | float,
    *,
    origin: str,
    explain: Callable[[int], str],
) -> None:
    """Raises Mismatch unless every distance ``[T, ...]`` is within its bound; NaN is in none."""
    wrong = ~(distance <= bound)
    if not wrong.any():
        return
    limits = bound if isinstance(bound, Tensor) else torch.full_like(distance, bound)
    shown = {"off by": distance, "at most": limits}
    raise Mismatch(_describe(f"{name} is too far from {origin}", wrong, distance, shown, explain))


def ulp_distance(actual: Tensor, truth: Tensor) -> Tensor:
    """Returns ``|actual - truth|`` in units in the last place of the truth, as fp32 has them.

    Takes fp32 and fp64 of one shape. The unit is 2**(floor(log2 |truth|) - 23), at least 2**-149,
    that of denormals. Two NaNs, or two equal infinities, are 0 apart.
    """
    _, exponent = torch.frexp(truth.abs().clamp_min(2.0**-126))
    unit = torch.ldexp(torch.ones_like(truth), exponent - 24)
    same = (actual.isnan() & truth.isnan()) | (actual == truth)
    return torch.where(same, 0.0, (actual.double() - truth).abs() / unit)


def _describe(
    claim: str,
    wrong: Tensor,
    distance: Tensor,
    shown: Mapping[str, Tensor],
    explain: Callable[[int], str],
) -> str:
    """Returns the number of wrong values, the worst distance, and the first places in detail."""
    flat = wrong.reshape(len(wrong), -1)
    rows = int(flat.any(dim=1).sum())
    worst = torch.nan_to_num(distance[wrong].double(), nan=torch.inf, posinf=torch.inf).max().item()
    lines = [
        f"{claim}: {int(flat.sum()):,} of {flat.numel():,} values differ, "
        f"in {rows:,} of {len(flat):,} rows; the worst by {worst:.6g}"
    ]
    for row, place in flat.nonzero()[:_SHOWN_PLACES].tolist():
        values = ", ".join(
            f"{word} {tensor.reshape(flat.shape)[row, place].item()!r}"
            for word, tensor in shown.items()
        )
        lines.append(f"  place {place}: {values}; {explain(row)}")
    return "\n".join(lines)
