"""Calls of the routing kernel: layouts of its inputs, `out`, any T, and its other names."""

from collections.abc import Callable

import pytest
import torch
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
from tests.unit.gemma4_routing.routing import (
    DEVICE,
    each_dtype,
    make_inputs,
    require_reference,
    require_same,
)


def padded(logits: Tensor) -> Tensor:
    """Returns the same rows inside wider rows of NaN, not at their beginning."""
    wide = torch.full((len(logits), logits.shape[1] + 3), torch.nan, device=DEVICE)
    wide = wide.to(logits.dtype)
    wide[:, 1:-2] = logits
    return wide[:, 1:-2]


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "padded": padded,
    "every-other-row": lambda logits: padded(logits.repeat_interleave(2, dim=0))[::2],
    "every-other-column": lambda logits: logits.repeat_interleave(2, dim=1)[:, ::2],
    "transposed": lambda logits: logits.T.contiguous().T,
    "one-row-for-all-tokens": lambda logits: logits[:1].expand(38, 40),
    "gathered-in-reverse": lambda logits: logits.flip(0)[torch.arange(37, -1, -1, device=DEVICE)],
}


@each_dtype
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_changes_no_bit(layout: str, dtype: torch.dtype) -> None:
    """Any row stride, 0, too, is read as it stands; a strided last axis is made contiguous."""
    inputs = make_inputs(38, dtype, num_experts=40, topk=7)
    logits = LAYOUTS[layout](inputs["gating_output"])
    outputs = gemma4_routing(**{**inputs, "gating_output": logits})
    require_reference(outputs, {**inputs, "gating_output": logits.contiguous()})


@each_dtype
def test_calls_of_many_kinds_in_turn(dtype: torch.dtype) -> None:
    """A kept launch serves only calls that compile to it: 16 divides T or the stride."""
    inputs = make_inputs(49, dtype, num_experts=40, topk=7)
    expected = gemma4_routing_reference(**inputs)
    for count, width in ((49, 48), (48, 48), (1, 48), (49, 41), (48, 41), (1, 41), (49, 48)):
        wide = torch.full((count, width), torch.nan, device=DEVICE).to(dtype)
        wide[:, :40] = inputs["gating_output"][:count]
        outputs = gemma4_routing(**{**inputs, "gating_output": wide[:, :40]})
        require_same(outputs, [tensor[:count] for tensor in expected])


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
    """A row has the same bits alone, among the first few rows, and in another order."""
    inputs = make_inputs(19, dtype, num_experts=20, topk=3)
    logits, weights, ids = inputs["gating_output"], *gemma4_routing(**inputs)
    order = torch.randperm(19, generator=torch.Generator().manual_seed(3)).to(DEVICE)
    alone = [slice(row, row + 1) for row in range(19)]
    first = [slice(0, count) for count in (2, 3, 4, 7, 8, 9, 15, 16, 17)]
    for rows in (*alone, *first, order):
        outputs = gemma4_routing(**{**inputs, "gating_output": logits[rows]})
        require_same(outputs, (weights[rows], ids[rows]))


@pytest.mark.parametrize("count", [8191, 8192, 8193, 16_387])
def test_rows_at_the_edges_of_tiles(count: int) -> None:
    """Rows that take several programs, the last one partly filled, have the reference's bits."""
    inputs = make_inputs(count, torch.bfloat16, num_experts=3, topk=2)
    require_reference(gemma4_routing(**inputs), inputs)


@each_dtype
@pytest.mark.parametrize("count", [0, 1, 2, 37])
def test_out_is_filled_whole_and_returned(count: int, dtype: torch.dtype) -> None:
    """Every value of `out` is written, and nothing beside it; T = 0 launches nothing."""
    inputs = make_inputs(count, dtype, num_experts=33, topk=7)
    guarded = GuardedOutputs(SPEC.outputs, {"T": count, "K": 7}, DEVICE)
    with count_launches(SPEC.jitted) as launches:
        outputs = gemma4_routing(**inputs, out=guarded.tensors)
        require_reference(gemma4_routing(**inputs), inputs)
    guarded.check()
    assert launches.total() == (2 if count else 0)
    for output, tensor in zip(outputs, guarded.tensors, strict=True):
        assert output is tensor
    require_reference(outputs, inputs)


@each_dtype
def test_inputs_are_unchanged(dtype: torch.dtype) -> None:
    """Every bit of logits and scales stays, payloads of NaN included, and the bits beside them."""
    inputs = make_inputs(38, dtype, num_experts=40, topk=7)
    wide = torch.zeros((38, 43), dtype=dtype, device=DEVICE)
    wide[:, :40] = inputs["gating_output"]
    integer = torch.int32 if dtype == torch.float32 else torch.int16
    before = wide.clone(), inputs["per_expert_scale"].clone()
    gemma4_routing(wide[:, :40], 7, inputs["per_expert_scale"])
    assert torch.equal(wide.view(integer), before[0].view(integer))
    assert torch.equal(bits_of(inputs["per_expert_scale"]), bits_of(before[1]))


def test_the_names_that_callers_of_vllm_use() -> None:
    """`num_warps` is taken by position and by name; the reference goes by its old name, too."""
    inputs = make_inputs(19, torch.float32, num_experts=8, topk=3)
    positional = inputs["gating_output"], 3, inputs["per_expert_scale"]
    with count_launches(SPEC.jitted) as launches:
        require_reference(gemma4_fused_routing_kernel_triton(*positional), inputs)
        require_reference(gemma4_fused_routing_kernel_triton(*positional, 4), inputs)
        require_reference(gemma4_fused_routing_kernel_triton(**inputs, num_warps=2), inputs)
    assert launches.total() == 3
    require_reference(gemma4_routing_function_torch(**inputs), inputs)
    assert set(package.__all__) <= set(vars(package))
