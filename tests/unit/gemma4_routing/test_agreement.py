"""Agreement with softmax, top k, renormalize in the input's dtype: which rows, and how closely."""

import math

import pytest
import torch
import triton
from torch import Tensor

from gemma4_routing import gemma4_routing_reference
from gemma4_routing.proof import SPEC
from kernelproof.spec import InputRows

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
INF, NAN = math.inf, math.nan

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def agreement_of(
    logits: Tensor, topk: int, scale: Tensor, weights: Tensor, ids: Tensor
) -> tuple[Tensor, Tensor]:
    """Distance and bound of these outputs."""
    outputs = (weights, ids)
    return SPEC.agreement(logits, topk, scale, outputs=outputs)


@each_dtype
def test_the_reference_agrees(dtype: torch.dtype) -> None:
    """Within a bound that is no wider than the dtype, on nine rows of ten that can be compared."""
    shape = {"E": 40, "K": 7}
    rows = InputRows(seed=3, shape=shape, dtype=dtype, device=DEVICE, first=0, count=1900)
    inputs = SPEC.make_inputs(rows)
    distance, bound = SPEC.agreement(**inputs, outputs=gemma4_routing_reference(**inputs))
    assert (distance <= bound).all()
    assert 700 < len(distance) < 1400
    widest = 4 * (5 * torch.finfo(dtype).eps / 2 + 144 * 2**-24) + 1e-5
    assert bound.max() < widest


@each_dtype
@pytest.mark.parametrize("factor", [0.95, 1.05, -1, 0, NAN], ids=str)
def test_a_weight_that_is_off_is_too_far(factor: float, dtype: torch.dtype) -> None:
    """Just the one that is off."""
    logits = torch.tensor([[0.0, 1, 2, 3, 4]], device=DEVICE).to(dtype)
    scale = torch.tensor([1, 1, 1, -2, 0.5], device=DEVICE)
    weights, ids = gemma4_routing_reference(logits, 3, scale)
    weights[0, 1] *= factor
    distance, bound = agreement_of(logits, 3, scale, weights, ids)
    assert (~(distance <= bound)).tolist() == [[False, False, False, True, False]]


@each_dtype
def test_another_choice_is_infinitely_far(dtype: torch.dtype) -> None:
    """At the expert that should have been chosen, and at the one that was."""
    logits = torch.tensor([[0.0, 1, 2, 3, 4]], device=DEVICE).to(dtype)
    scale = torch.ones(5, device=DEVICE)
    weights, ids = gemma4_routing_reference(logits, 3, scale)
    ids[0, 2] = 0
    distance, bound = agreement_of(logits, 3, scale, weights, ids)
    assert distance[0].isinf().tolist() == [True, False, True, False, False]
    assert bound.isfinite().all()


@pytest.mark.parametrize(
    ("row", "topk", "is_compared"),
    [
        ([3, 2, 1, 0], 2, True),
        ([3, 2, 2, 0], 2, False),
        ([3, 3, 2, 0], 2, True),
        ([0.0, 1, -0.0, -1], 2, False),
        ([3, 2, NAN, 0], 2, False),
        ([3, 2, INF, 0], 2, False),
        ([3, -INF, -INF, -INF], 2, False),
        ([3, 2, -INF, -INF], 2, True),
        ([-INF] * 4, 2, False),
        ([-INF] * 4, 4, False),
        ([3, 3, 3, 3], 4, True),
        ([3, NAN, 3, 3], 4, False),
    ],
    ids=str,
)
def test_which_rows_are_compared(row: list[float], topk: int, *, is_compared: bool) -> None:
    """Finite largest logit, and no tie at the last place chosen, where `torch.topk` may choose."""
    scale = torch.ones(4, device=DEVICE)
    logits = torch.tensor([row], dtype=torch.float32, device=DEVICE)
    outputs = gemma4_routing_reference(logits, topk, scale)
    distance, bound = agreement_of(logits, topk, scale, *outputs)
    assert distance.shape == bound.shape == (int(is_compared), 4)
    assert (distance <= bound).all()
