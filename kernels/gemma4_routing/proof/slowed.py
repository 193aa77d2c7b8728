"""The routing kernels with extra work in each program: slowdowns that the perf check must find.

Rounds of dependent integer arithmetic run before the kernel's own code; the outputs are the
kernel's, bit for bit. `nox -s gate-card` finds the number of rounds that makes a launch slower by a
given part.
"""

from dataclasses import dataclass
from typing import Any

import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing.cuda.lanes import _gemma4_routing_lanes_kernel
from gemma4_routing.cuda.tile import _gemma4_routing_tile_kernel
from gemma4_routing.kernel import _gemma4_routing_kernel
from gemma4_routing.launch import backend_of, launch_settings


@triton.jit
def _steps(rounds, IS_NVIDIA: tl.constexpr):
    """Returns the last of `rounds` steps of a sequence that no compiler can shorten.

    A step takes a few ns. NVIDIA GPUs run it in PTX, which can forbid to unroll the loop: unrolled,
    43 more instructions made a launch of one token slower by 3.5 % before the first step (H200,
    Triton 3.6.0). The sequence is the linear congruential generator of Numerical Recipes.
    """
    x = tl.program_id(0)
    if IS_NVIDIA:
        x = tl.inline_asm_elementwise(
            "{ .reg .pred p; .reg .u32 n; mov.u32 n, $1; mov.u32 $0, $2;"
            ' steps: .pragma "nounroll"; setp.eq.u32 p, n, 0; @p bra ended;'
            " mad.lo.u32 $0, $0, 1664525, 1013904223; sub.u32 n, n, 1; bra steps; ended: }",
            "=&r,r,r",
            [rounds, x],
            dtype=tl.int32,
            is_pure=False,
            pack=1,
        )
    else:
        for _ in range(rounds):
            x = x * 1664525 + 1013904223
    return x


@triton.jit
def _use(x, ids_ptr, num_tokens):
    """Uses `x` in a store that never happens, which the compiler cannot know."""
    tl.store(ids_ptr, x, mask=(x == 0) & (num_tokens < 0))


@triton.jit(do_not_specialize=["rounds", "num_tokens", "stride_gt"])
def _slowed_tile_kernel(
    rounds,
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    IS_NVIDIA: tl.constexpr,
    LANES: tl.constexpr,
):
    """Runs the tile kernel after `rounds` steps of extra work."""
    x = _steps(rounds, IS_NVIDIA)
    _gemma4_routing_tile_kernel(
        gating_ptr, scale_ptr, weights_ptr, ids_ptr, num_tokens, stride_gt, LANES
    )
    _use(x, ids_ptr, num_tokens)


@triton.jit(do_not_specialize=["rounds", "num_tokens", "stride_gt"])
def _slowed_lanes_kernel(
    rounds,
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    IS_NVIDIA: tl.constexpr,
    LANES: tl.constexpr,
):
    """Runs the lanes kernel after `rounds` steps of extra work."""
    x = _steps(rounds, IS_NVIDIA)
    _gemma4_routing_lanes_kernel(
        gating_ptr, scale_ptr, weights_ptr, ids_ptr, num_tokens, stride_gt, LANES
    )
    _use(x, ids_ptr, num_tokens)


@triton.jit(do_not_specialize=["rounds"])
def _slowed_kernel(
    rounds,
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    IS_NVIDIA: tl.constexpr,
    E: tl.constexpr,
    K: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
    IS_WIDE: tl.constexpr,
):
    """Runs the portable kernel after `rounds` steps of extra work."""
    x = _steps(rounds, IS_NVIDIA)
    _gemma4_routing_kernel(
        gating_ptr,
        scale_ptr,
        weights_ptr,
        ids_ptr,
        num_tokens,
        stride_gt,
        E,
        K,
        BLOCK_T,
        BLOCK_E,
        BLOCK_K,
        IS_WIDE,
    )
    _use(x, ids_ptr, num_tokens)


_SLOWED: dict[Any, Any] = {
    _gemma4_routing_kernel: _slowed_kernel,
    _gemma4_routing_lanes_kernel: _slowed_lanes_kernel,
    _gemma4_routing_tile_kernel: _slowed_tile_kernel,
}


@dataclass(frozen=True)
class SlowedLaunch:
    """A launch with `rounds` rounds of extra work a program, called as the launcher is."""

    rounds: int

    def __call__(
        self, gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, out: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """Writes the outputs to `out`; takes aligned, contiguous inputs and fp32 scales."""
        num_tokens, num_experts = gating_output.shape
        backend = backend_of(gating_output.device.type)
        settings = launch_settings(gating_output.dtype, (num_tokens, num_experts, topk), backend)
        _SLOWED[settings.function][(triton.cdiv(num_tokens, settings.rows),)](
            self.rounds,
            gating_output,
            per_expert_scale,
            *out,
            num_tokens,
            gating_output.stride(0),
            IS_NVIDIA=backend == "cuda",
            **settings.keywords,
        )
        return out
