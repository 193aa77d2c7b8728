"""Planted slowdowns: extra work leaves the kernel's bits."""

import pytest
import torch
import triton

from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of
from kernelproof.measure.contestants import first_set
from kernelproof.spec import Inputs

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
SHAPES = [(128, 8, 1), (128, 8, 33), (60, 4, 5), (8, 8, 3), (1000, 32, 2), (1, 1, 4)]


@pytest.mark.parametrize("rounds", [0, 1, 7])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_extra_work_leaves_the_bits(
    shape: tuple[int, int, int], dtype: torch.dtype, rounds: int
) -> None:
    """The outputs given have the kernel's bits, and the inputs stay as they are."""
    assert SPEC.slowed is not None
    sizes = dict(zip("EKT", shape, strict=True))
    tensors = first_set(SPEC, dtype, sizes, DEVICE)
    before = tensors.copy().inputs
    wanted = SPEC.launch(**tensors.inputs)
    for output in tensors.out:
        output.fill_(-1)
    outputs = SPEC.slowed(rounds)(**tensors.inputs, out=tensors.out)
    assert all(a is b for a, b in zip(outputs, tensors.out, strict=True))
    for output, expected in zip(tensors.out, wanted, strict=True):
        assert torch.equal(bits_of(output), bits_of(expected))
    assert _same(before, tensors.inputs)


def _same(before: Inputs, after: Inputs) -> bool:
    return all(
        torch.equal(value, after[name])
        for name, value in before.items()
        if isinstance(value, torch.Tensor)
    )
