"""The short way to exp of a difference gives the bits of the long one, where it may be taken.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing.exponential import exp_difference, exp_near
from kernelproof.measure.comparison import bits_of

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
BLOCK = 2**14


@triton.jit  # type: ignore[untyped-decorator]
def _exp_kernel(value_ptr, largest_ptr, near_ptr, any_ptr, N: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N803
    offs = tl.program_id(0) * N + tl.arange(0, N)
    value, largest = tl.load(value_ptr + offs), tl.load(largest_ptr + offs)
    tl.store(near_ptr + offs, exp_near(value, largest))
    tl.store(any_ptr + offs, exp_difference(value, largest))


def near_pairs() -> tuple[Tensor, Tensor]:
    """Values and largest logits at most 60 above them: of every scale, denormal and equal ones."""
    generator = torch.Generator().manual_seed(19)
    count = 2**14
    largest = torch.cat(
        [
            torch.randn(count, generator=generator) * scale
            for scale in (0, 1e-42, 1e-38, 1e-3, 1, 40)
        ]
    )
    largest = torch.cat(
        [largest, largest * 1e4, largest.sign() * 3e29 * largest.abs().clamp(max=1)]
    )
    distance = torch.rand(len(largest), generator=generator) * 60
    distance *= torch.rand(len(largest), generator=generator).pow(
        8 * (torch.arange(len(largest)) % 3)
    )
    values = largest - distance
    values = torch.where(torch.arange(len(largest)) % 17 == 0, largest, values)
    is_near = (values - largest >= -60) & (values <= largest)
    padding = -int(is_near.sum()) % BLOCK
    pad = torch.nn.functional.pad
    values, largest = (pad(one[is_near], (0, padding)) for one in (values, largest))
    return values.to(DEVICE), largest.to(DEVICE)


def test_exp_near_is_exp_difference() -> None:
    """To the bit, for every difference from -60 to 0."""
    values, largest = near_pairs()
    assert len(values) > 2**17
    near, anywhere = torch.full_like(values, math.nan), torch.zeros_like(values)
    grid = (len(values) // BLOCK,)
    _exp_kernel[grid](values, largest, near, anywhere, N=BLOCK, enable_fp_fusion=False)
    assert torch.equal(bits_of(near), bits_of(anywhere))
    assert (near >= 2.0**-126).all()
    assert near.min() < 2.0**-86
