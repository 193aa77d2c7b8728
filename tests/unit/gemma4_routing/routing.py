"""Inputs and comparisons that the tests of the routing kernel share.

Kernels are interpreted on the CPU if TRITON_INTERPRET=1 is set, else compiled for this machine's
GPU.
"""

from collections.abc import Sequence

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing import gemma4_routing_reference
from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of
from kernelproof.spec import InputRows, Inputs

IS_INTERPRETED = triton.knobs.runtime.interpret
DEVICE = torch.device("cpu" if IS_INTERPRETED else torch.accelerator.current_accelerator())
CPU = torch.device("cpu")
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
PORTABLE, LANES, TILE = (str(function.__name__) for function in SPEC.jitted)
OPERATOR = torch.ops.kernelproof.gemma4_routing.default
OPERATOR_OUT = torch.ops.kernelproof.gemma4_routing_out.default

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def make_inputs(
    count: int | range,
    dtype: torch.dtype,
    *,
    num_experts: int = 128,
    topk: int = 8,
    seed: int = 7,
    device: torch.device = DEVICE,
) -> Inputs:
    """Returns inputs of the first rows, or of a range, the distributions one after the other."""
    places = count if isinstance(count, range) else range(count)
    first, count = places.start, len(places)
    shape = {"E": num_experts, "K": topk}
    rows = InputRows(seed=seed, shape=shape, dtype=dtype, device=device, first=first, count=count)
    return SPEC.make_inputs(rows)


def normal_logits(count: int, seed: int, num_experts: int = 128) -> Tensor:
    """Returns fp64 logits of deviation 1 on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, num_experts, generator=generator, dtype=torch.float64)


def empty_outputs(count: int, topk: int = 8) -> tuple[Tensor, Tensor]:
    """Returns weights of NaN and ids of -1."""
    weights = torch.full((count, topk), torch.nan, device=DEVICE)
    return weights, torch.full((count, topk), -1, dtype=torch.int32, device=DEVICE)


def require_same(outputs: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """Asserts that weights and ids have the same shapes, dtypes and bits; all NaNs are equal."""
    for output, tensor in zip(outputs, expected, strict=True):
        assert (output.shape, output.dtype) == (tensor.shape, tensor.dtype)
        assert torch.equal(bits_of(output.detach()), bits_of(tensor.detach()))


def require_reference(outputs: Sequence[Tensor], inputs: Inputs) -> None:
    """Asserts that outputs have the bits of the reference for these inputs."""
    require_same(outputs, gemma4_routing_reference(**inputs))


@triton.jit  # type: ignore[untyped-decorator]
def eight_columns(pointer, offs, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, N803
    """Loads eight keys a lane, which stand `COUNT` apart."""
    return (
        tl.load(pointer + offs),
        tl.load(pointer + COUNT + offs),
        tl.load(pointer + 2 * COUNT + offs),
        tl.load(pointer + 3 * COUNT + offs),
        tl.load(pointer + 4 * COUNT + offs),
        tl.load(pointer + 5 * COUNT + offs),
        tl.load(pointer + 6 * COUNT + offs),
        tl.load(pointer + 7 * COUNT + offs),
    )
