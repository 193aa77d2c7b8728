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

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.gemma4_routing import reference
from kernels.gemma4_routing.arguments import MAX_EXPERTS, MAX_TOPK, check_arguments, check_out

_EXPERT_MASK = tl.constexpr(MAX_EXPERTS - 1)
_MAX_TOPK = tl.constexpr(MAX_TOPK)
_MAGNITUDE_MASK = tl.constexpr(0x7FFFFFFF)
_LOG2_E = tl.constexpr(reference.LOG2_E)
_LN2_HIGH = tl.constexpr(reference.LN2_HIGH)
_LN2_LOW = tl.constexpr(reference.LN2_LOW)
_ROUND = tl.constexpr(reference.ROUND)
_FARTHEST = tl.constexpr(reference.FARTHEST)
_P7, _P6, _P5, _P4, _P3, _P2, _P1, _P0 = map(tl.constexpr, reference.EXP_POLYNOMIAL)


@triton.jit
def _as_fp32(x):
    """Values as fp32; bf16 by its bits, since the interpreter's cast (3.6, 3.7) loses denormals."""
    if x.dtype == tl.bfloat16:
        return (x.to(tl.int16, bitcast=True).to(tl.int32) << 16).to(tl.float32, bitcast=True)
    else:
        return x.to(tl.float32)


@triton.jit
def _ordered(bits):
    """fp32 bits as an int32 that orders as the value does; its own inverse."""
    return bits ^ ((bits >> 31) & _MAGNITUDE_MASK)


@triton.jit
def _packed_keys(logits, offs_e, mask_e, LOWEST: tl.constexpr, IS_WIDE: tl.constexpr):
    """Unique integer keys in the contract's order; padding gets the lowest of all."""
    logits = tl.where(logits == logits, logits + 0.0, float("nan"))  # one NaN; -0.0 + 0.0 = +0.0
    ordered = _ordered(logits.to(tl.int32, bitcast=True))
    tie_break = _EXPERT_MASK - offs_e
    if IS_WIDE:
        keys = (ordered.to(tl.int64) << 32) | tie_break
    else:
        keys = (ordered & ~_EXPERT_MASK) | tie_break
    return tl.where(mask_e, keys, LOWEST)


@triton.jit
def _unpacked_logits(keys, IS_WIDE: tl.constexpr):
    """The fp32 logits in packed keys."""
    if IS_WIDE:
        bits = _ordered((keys >> 32).to(tl.int32))
    else:
        bits = _ordered(keys) & ~_EXPERT_MASK
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _exp_difference(values, largest):
    """``exp(values - largest)`` for values at most the finite largest, -inf included."""
    far = values - largest
    back = far - values
    error = (values - (far - back)) - (largest + back)
    is_near = far >= _FARTHEST
    far = tl.where(is_near, far, _FARTHEST)
    error = tl.where(is_near, error, 0.0)
    n = (far * _LOG2_E + _ROUND) - _ROUND
    r = ((far - n * _LN2_HIGH) - n * _LN2_LOW) + error
    p = _P7 * r + _P6
    p = p * r + _P5
    p = p * r + _P4
    p = p * r + _P3
    p = p * r + _P2
    p = p * r + _P1
    p = p * r + _P0
    exponent = n.to(tl.int32)
    half = exponent >> 1  # 2**n in two steps: only the last product can round to a denormal
    low = ((half + 127) << 23).to(tl.float32, bitcast=True)
    high = ((exponent - half + 127) << 23).to(tl.float32, bitcast=True)
    return p * low * high


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
    exps = tl.where(offs_k < K, _exp_difference(values, tl.where(is_finite, largest, 0.0)), 0.0)
    scale = tl.load(scale_ptr + ids, mask=mask_o)
    weights = tl.math.div_rn(exps, _balanced_sum(exps, BLOCK_T, BLOCK_K)) * scale
    weights = tl.where(is_finite, weights, float("nan"))

    offs_o = offs_t * K + offs_k
    tl.store(weights_ptr + offs_o, weights, mask=mask_o)
    tl.store(ids_ptr + offs_o, ids, mask=mask_o)


class LaunchSettings(NamedTuple):
    """How a launch is cut: values and rows of a tile at most, warps a program."""

    tile: int
    rows: int
    num_warps: int


# By device type and largest number of tokens. Measured at E = 128, K = 8:
# - cpu, interpreted: 262,144 fp32 rows take 2.0 s at 2**20 values a tile, the most that it holds,
#   and 4.4 s at 2**17 (2 cores, Triton 3.6.0);
# - cuda, H200, Triton 3.6.0, graph replay, us for fp32 / bf16: 1 row a program takes 2.1 / 1.6 at
#   T = 1, 4.1 / 2.9 at 2048, 277 / 160 at 262,144; 4 rows take 6.5 / 3.1 at 2048, 274 / 127 at
#   262,144; 32 rows on 4 warps 377 / 151 there. hip and xpu are not measured.
_SETTINGS: dict[str, tuple[tuple[float, LaunchSettings], ...]] = {
    "cpu": ((float("inf"), LaunchSettings(tile=2**20, rows=8192, num_warps=1)),),
    "cuda": (
        (8192, LaunchSettings(tile=1024, rows=1, num_warps=1)),
        (float("inf"), LaunchSettings(tile=512, rows=4, num_warps=1)),
    ),
    "xpu": ((float("inf"), LaunchSettings(tile=2048, rows=16, num_warps=4)),),
}


def gemma4_routing(
    gating_output: Tensor,
    topk: int,
    per_expert_scale: Tensor,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Routing weights ``[T, topk]`` fp32 and expert ids ``[T, topk]`` int32 of each token.

    Takes logits ``[T, E]`` (fp32, fp16 or bf16, any row stride; T >= 0, 1 <= E <= 1024),
    ``1 <= topk <= min(E, 32)`` and scales ``[E]`` (floating, same device; used as fp32). The
    weights are softmax over all experts, top k, divided by their sum, times the expert's scale; the
    package's docstring has the whole contract. `out` takes both outputs, contiguous.

    Raises TypeError or ValueError, naming the argument, before anything is launched.
    """
    check_arguments(gating_output, topk, per_expert_scale)
    num_tokens, num_experts = gating_output.shape
    if out is None:
        empty = partial(torch.empty, (num_tokens, topk), device=gating_output.device)
        out = empty(dtype=torch.float32), empty(dtype=torch.int32)
    else:
        check_out(out, (num_tokens, topk), gating_output.device)
    if num_tokens == 0:
        return out
    if num_experts > 1 and gating_output.stride(1) != 1:
        gating_output = gating_output.contiguous()
    _launch(gating_output, topk, per_expert_scale.to(torch.float32).contiguous(), out)
    return out


def _launch(gating_output: Tensor, topk: int, scale: Tensor, out: tuple[Tensor, Tensor]) -> None:
    num_tokens, num_experts = gating_output.shape
    block_e = triton.next_power_of_2(num_experts)
    table = _SETTINGS[gating_output.device.type]
    settings = next(settings for most_tokens, settings in table if num_tokens <= most_tokens)
    rows = min(settings.rows, max(1, settings.tile // block_e))
    block_t = min(rows, triton.next_power_of_2(num_tokens))
    with _current(gating_output.device):
        _gemma4_routing_kernel[(triton.cdiv(num_tokens, block_t),)](
            gating_output,
            scale,
            *out,
            num_tokens,
            gating_output.stride(0),
            E=num_experts,
            K=topk,
            BLOCK_T=block_t,
            BLOCK_E=block_e,
            BLOCK_K=triton.next_power_of_2(topk),
            IS_WIDE=gating_output.dtype == torch.float32,
            num_warps=settings.num_warps,
            enable_fp_fusion=False,
        )


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Makes `device` the current one, where its kind knows of a current one."""
    if device.type == "cpu":
        return nullcontext()
    return torch.get_device_module(device).device(device)  # type: ignore[no-any-return]
