"""What `gemma4_routing` means: the bits in fp32, the truth in fp64, and the plain formulation.

All three run on any device. The reference is slow and simple on purpose: a stable sort, and one
torch operation for each rounding that the kernel makes.
"""

import math

import torch
from torch import Tensor

# exp(x) = 2**n * exp(r) with x = n * ln2 + r. LN2_HIGH has 9 significant bits, so that n * LN2_HIGH
# is exact for every n that occurs (Cody & Waite, Software Manual for the Elementary Functions,
# 1980). Adding and subtracting ROUND, 1.5 * 2**23, rounds to the nearest integer. The polynomial is
# Taylor's up to r**7, highest power first: at |r| <= ln2 / 2 it leaves out r**8 / 8! < 5.3e-9, a
# tenth of a unit in the last place. Every constant is an fp32 number, written out in full.
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
# Farther than this below the largest logit, exp is zero in fp32, denormal results included.
FARTHEST = -128.0


def gemma4_routing_reference(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """The bits that the kernel must give.

    Takes logits ``[T, E]`` (fp32, fp16, bf16), `topk` and scales ``[E]`` (floating). Returns
    weights ``[T, topk]`` fp32 and ids ``[T, topk]`` int32, by descending logit; among equal
    logits the lower id first; NaN above +inf.
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


def gemma4_routing_oracle(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """The truth, word for word in fp64: softmax over all, top k, divide by their sum, scale.

    Takes and returns what the reference does, with weights in fp64.
    """
    logits = gating_output.to(torch.float64)
    ids = ranked(logits)[1][:, :topk]
    chosen = torch.softmax(logits, dim=1).gather(1, ids)
    scale = per_expert_scale.to(torch.float32).to(torch.float64)
    weights = chosen / chosen.sum(dim=1, keepdim=True) * scale[ids]
    return weights, ids.to(torch.int32)


def gemma4_routing_agreement(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, outputs: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Distance of `outputs` from the plain formulation in the input's dtype, and its bound.

    The plain formulation is softmax, top k, renormalize, each rounded to the input's dtype, as
    torch computes it. It is compared on the finite rows whose k-th and next logit differ: on the
    others `torch.topk` promises no choice. The bound, with u half the dtype's epsilon:

    - 5 u: a probability, the sum of the chosen ones, which has such an error too, and the
      quotient round once each, which makes 4 u; one more for products of u;
    - (d + 16) 2**-24, d the distance to the largest logit: torch computes in fp32 inside, where
      the subtraction rounds by d 2**-24, and exp, sums and our own weight by less than 16;
    - a probability in the dtype's denormal range is off by half a denormal instead, which
      dividing by the sum, at least topk / E, enlarges; twice, for the sum's own, and two more
      for what our weight loses there.

    Returns both as ``[rows, E]`` fp32, by expert; where the chosen experts differ, the distance
    is infinite.
    """
    num_experts = gating_output.shape[1]
    order, _ = ranked(gating_output.to(torch.float32))
    is_clear = order[:, 0].isfinite()
    if topk < num_experts:
        is_clear &= order[:, topk - 1] != order[:, topk]
    logits = gating_output[is_clear]
    weights, ids = (output[is_clear] for output in outputs)
    plain_ids = torch.topk(logits, topk, dim=1).indices
    chosen = torch.softmax(logits, dim=1).gather(1, plain_ids)
    chosen = (chosen / chosen.sum(dim=1, keepdim=True)).to(torch.float32)
    scale = per_expert_scale.to(torch.float32)
    nowhere = torch.full(logits.shape, math.inf, device=logits.device)
    plain = nowhere.scatter(1, plain_ids, chosen * scale[plain_ids])
    ours = nowhere.scatter(1, ids.to(torch.int64), weights)
    distance = torch.where(plain.isinf() & ours.isinf(), 0.0, (ours - plain).abs())
    limits = torch.finfo(gating_output.dtype)
    far = (order[is_clear, :1] - logits.to(torch.float32)).clamp(max=-FARTHEST)
    relative = 5 * limits.eps / 2 + (far + 16) * 2**-24
    absolute = (num_experts / topk + 2) * limits.smallest_normal * limits.eps
    bound = relative * torch.where(plain.isinf(), 0.0, plain.abs()) + absolute * scale.abs()
    return distance, bound


def ranked(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Logits ``[T, E]`` and their experts in the contract's order: descending, stable, NaN first.

    One NaN stands for all, and +0.0 for -0.0: torch.sort on CUDA (2.11.0) puts a NaN whose sign
    bit is set last.
    """
    logits = torch.where(logits.isnan(), math.nan, logits + 0.0)
    values, experts = torch.sort(logits, dim=1, descending=True, stable=True)
    return values, experts


def _exp_difference(values: Tensor, largest: Tensor) -> Tensor:
    """``exp(values - largest)``, fp32, each operation rounded on its own.

    The subtraction's rounding error (Knuth's two-difference, exact) goes into the reduced
    argument: without it the weights of logits of scale 20 are off by 62 units in the last place.
    """
    far = values - largest
    back = far - values
    error = (values - (far - back)) - (largest + back)
    is_near = far >= FARTHEST
    far = torch.where(is_near, far, FARTHEST)
    error = torch.where(is_near, error, 0.0)
    n = (far * LOG2_E + ROUND) - ROUND
    r = ((far - n * LN2_HIGH) - n * LN2_LOW) + error
    p = torch.full_like(r, EXP_POLYNOMIAL[0])
    for coefficient in EXP_POLYNOMIAL[1:]:
        p = _step(p, r, coefficient)
    exponent = n.to(torch.int32)
    half = exponent >> 1
    low = ((half + 127) << 23).view(torch.float32)
    high = ((exponent - half + 127) << 23).view(torch.float32)
    return (p * low) * high


def _step(p: Tensor, r: Tensor, coefficient: float) -> Tensor:
    """One step of the polynomial: a product and a sum, rounded each."""
    return p * r + coefficient


def _balanced_sum(x: Tensor) -> Tensor:
    """The sum over the last axis, ``[T, 1]``: neighbours first, then neighbouring pairs."""
    width = 1 << (x.shape[1] - 1).bit_length()
    x = torch.nn.functional.pad(x, (0, width - x.shape[1]))
    while x.shape[1] > 1:
        x = x[:, 0::2] + x[:, 1::2]
    return x
