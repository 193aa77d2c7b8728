"""The other forms of inputs: what each must be for parity to see what it is made for."""

import pytest
import torch
from torch import Tensor

from gemma4_routing.launch import launch_settings
from gemma4_routing.proof.forms import other_forms
from tests.unit.gemma4_routing.routing import CPU, each_dtype, make_inputs


def forms(count: int, num_experts: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Returns the logits of each form of `count` rows."""
    inputs = make_inputs(
        count, dtype, num_experts=num_experts, topk=min(2, num_experts), device=CPU
    )
    return {form: others["gating_output"] for form, others in other_forms(inputs)}


@each_dtype
@pytest.mark.parametrize("num_experts", [1, 64, 128, 1000])
def test_a_stride_of_another_kind(num_experts: int, dtype: torch.dtype) -> None:
    """The logits are aligned, as kept kernels want; neither 16 nor 15 divides their stride.

    A stride of 158 16-bit logits is no whole number of 16 bytes, 158 + 2 would be.
    """
    logits = forms(64, num_experts, dtype)["a row stride of 30 more"]
    assert logits.data_ptr() % 16 == 0
    assert logits.stride(0) == num_experts + 30
    assert logits.stride(0) % 16 not in {0, 1}
    assert logits.stride(0) % 15 != 0
    assert logits.stride(0) * dtype.itemsize % 16 != 0
    if num_experts == 128 and dtype != torch.float32:
        assert (logits.stride(0) + dtype.itemsize) % 16 == 0


@each_dtype
def test_rows_many_times_fill_whole_warps_and_end_at_every_place_of_one(dtype: torch.dtype) -> None:
    """A row of each distribution fills a warp alone, and shares one with rows of the next."""
    repeated = [logits for form, logits in forms(64, 128, dtype).items() if "many times" in form]
    settings = [launch_settings(dtype, (len(logits), 128, 8), "cuda") for logits in repeated]
    lanes = [setting.constants["LANES"] for setting in settings]
    assert lanes == ([4, 4] if dtype == torch.float32 else [4, 2])
    for logits, setting in zip(repeated, settings, strict=True):
        times, rows = len(logits) // 64, setting.rows
        assert times >= 2 * rows
        assert {times * row % rows for row in range(64)} == set(range(rows))


@pytest.mark.parametrize(("count", "num_experts"), [(63, 128), (64, 64)])
def test_no_row_comes_many_times_of_few_or_of_other_shapes(count: int, num_experts: int) -> None:
    """Few rows and other shapes, which would take the most time, are not repeated."""
    assert not [form for form in forms(count, num_experts) if "many times" in form]
