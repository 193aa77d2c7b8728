# ruff: noqa: ANN001, ANN202, N803
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-decorators=False
"""Sums of rows, each value times a constant, and the largest key of them."""

import triton
import triton.language as tl


@triton.jit
def _planted_kernel(values_ptr, sums_ptr, num_rows, stride_v, BLOCK: tl.constexpr):
    offs = tl.arange(0, BLOCK)
    total = tl.zeros([BLOCK], tl.float32)
    for row in range(num_rows):
        values = tl.load(values_ptr + row * stride_v + offs)
        total += values * 0.7
    keys = (total.to(tl.int32, bitcast=True) & -1024) | offs
    best = tl.max(keys, axis=0)
    tl.store(sums_ptr + offs, total - best.to(tl.float32))
