"""The other forms of inputs: what each has to be for parity to see what it is made for."""

import pytest
import torch
from torch import Tensor

from gemma4_routing.launch import launch_settings
from gemma4_routing.proof import SPEC
from gemma4_routing.proof.forms import other_forms
from kernelproof.spec import InputRows

DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def forms(count: int, num_experts: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """The logits of each form of so many rows."""
    shape = {"E": num_experts, "K": 2}
    rows = InputRows(
        seed=3, shape=shape, dtype=dtype, device=torch.device("cpu"), first=0, count=count
    )
    return {form: inputs["gating_output"] for form, inputs in other_forms(SPEC.make_inputs(rows))}


@pytest.mark.parametrize("num_experts", [1, 64, 128, 1000])
def test_a_stride_of_another_kind_begins_where_kept_kernels_are_used(num_experts: int) -> None:
    """Aligned, as what is kept is; neither 16 nor 15 leaves nothing of the stride."""
    logits = forms(64, num_experts)["a row stride of 30 more"]
    assert logits.data_ptr() % 16 == 0
    assert logits.stride(0) % 16 not in {0, 1}
    assert logits.stride(0) % 15 != 0
    assert logits.stride(0) == num_experts + 30


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_stride_is_aligned_in_the_wrong_sum_alone(dtype: torch.dtype) -> None:
    """At 128 experts: of 16-bit logits 158 are no whole number of 16 bytes, 158 + 2 would be."""
    logits = forms(64, 128, dtype)["a row stride of 30 more"]
    assert logits.stride(0) * dtype.itemsize % 16 != 0
    assert dtype == torch.float32 or (logits.stride(0) + dtype.itemsize) % 16 == 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_rows_many_times_fill_whole_warps_and_end_at_every_place_of_one(dtype: torch.dtype) -> None:
    """So that a row of each distribution is alone in a warp with rows of the next."""
    found = [logits for form, logits in forms(64, 128, dtype).items() if "many times" in form]
    settings = [launch_settings(dtype, (len(logits), 128, 8), "cuda") for logits in found]
    lanes = [setting.constants["LANES"] for setting in settings]
    assert lanes == ([4, 4] if dtype == torch.float32 else [4, 2])
    for logits, setting in zip(found, settings, strict=True):
        times = len(logits) // 64
        assert times >= 2 * setting.rows
        assert {times * row % setting.rows for row in range(64)} == set(range(setting.rows))


@pytest.mark.parametrize(("count", "num_experts"), [(63, 128), (64, 64)])
def test_no_row_comes_many_times_of_few_or_of_other_shapes(count: int, num_experts: int) -> None:
    """They take more time than all other forms."""
    assert not [form for form in forms(count, num_experts) if "many times" in form]
