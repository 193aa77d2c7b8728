"""Slowed launches of the routing kernel: extra work leaves the bits."""

import pytest
import torch

from gemma4_routing.proof import SPEC
from gemma4_routing.proof.slowed import SlowedLaunch
from kernelproof.measure.contestants import first_set
from tests.unit.gemma4_routing.routing import DEVICE, require_same

SHAPES = [(128, 8, 1), (128, 8, 33), (60, 4, 5), (8, 8, 3), (1000, 32, 2), (1, 1, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_extra_work_leaves_the_bits(shape: tuple[int, int, int], dtype: torch.dtype) -> None:
    """Any number of rounds fills `out` with the kernel's bits, and leaves the inputs."""
    assert SPEC.slowed is SlowedLaunch
    tensors = first_set(SPEC, dtype, dict(zip("EKT", shape, strict=True)), DEVICE)
    before = tensors.copy().inputs
    expected = SPEC.launch(**tensors.inputs)
    for rounds in (0, 1, 7):
        for output in tensors.out:
            output.fill_(-1)
        outputs = SlowedLaunch(rounds)(**tensors.inputs, out=tensors.out)
        for output, tensor in zip(outputs, tensors.out, strict=True):
            assert output is tensor
        require_same(outputs, expected)
    for name in ("gating_output", "per_expert_scale"):
        assert torch.equal(before[name], tensors.inputs[name])
