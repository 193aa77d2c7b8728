"""The bit-exact definition of `gemma4_routing` in fp32, for any device.

It is slow and simple on purpose: a stable sort, and one torch operation for each rounding that the
kernel makes.
"""

import math

import torch
from torch import Tensor

# exp(x) = 2**n * exp(r) with x = n * ln2 + r. LN2_HIGH has 9 significant bits, so that n * LN2_HIGH
# is exact for every n that occurs (Cody & Waite, Software Manual for the Elementary Functions,
# 1980). Adding and subtracting ROUND, 1.5 * 2**23, rounds to the nearest integer. The polynomial is
# Taylor's up to r**7, highest power first: at |r| <= ln2 / 2 it leaves out r**8 / 8! < 5.3e-9, a
# tenth of a unit in the last place. Every constant is an fp32 number with all its digits.
LOG2_E = 1.4426950216293335
LN2_HIGH = 0.693359375
LN2_LOW = -0.00021219444170128554
ROUND = 12582912.0
EXP_POLYNOMIAL = (
    0.00019841270113829523,
    0.0013888889225199819,
    0.008333333767950535,
    0.0416666679084301,
    0.1666666716337204,
    0.5,
    1.0,
    1.0,
)
# exp of a difference below this is zero in fp32, even as a denormal.
FARTHEST = -128.0


def gemma4_routing_reference(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the weights and ids whose bits the kernel must give.

    Takes logits ``[T, E]`` (fp32, fp16 or bf16), `topk` and scales ``[E]`` (floating). Returns
    weights ``[T, topk]`` fp32 and ids ``[T, topk]`` int32, in descending order of the logits. Of
    equal logits the lower id stands first; NaN stands above +inf.
    """
    values, ids = ranked(gating_output.to(torch.float32))
    values, ids = values[:, :topk], ids[:, :topk]
    largest = values[:, :1]
    is_finite = torch.isfinite(largest)
    exps = _exp_difference(
        torch.where(is_finite, values, 0.0), torch.where(is_finite, largest, 0.0)
    )
    weights = (exps / _balanced_sum(exps)) * per_expert_scale.to(torch.float32)[ids]
    return torch.where(is_finite, weights, math.nan), ids.to(torch.int32)


def ranked(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Returns logits ``[T, E]`` and their experts in the contract's order: descending, NaN first.

    Every NaN is replaced by one NaN, because torch.sort on CUDA (2.11.0) puts a NaN whose sign bit
    is set last; -0.0 is replaced by +0.0, and the sort is stable.
    """
    logits = torch.where(logits.isnan(), math.nan, logits + 0.0)
    values, experts = torch.sort(logits, dim=1, descending=True, stable=True)
    return values, experts


def _exp_difference(values: Tensor, largest: Tensor) -> Tensor:
    """Returns ``exp(values - largest)`` in fp32, each operation rounded on its own.

    The rounding error of the subtraction (Knuth's two-difference, exact) is added to the reduced
    argument: without it the weights of logits of scale 20 are off by 62 units in the last place.
    """
    # The difference and its rounding error, both replaced if exp is zero.
    far = values - largest
    back = far - values
    error = (values - (far - back)) - (largest + back)
    is_near = far >= FARTHEST
    far = torch.where(is_near, far, FARTHEST)
    error = torch.where(is_near, error, 0.0)
    # Splits far + error into n * ln2 + r.
    n = (far * LOG2_E + ROUND) - ROUND
    r = ((far - n * LN2_HIGH) - n * LN2_LOW) + error
    # The polynomial of exp at r.
    p = torch.full_like(r, EXP_POLYNOMIAL[0])
    for coefficient in EXP_POLYNOMIAL[1:]:
        p = _step(p, r, coefficient)
    # p * 2**n in two steps, so that only the last product can round to a denormal. The bits of a
    # power of two are its exponent plus 127, above 23 bits of mantissa.
    exponent = n.to(torch.int32)
    half = exponent >> 1
    low = ((half + 127) << 23).view(torch.float32)
    high = ((exponent - half + 127) << 23).view(torch.float32)
    return (p * low) * high


def _step(p: Tensor, r: Tensor, coefficient: float) -> Tensor:
    """Returns one step of the polynomial: a product and a sum, each rounded."""
    return p * r + coefficient


def _balanced_sum(x: Tensor) -> Tensor:
    """Returns the sum over the last axis, ``[T, 1]``: neighbours first, then neighbouring pairs."""
    width = 1 << (x.shape[1] - 1).bit_length()
    x = torch.nn.functional.pad(x, (0, width - x.shape[1]))
    while x.shape[1] > 1:
        x = x[:, 0::2] + x[:, 1::2]
    return x
