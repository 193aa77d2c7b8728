"""How the routing kernel may be called: layouts of its inputs, `out`, any T, and its other names.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

from collections.abc import Callable

import pytest
import torch
import triton
from torch import Tensor

import gemma4_routing as package
from gemma4_routing import (
    gemma4_fused_routing_kernel_triton,
    gemma4_routing,
    gemma4_routing_function_torch,
    gemma4_routing_reference,
)
from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of
from kernelproof.measure.guarded_outputs import GuardedOutputs
from kernelproof.measure.launch_capture import count_launches
from kernelproof.spec import InputRows, Inputs

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
DTYPES = (torch.float32, torch.float16, torch.bfloat16)

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def inputs_of(count: int, *, num_experts: int, topk: int, dtype: torch.dtype) -> Inputs:
    """`count` rows, the distributions one after the other."""
    shape = {"E": num_experts, "K": topk}
    rows = InputRows(seed=7, shape=shape, dtype=dtype, device=DEVICE, first=0, count=count)
    return SPEC.make_inputs(rows)


def require_same(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    """Asserts that weights and ids hold the same bits, any NaN being equal to any."""
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert torch.equal(bits_of(one), bits_of(other))


def padded(logits: Tensor) -> Tensor:
    """The same rows within wider ones of NaN, not at their beginning."""
    wide = torch.full((len(logits), logits.shape[1] + 3), torch.nan, device=DEVICE)
    wide = wide.to(logits.dtype)
    wide[:, 1:-2] = logits
    return wide[:, 1:-2]


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "padded": padded,
    "every-other-row": lambda logits: padded(logits.repeat_interleave(2, dim=0))[::2],
    "every-other-column": lambda logits: logits.repeat_interleave(2, dim=1)[:, ::2],
    "transposed": lambda logits: logits.T.contiguous().T,
    "gathered-in-reverse": lambda logits: logits.flip(0)[torch.arange(37, -1, -1, device=DEVICE)],
}


@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_changes_no_bit(layout: str, dtype: torch.dtype) -> None:
    """Any row stride is read as it stands; a strided last axis is made contiguous."""
    inputs = inputs_of(38, num_experts=40, topk=7, dtype=dtype)
    logits = LAYOUTS[layout](inputs["gating_output"])
    assert torch.equal(bits_of(logits), bits_of(inputs["gating_output"]))
    require_same(gemma4_routing(**{**inputs, "gating_output": logits}), gemma4_routing(**inputs))


@each_dtype
def test_calls_of_many_kinds_in_turn(dtype: torch.dtype) -> None:
    """A launch that is kept serves only calls that compile to it: 16 divides T or the stride."""
    inputs = inputs_of(49, num_experts=40, topk=7, dtype=dtype)
    expected = gemma4_routing_reference(**inputs)
    for count, width in ((49, 48), (48, 48), (1, 48), (49, 41), (48, 41), (1, 41), (49, 48)):
        wide = torch.full((count, width), torch.nan, device=DEVICE).to(dtype)
        wide[:, :40] = inputs["gating_output"][:count]
        found = gemma4_routing(**{**inputs, "gating_output": wide[:, :40]})
        require_same(found, tuple(one[:count] for one in expected))


@each_dtype
def test_one_row_expanded_over_all_tokens(dtype: torch.dtype) -> None:
    """A row stride of 0."""
    inputs = inputs_of(1, num_experts=40, topk=7, dtype=dtype)
    logits = inputs["gating_output"].expand(9, 40)
    weights, ids = gemma4_routing(**inputs)
    found = gemma4_routing(**{**inputs, "gating_output": logits})
    require_same(found, (weights.expand(9, 7), ids.expand(9, 7)))


def test_rows_more_than_2_31_elements_apart() -> None:
    """Offsets are int64; the 4 GiB between the rows are never touched."""
    stride = 2**30 + 8
    storage = torch.empty(2 * stride + 3, dtype=torch.bfloat16, device=DEVICE)
    logits = torch.as_strided(storage, (3, 3), (stride, 1))
    logits.copy_(torch.tensor([[1.0, 2, 3], [3, 1, 2], [2, 3, 1]]))
    _, ids = gemma4_routing(logits, 3, torch.ones(3, device=DEVICE))
    assert ids.tolist() == [[2, 1, 0], [0, 2, 1], [1, 0, 2]]


@each_dtype
def test_a_row_depends_on_no_other_row_and_not_on_t(dtype: torch.dtype) -> None:
    """Each row alone, every first few rows, and the rows in another order: the same bits."""
    inputs = inputs_of(19, num_experts=20, topk=3, dtype=dtype)
    logits, weights, ids = inputs["gating_output"], *gemma4_routing(**inputs)
    order = torch.randperm(19, generator=torch.Generator().manual_seed(3)).to(DEVICE)
    alone = [slice(row, row + 1) for row in range(19)]
    first = [slice(0, count) for count in (2, 3, 4, 7, 8, 9, 15, 16, 17)]
    for rows in (*alone, *first, order):
        found = gemma4_routing(**{**inputs, "gating_output": logits[rows]})
        require_same(found, (weights[rows], ids[rows]))


@pytest.mark.parametrize("count", [8191, 8192, 8193, 16_387])
def test_rows_at_the_edges_of_tiles(count: int) -> None:
    """The bits of the reference, where rows take several programs, the last one partly filled."""
    inputs = inputs_of(count, num_experts=3, topk=2, dtype=torch.bfloat16)
    require_same(gemma4_routing(**inputs), gemma4_routing_reference(**inputs))


@each_dtype
def test_no_tokens(dtype: torch.dtype) -> None:
    """T = 0 gives empty outputs of the right form, and launches nothing."""
    inputs = inputs_of(0, num_experts=5, topk=2, dtype=dtype)
    with count_launches(SPEC.jitted) as launched:
        weights, ids = gemma4_routing(**inputs)
    assert launched.total() == 0
    assert (weights.shape, weights.dtype, weights.device.type) == (
        (0, 2),
        torch.float32,
        DEVICE.type,
    )
    assert (ids.shape, ids.dtype, ids.device.type) == ((0, 2), torch.int32, DEVICE.type)
    assert gemma4_routing(**inputs, out=(weights, ids))[0] is weights


@each_dtype
@pytest.mark.parametrize("count", [1, 2, 37])
def test_out_is_filled_whole_and_returned(count: int, dtype: torch.dtype) -> None:
    """No value of `out` is left as it was, and nothing beside it is written."""
    inputs = inputs_of(count, num_experts=33, topk=7, dtype=dtype)
    guarded = GuardedOutputs(SPEC.outputs, {"T": count, "K": 7}, DEVICE)
    with count_launches(SPEC.jitted) as launched:
        returned = gemma4_routing(**inputs, out=guarded.tensors)
    guarded.check()
    assert launched.total() == 1
    assert all(one is given for one, given in zip(returned, guarded.tensors, strict=True))
    require_same(guarded.tensors, gemma4_routing_reference(**inputs))


@each_dtype
def test_inputs_are_unchanged(dtype: torch.dtype) -> None:
    """Every bit of logits and scale, payloads of NaN included, in what is read and beside it."""
    inputs = inputs_of(38, num_experts=40, topk=7, dtype=dtype)
    wide = torch.zeros((38, 43), dtype=dtype, device=DEVICE)
    wide[:, :40] = inputs["gating_output"]
    integer = torch.int32 if dtype == torch.float32 else torch.int16
    before = wide.clone(), inputs["per_expert_scale"].clone()
    gemma4_routing(wide[:, :40], 7, inputs["per_expert_scale"])
    assert torch.equal(wide.view(integer), before[0].view(integer))
    assert torch.equal(bits_of(inputs["per_expert_scale"]), bits_of(before[1]))


def test_the_names_that_callers_of_vllm_use() -> None:
    """`num_warps` is taken by position and by name; the reference goes by its old name, too."""
    inputs = inputs_of(19, num_experts=8, topk=3, dtype=torch.float32)
    logits, scale = inputs["gating_output"], inputs["per_expert_scale"]
    expected = gemma4_routing(logits, 3, scale)
    with count_launches(SPEC.jitted) as launched:
        require_same(gemma4_fused_routing_kernel_triton(logits, 3, scale), expected)
        require_same(gemma4_fused_routing_kernel_triton(logits, 3, scale, 4), expected)
        require_same(gemma4_fused_routing_kernel_triton(**inputs, num_warps=2), expected)
    assert launched.total() == 3
    require_same(gemma4_routing_function_torch(**inputs), expected)
    assert set(package.__all__) <= set(vars(package))
