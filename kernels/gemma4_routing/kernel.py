"""The routing kernel: many rows a program, K rounds of a maximum over packed keys.

A logit and its expert become one integer, so that the order of the integers is the order of the
contract: larger logit first, NaN above all, -0.0 equal to +0.0, the lower expert among equals.

::

    16-bit logits, one int32                      fp32 logits, one int64
    31            13 12     10 9            0     63             32 31        10 9            0
    +---------------+---------+-------------+     +----------------+------------+-------------+
    | ordered value |    0    | 1023-expert |     | ordered value  |      0     | 1023-expert |
    +---------------+---------+-------------+     +----------------+------------+-------------+

An fp16 or bf16 value as fp32 leaves its low 13 or 16 bits zero, which is room for the expert.
Keys are unique: a round takes the maximum and strikes out just that key. The K winners decode to
logits and ids, so only K values a row need exp, and nothing is gathered but the scales. Each fp32
operation on them is rounded on its own, as `reference.py` defines and explains.
"""

import triton
import triton.language as tl

from kernels.gemma4_routing.arguments import MAX_EXPERTS, MAX_TOPK
from kernels.gemma4_routing.exponential import exp_difference

_EXPERT_MASK = tl.constexpr(MAX_EXPERTS - 1)
_MAX_TOPK = tl.constexpr(MAX_TOPK)
_MAGNITUDE_MASK = tl.constexpr(0x7FFFFFFF)


@triton.jit
def _as_fp32(x):
    """Values as fp32; bf16 by its bits, since the interpreter's cast (3.6, 3.7) loses denormals."""
    if x.dtype == tl.bfloat16:
        return (x.to(tl.int16, bitcast=True).to(tl.int32) << 16).to(tl.float32, bitcast=True)
    else:
        return x.to(tl.float32)


@triton.jit
def ordered(bits):
    """fp32 bits as an int32 that orders as the value does; its own inverse."""
    return bits ^ ((bits >> 31) & _MAGNITUDE_MASK)


@triton.jit
def _packed_keys(logits, offs_e, mask_e, LOWEST: tl.constexpr, IS_WIDE: tl.constexpr):
    """Unique integer keys in the contract's order; padding gets the lowest of all."""
    logits = tl.where(logits == logits, logits + 0.0, float("nan"))  # one NaN; -0.0 + 0.0 = +0.0
    order = ordered(logits.to(tl.int32, bitcast=True))
    tie_break = _EXPERT_MASK - offs_e
    if IS_WIDE:
        keys = (order.to(tl.int64) << 32) | tie_break
    else:
        keys = (order & ~_EXPERT_MASK) | tie_break
    return tl.where(mask_e, keys, LOWEST)


@triton.jit
def _unpacked_logits(keys, IS_WIDE: tl.constexpr):
    """The fp32 logits in packed keys."""
    if IS_WIDE:
        bits = ordered((keys >> 32).to(tl.int32))
    else:
        bits = ordered(keys) & ~_EXPERT_MASK
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _balanced_sum(x, BLOCK_T: tl.constexpr, BLOCK_K: tl.constexpr):
    """The sum over K: neighbours first, then neighbouring pairs."""
    tl.static_assert(BLOCK_K <= _MAX_TOPK, "five levels add MAX_TOPK values")
    for level in tl.static_range(5):
        if (BLOCK_K >> level) > 1:
            even, odd = tl.split(tl.reshape(x, [BLOCK_T, (BLOCK_K >> level) // 2, 2]))
            x = even + odd
    return x  # [BLOCK_T, 1]


@triton.jit
def _gemma4_routing_kernel(
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    E: tl.constexpr,
    K: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
    IS_WIDE: tl.constexpr,
):
    LOWEST: tl.constexpr = -(2**63) if IS_WIDE else -(2**31)
    offs_t = tl.program_id(0).to(tl.int64) * BLOCK_T + tl.arange(0, BLOCK_T)[:, None]
    offs_e = tl.arange(0, BLOCK_E)[None, :]
    offs_k = tl.arange(0, BLOCK_K)[None, :]
    mask_t = offs_t < num_tokens
    mask_e = offs_e < E
    mask_o = mask_t & (offs_k < K)

    offs_g = offs_t * stride_gt + offs_e  # int64, [BLOCK_T, BLOCK_E]
    # What is masked out stays undefined: keys replace it, or its row is not stored.
    logits = _as_fp32(tl.load(gating_ptr + offs_g, mask=mask_t & mask_e))
    keys = _packed_keys(logits, offs_e, mask_e, LOWEST, IS_WIDE)

    best = tl.max(keys, axis=1, keep_dims=True)  # [BLOCK_T, 1]
    largest = _unpacked_logits(best, IS_WIDE)
    winners = tl.where(offs_k == 0, best, LOWEST)  # [BLOCK_T, BLOCK_K]
    for k in tl.static_range(1, K):
        keys = tl.where(keys == best, LOWEST, keys)
        best = tl.max(keys, axis=1, keep_dims=True)
        winners = tl.where(offs_k == k, best, winners)

    ids = _EXPERT_MASK - (winners.to(tl.int32) & _EXPERT_MASK)
    is_finite = tl.abs(largest) < float("inf")
    values = tl.where(is_finite, _unpacked_logits(winners, IS_WIDE), 0.0)
    exps = tl.where(offs_k < K, exp_difference(values, tl.where(is_finite, largest, 0.0)), 0.0)
    scale = tl.load(scale_ptr + ids, mask=mask_o)
    weights = tl.math.div_rn(exps, _balanced_sum(exps, BLOCK_T, BLOCK_K)) * scale
    weights = tl.where(is_finite, weights, float("nan"))

    offs_o = offs_t * K + offs_k
    tl.store(weights_ptr + offs_o, weights, mask=mask_o)
    tl.store(ids_ptr + offs_o, ids, mask=mask_o)
