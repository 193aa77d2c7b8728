"""The floor of the routing kernel: a kernel that only reads every logit and writes both outputs.

Each program reads its rows once, takes the maximum of each, so that the compiler can leave out no
load, and writes meaningless outputs of the right form. Its time depends on the launch settings: the
floor of a shape is the fastest of `FLOORS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

# A thread has at most 255 registers for its values of a tile: more values than this would spill.
_MOST_VALUES_A_THREAD = 128
_THREADS_A_WARP = 32
# (rows, warps) of a program.
_SETTINGS = (
    *((rows, 1) for rows in (1, 2, 4, 8, 16)),
    (16, 2),
    *((rows, 4) for rows in (4, 8, 16, 32, 64)),
    (32, 8),
)


def least_bytes(shape: Mapping[str, int], dtype: torch.dtype) -> int:
    """Returns the bytes of logits and fp32 scales, read once, and of outputs, written once."""
    num_tokens, num_experts, topk = shape["T"], shape["E"], shape["K"]
    read = num_tokens * num_experts * dtype.itemsize + num_experts * torch.float32.itemsize
    return int(read + num_tokens * topk * (torch.float32.itemsize + torch.int32.itemsize))


@triton.jit
def _gemma4_routing_floor_kernel(
    gating_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    E: tl.constexpr,
    K: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_E: tl.constexpr,
    BLOCK_K: tl.constexpr,
):
    """Reads BLOCK_T rows a program, and writes their maxima in the form of the outputs."""
    offs_t = tl.program_id(0).to(tl.int64) * BLOCK_T + tl.arange(0, BLOCK_T)[:, None]
    offs_e = tl.arange(0, BLOCK_E)[None, :]  # [1, BLOCK_E]
    offs_k = tl.arange(0, BLOCK_K)[None, :]  # [1, BLOCK_K]
    mask_t = offs_t < num_tokens
    mask_e = mask_t & (offs_e < E)
    mask_o = mask_t & (offs_k < K)

    # The logits, [BLOCK_T, BLOCK_E].
    logits = tl.load(gating_ptr + offs_t * stride_gt + offs_e, mask=mask_e, other=float("-inf"))
    largest = tl.max(logits.to(tl.float32), axis=1, keep_dims=True)  # [BLOCK_T, 1]
    weights = largest + tl.zeros([BLOCK_T, BLOCK_K], tl.float32)
    ids = (largest + offs_k).to(tl.int32, bitcast=True)  # any bits that depend on the maximum

    offs_o = offs_t * K + offs_k
    tl.store(weights_ptr + offs_o, weights, mask=mask_o)
    tl.store(ids_ptr + offs_o, ids, mask=mask_o)


@dataclass(frozen=True, kw_only=True)
class FloorLaunch:
    """A launch of the floor with certain settings, called as the kernel's launcher is."""

    rows: int
    num_warps: int

    def __str__(self) -> str:
        """Returns ``4 rows, 1 warp``."""
        rows = "1 row" if self.rows == 1 else f"{self.rows} rows"
        return f"{rows}, {'1 warp' if self.num_warps == 1 else f'{self.num_warps} warps'}"

    def __call__(
        self,
        gating_output: Tensor,
        topk: int,
        per_expert_scale: Tensor,
        *,
        out: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Returns the maximum of each row, ``[T, topk]`` fp32, and bits of it, int32.

        Does not read the scales. Raises NotImplementedError if there are fewer rows than a program
        has, or if its values do not fit into registers.
        """
        del per_expert_scale
        num_tokens, num_experts = gating_output.shape
        block_e = triton.next_power_of_2(num_experts)
        values = self.rows * block_e // (self.num_warps * _THREADS_A_WARP)
        if self.rows > max(num_tokens, 1) or values > _MOST_VALUES_A_THREAD:
            message = f"{self}: not for {num_tokens} rows of {num_experts} values"
            raise NotImplementedError(message)
        if out is None:
            weights = gating_output.new_empty((num_tokens, topk), dtype=torch.float32)
            out = weights, torch.empty_like(weights, dtype=torch.int32)
        if num_tokens:
            _gemma4_routing_floor_kernel[(triton.cdiv(num_tokens, self.rows),)](
                gating_output,
                *out,
                num_tokens,
                gating_output.stride(0),
                E=num_experts,
                K=topk,
                BLOCK_T=self.rows,
                BLOCK_E=block_e,
                BLOCK_K=triton.next_power_of_2(topk),
                num_warps=self.num_warps,
            )
        return out


FLOORS = tuple(FloorLaunch(rows=rows, num_warps=num_warps) for rows, num_warps in _SETTINGS)
