"""The toy kernel: a few rows a program, one maximum over the last axis."""

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK_T = 16


@triton.jit
def _toy_kernel(
    values_ptr,
    scale_ptr,
    peaks_ptr,
    num_tokens,
    stride_vt,
    N: tl.constexpr,
    BLOCK_T: tl.constexpr,
    BLOCK_N: tl.constexpr,
):
    offs_t = tl.program_id(0).to(tl.int64) * BLOCK_T + tl.arange(0, BLOCK_T)
    offs_n = tl.arange(0, BLOCK_N)
    mask_t = offs_t < num_tokens
    mask_n = offs_n < N
    offs_v = offs_t[:, None] * stride_vt + offs_n[None, :]  # int64, [BLOCK_T, BLOCK_N]
    values = tl.load(values_ptr + offs_v, mask=mask_t[:, None] & mask_n[None, :], other=0.0)
    scale = tl.load(scale_ptr + offs_n, mask=mask_n, other=0.0)
    products = tl.abs(values.to(tl.float32) * scale[None, :])
    peaks = tl.max(products, axis=1)  # [BLOCK_T]
    tl.store(peaks_ptr + offs_t, peaks, mask=mask_t)


def toy(values: Tensor, scale: Tensor, *, out: tuple[Tensor] | None = None) -> tuple[Tensor]:
    """Returns the largest ``|values * scale|`` of each row, ``[T]`` fp32, in `out` if given."""
    num_tokens, num_values = values.shape
    if out is None:
        out = (torch.empty(num_tokens, dtype=torch.float32, device=values.device),)
    if num_tokens:
        _toy_kernel[(triton.cdiv(num_tokens, _BLOCK_T),)](
            values,
            scale,
            *out,
            num_tokens,
            values.stride(0),
            N=num_values,
            BLOCK_T=_BLOCK_T,
            BLOCK_N=triton.next_power_of_2(num_values),
            enable_fp_fusion=False,
        )
    return out
