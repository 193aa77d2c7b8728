"""The short way to exp of a difference: it gives the bits of the long one, if it may be taken."""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing.exponential import exp_difference, exp_near
from kernelproof.measure.comparison import bits_of
from tests.unit.gemma4_routing.routing import DEVICE

BLOCK = 2**14


@triton.jit  # type: ignore[untyped-decorator]
def _exp_kernel(value_ptr, largest_ptr, near_ptr, any_ptr, N: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N803
    offs = tl.program_id(0) * N + tl.arange(0, N)
    value, largest = tl.load(value_ptr + offs), tl.load(largest_ptr + offs)
    tl.store(near_ptr + offs, exp_near(value, largest))
    tl.store(any_ptr + offs, exp_difference(value, largest))


def near_pairs() -> tuple[Tensor, Tensor]:
    """Returns values, and largest logits at most 60 above them, of every scale."""
    generator = torch.Generator().manual_seed(19)
    scales = torch.tensor([0, 1e-42, 1e-38, 1e-3, 1, 40]).repeat_interleave(BLOCK)
    largest = torch.randn(len(scales), generator=generator) * scales
    large = largest.sign() * 3e29 * largest.abs().clamp(max=1)
    largest = torch.cat([largest, largest * 1e4, large])
    # Distances from 0 to 60, many of them tiny, and some of them 0.
    number = torch.arange(len(largest))
    distance = torch.rand(len(largest), generator=generator) * 60
    distance *= torch.rand(len(largest), generator=generator).pow(8 * (number % 3))
    values = torch.where(number % 17 == 0, largest, largest - distance)
    is_near = (values - largest >= -60) & (values <= largest)
    padding = 0, -int(is_near.sum()) % BLOCK
    pairs = (torch.nn.functional.pad(pair[is_near], padding) for pair in (values, largest))
    values, largest = pairs
    return values.to(DEVICE), largest.to(DEVICE)


def test_exp_near_is_exp_difference() -> None:
    """Both give the same bits for every difference from -60 to 0."""
    values, largest = near_pairs()
    assert len(values) > 2**17
    near, anywhere = torch.full_like(values, math.nan), torch.zeros_like(values)
    grid = (len(values) // BLOCK,)
    _exp_kernel[grid](values, largest, near, anywhere, N=BLOCK, enable_fp_fusion=False)
    assert torch.equal(bits_of(near), bits_of(anywhere))
    assert (near >= 2.0**-126).all()
    assert near.min() < 2.0**-86
