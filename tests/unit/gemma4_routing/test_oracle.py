"""The oracle of the routing kernel, and its agreement with the plain formulation."""

import math
from decimal import Decimal, localcontext

import pytest
import torch

from gemma4_routing import gemma4_routing_reference
from gemma4_routing.proof.oracle import gemma4_routing_agreement, gemma4_routing_oracle
from tests.unit.gemma4_routing.routing import DEVICE, each_dtype, make_inputs, normal_logits

INF, NAN = math.inf, math.nan


def test_the_oracle_against_sixty_decimal_digits() -> None:
    """The oracle has the truth to 13 digits: softmax, top k, divided by their sum, times scale."""
    logits = (normal_logits(6, 1, 12) * 20).to(DEVICE, torch.float32)
    scale = torch.linspace(-2, 3, 12, device=DEVICE)
    outputs = gemma4_routing_oracle(logits, 5, scale)
    rows = zip(logits.tolist(), *(output.tolist() for output in outputs), strict=True)
    with localcontext() as context:
        context.prec = 60
        for row, weights, ids in rows:
            exps = [Decimal(value).exp() for value in row]
            best = sorted(range(12), key=lambda expert: -exps[expert])[:5]
            total = sum(exps[expert] for expert in best)
            truth = [float(exps[e] / total * Decimal(scale[e].item())) for e in best]
            assert ids == best
            assert weights == pytest.approx(truth, rel=1e-13, abs=1e-300)


@each_dtype
def test_the_reference_agrees(dtype: torch.dtype) -> None:
    """The reference is within a bound of the dtype's width, on all rows that can be compared."""
    inputs = make_inputs(1900, dtype, num_experts=40, topk=7, seed=3)
    outputs = gemma4_routing_reference(**inputs)
    distance, bound = gemma4_routing_agreement(**inputs, outputs=outputs)
    assert (distance <= bound).all()
    assert 700 < len(distance) < 1400
    widest = 4 * (5 * torch.finfo(dtype).eps / 2 + 144 * 2**-24) + 1e-5
    assert bound.max() < widest


@each_dtype
def test_a_weight_that_is_off_and_another_choice_are_too_far(dtype: torch.dtype) -> None:
    """Only a weight that is off is beyond its bound; an expert that is wrong or left out is, too.

    Experts are infinitely far then.
    """
    logits = torch.tensor([[0.0, 1, 2, 3, 4]], device=DEVICE).to(dtype)
    scale = torch.tensor([1, 1, 1, -2, 0.5], device=DEVICE)
    weights, ids = gemma4_routing_reference(logits, 3, scale)
    for factor in (0.95, 1.05, -1, 0, NAN):
        off = weights * torch.tensor([1, factor, 1], device=DEVICE)
        distance, bound = gemma4_routing_agreement(logits, 3, scale, outputs=(off, ids))
        assert (~(distance <= bound)).tolist() == [[False, False, False, True, False]], factor
    ids[0, 2] = 0
    distance, bound = gemma4_routing_agreement(logits, 3, scale, outputs=(weights, ids))
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
    """Rows with a finite largest logit, and no tie at the last chosen place, are compared."""
    scale = torch.ones(4, device=DEVICE)
    logits = torch.tensor([row], dtype=torch.float32, device=DEVICE)
    outputs = gemma4_routing_reference(logits, topk, scale)
    distance, bound = gemma4_routing_agreement(logits, topk, scale, outputs=outputs)
    assert distance.shape == bound.shape == (int(is_compared), 4)
    assert (distance <= bound).all()
