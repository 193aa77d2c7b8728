"""The portable routing kernel: many rows a program, K rounds of a maximum, on every backend.

The fp32 bits of a logit become an int32, its *order*: the larger logit has the larger order, NaN
has the largest, -0.0 and +0.0 have the same. An fp16 or bf16 logit, converted to fp32, has zeros in
its low 13 or 16 bits. These have room for the expert, so that one integer, the *key*, sorts as the
contract wants, and no two keys of a row are equal::

    31                 13 12        10 9               0
    +--------------------+------------+-----------------+
    | order of the logit | all 0 or 1 | 1023 - expert   |
    +--------------------+------------+-----------------+

A round takes the largest key and strikes it out. An fp32 logit leaves no room: a round takes the
largest order, then the first expert that has it. Only the K chosen logits need exp, and only the
scales are gathered. Each fp32 operation on them is rounded on its own, as `reference.py` defines.

Shapes stand beside the code: BLOCK_T rows, BLOCK_E experts and BLOCK_K choices a program, BLOCK_E
and BLOCK_K being E and K rounded up to a power of two.
"""

import triton
import triton.language as tl

from gemma4_routing.arguments import MAX_EXPERTS, MAX_TOPK
from gemma4_routing.exponential import exp_difference

_EXPERT_MASK = tl.constexpr(MAX_EXPERTS - 1)
_MAX_TOPK = tl.constexpr(MAX_TOPK)
_MAGNITUDE_MASK = tl.constexpr(0x7FFFFFFF)
_LOWEST = tl.constexpr(-(2**31))  # below the order of every number


@triton.jit
def _as_fp32(x):
    """Returns values as fp32.

    bf16 goes by its bits: the cast of Triton's interpreter (3.6, 3.7) loses denormals.
    """
    if x.dtype == tl.bfloat16:
        return (x.to(tl.int16, bitcast=True).to(tl.int32) << 16).to(tl.float32, bitcast=True)
    else:
        return x.to(tl.float32)


@triton.jit
def ordered(bits):
    """Returns the order of fp32 bits: an int32 that is larger if the number is. Its own inverse.

    Of a negative number all bits but the sign are turned over, because they count downwards.
    """
    return bits ^ ((bits >> 31) & _MAGNITUDE_MASK)


@triton.jit
def _packed_choices(order, offs_e, offs_k, K: tl.constexpr):
    """Returns the fp32 bits and the experts of the K best of 16-bit logits, by keys."""
    keys = (order & ~_EXPERT_MASK) | (_EXPERT_MASK - offs_e)  # [BLOCK_T, BLOCK_E]
    best = tl.max(keys, axis=1, keep_dims=True)  # [BLOCK_T, 1]
    winners = tl.where(offs_k == 0, best, _LOWEST)  # [BLOCK_T, BLOCK_K]
    for k in tl.static_range(1, K):
        keys = tl.where(keys == best, _LOWEST, keys)
        best = tl.max(keys, axis=1, keep_dims=True)
        winners = tl.where(offs_k == k, best, winners)
    return ordered(winners) & ~_EXPERT_MASK, (winners & _EXPERT_MASK) ^ _EXPERT_MASK


@triton.jit
def _choices(order, offs_e, offs_k, K: tl.constexpr):
    """Returns the fp32 bits and the experts of the K best of any logits, by orders."""
    winners = tl.zeros_like(offs_k)
    experts = tl.zeros_like(offs_k)
    for k in tl.static_range(K):
        best = tl.max(order, axis=1, keep_dims=True)  # [BLOCK_T, 1]
        # [BLOCK_T, 1]: the first expert with that order, which is then struck out.
        first = tl.min(tl.where(order == best, offs_e, _EXPERT_MASK), axis=1, keep_dims=True)
        order = tl.where(offs_e == first, _LOWEST, order)
        winners = tl.where(offs_k == k, best, winners)  # [BLOCK_T, BLOCK_K]
        experts = tl.where(offs_k == k, first, experts)
    return ordered(winners), experts


@triton.jit
def _balanced_sum(x, BLOCK_T: tl.constexpr, BLOCK_K: tl.constexpr):
    """Returns the sum of each row, ``[BLOCK_T, 1]``: neighbours first, then neighbouring pairs."""
    tl.static_assert(BLOCK_K <= _MAX_TOPK, "five levels add MAX_TOPK values")
    for level in tl.static_range(5):
        if (BLOCK_K >> level) > 1:
            even, odd = tl.split(tl.reshape(x, [BLOCK_T, (BLOCK_K >> level) // 2, 2]))
            x = even + odd  # [BLOCK_T, BLOCK_K >> (level + 1)]
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
    """Routes BLOCK_T tokens a program, from E logits a row to K weights and ids.

    `gating_ptr` is ``[num_tokens, E]`` with the row stride `stride_gt`, `scale_ptr` ``[E]`` fp32,
    `weights_ptr` and `ids_ptr` are ``[num_tokens, K]``, contiguous. IS_WIDE says that logits are
    fp32.
    """
    offs_t = tl.program_id(0).to(tl.int64) * BLOCK_T + tl.arange(0, BLOCK_T)[:, None]
    offs_e = tl.arange(0, BLOCK_E)[None, :]  # [1, BLOCK_E]
    offs_k = tl.arange(0, BLOCK_K)[None, :]  # [1, BLOCK_K]
    mask_t = offs_t < num_tokens
    mask_e = offs_e < E
    mask_o = mask_t & (offs_k < K)

    # Loads the rows as orders. Logits that are masked out stay undefined: the lowest order replaces
    # them, or their row is not stored.
    offs_g = offs_t * stride_gt + offs_e  # [BLOCK_T, BLOCK_E], int64
    logits = _as_fp32(tl.load(gating_ptr + offs_g, mask=mask_t & mask_e))
    logits = tl.where(logits == logits, logits + 0.0, float("nan"))  # one NaN; -0.0 + 0.0 = +0.0
    order = tl.where(mask_e, ordered(logits.to(tl.int32, bitcast=True)), _LOWEST)
    # Chooses K experts: `bits` and `ids` are [BLOCK_T, BLOCK_K].
    if IS_WIDE:
        bits, ids = _choices(order, offs_e, offs_k, K)
    else:
        bits, ids = _packed_choices(order, offs_e, offs_k, K)

    # Softmax over the chosen, times the scales; NaN if the largest logit is not finite.
    chosen = bits.to(tl.float32, bitcast=True)
    largest = tl.max(tl.where(offs_k == 0, bits, _LOWEST), axis=1, keep_dims=True)
    largest = largest.to(tl.float32, bitcast=True)  # [BLOCK_T, 1]
    is_finite = tl.abs(largest) < float("inf")
    values = tl.where(is_finite, chosen, 0.0)
    exps = tl.where(offs_k < K, exp_difference(values, tl.where(is_finite, largest, 0.0)), 0.0)
    scale = tl.load(scale_ptr + ids, mask=mask_o)
    weights = tl.math.div_rn(exps, _balanced_sum(exps, BLOCK_T, BLOCK_K)) * scale
    weights = tl.where(is_finite, weights, float("nan"))

    offs_o = offs_t * K + offs_k
    tl.store(weights_ptr + offs_o, weights, mask=mask_o)
    tl.store(ids_ptr + offs_o, ids, mask=mask_o)
