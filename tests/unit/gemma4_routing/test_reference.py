"""The definition of the routing kernel: the bits of its reference, and their distance from fp64."""

import hashlib
import math

import pytest
import torch

from gemma4_routing import gemma4_routing, gemma4_routing_reference, reference
from gemma4_routing.proof.oracle import gemma4_routing_oracle
from kernelproof.measure.comparison import bits_of, ulp_distance
from tests.unit.gemma4_routing.routing import (
    CPU,
    DEVICE,
    each_dtype,
    make_inputs,
    normal_logits,
    require_same,
)

SHAPES = ((1, 1), (2, 1), (3, 3), (5, 2), (33, 32), (40, 7), (128, 8), (1024, 4))
MAX_ULP = 6
INF, NAN = math.inf, math.nan


@each_dtype
@pytest.mark.parametrize(
    ("num_experts", "topk"), SHAPES, ids=[f"E{experts}-K{topk}" for experts, topk in SHAPES]
)
def test_kernel_and_reference_give_the_same_bits(
    num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """The kernel and the reference here have the bits of the reference on the CPU."""
    here = make_inputs(57, dtype, num_experts=num_experts, topk=topk, seed=13)
    there = make_inputs(57, dtype, num_experts=num_experts, topk=topk, seed=13, device=CPU)
    expected = gemma4_routing_reference(**there)
    for outputs in (gemma4_routing(**here), gemma4_routing_reference(**here)):
        require_same([output.cpu() for output in outputs], expected)
    assert torch.equal(gemma4_routing_oracle(**here)[1].cpu(), expected[1])


PINNED = {
    torch.float32: "fc1c105da72f404344ac915640bfa98aab84a4eca15ce2b7ea0364b7628e26ad",
    torch.float16: "098e6b89b1ca859b3adc986472adf901b8d99b899480fa3795d612ac38bab50b",
    torch.bfloat16: "86d85d77dea4691980da3271fd8a0c976d29c1aea37dc292561ba62e20f8f7cc",
}


@each_dtype
def test_the_bits_themselves(dtype: torch.dtype) -> None:
    """These digests move with any rounding, the order of the sum, or a rank."""
    weights, ids = gemma4_routing_reference(
        **make_inputs(190, dtype, num_experts=60, topk=11, seed=13)
    )
    content = bits_of(weights).cpu().numpy().tobytes() + ids.cpu().numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == PINNED[dtype]


@pytest.mark.parametrize(
    ("size", "dtype"),
    [
        *((size, torch.float32) for size in (1, 3, 10, 30, 100)),
        *((size, torch.float16) for size in (1, 30)),
        *((size, torch.bfloat16) for size in (10, 100)),
    ],
)
def test_weights_are_within_six_units_of_the_truth(size: int, dtype: torch.dtype) -> None:
    """Weights of logits of any scale are near the truth; large ones have denormal weights."""
    logits = (normal_logits(4096, size) * size).to(DEVICE, dtype)
    scale = torch.linspace(0.25, 4, 128, device=DEVICE)
    weights, _ = gemma4_routing_reference(logits, 8, scale)
    truth, _ = gemma4_routing_oracle(logits, 8, scale)
    is_denormal = (weights != 0) & (weights < 2.0**-126)
    assert ulp_distance(weights, truth).max() <= MAX_ULP
    assert is_denormal.any().item() == (size >= 30)


def test_every_distance_from_the_largest_logit() -> None:
    """Results of every exponent are near the truth, denormal ones, too; beyond them is zero."""
    distances = torch.arange(0, 200, 0.01, device=DEVICE)
    logits = torch.stack([torch.zeros_like(distances), -distances], dim=1)
    weights, _ = gemma4_routing_reference(logits, 2, torch.ones(2, device=DEVICE))
    exps = [math.exp(-distance) for distance in distances.tolist()]
    truth = torch.tensor([[1 / (1 + e), e / (1 + e)] for e in exps], dtype=torch.float64)
    assert ulp_distance(weights, truth.to(DEVICE)).max() <= MAX_ULP
    assert (weights[distances > 105, 1] == 0).all()
    assert (weights[distances < 103, 1] > 0).all()


def test_nan_of_any_sign_is_ranked_first_and_zeros_are_equal() -> None:
    """NaN stands first, by id among equals, which torch.sort on CUDA puts last if it has a sign."""
    row = torch.tensor([[-0.0, 1, NAN, 0.0, INF, NAN, -INF, -0.0]], device=DEVICE)
    row[0, 2:3].view(torch.int32).bitwise_or_(-(2**31))
    values, experts = reference.ranked(row)
    assert experts.tolist() == [[2, 5, 4, 1, 0, 3, 7, 6]]
    assert values[0, :2].isnan().all()
    assert values[0, 2:].tolist() == [INF, 1, 0, 0, 0, -INF]
    assert values[0, 2:].signbit().tolist() == [False] * 5 + [True]


def test_no_tokens() -> None:
    """T = 0 gives empty outputs, from the reference and from the oracle."""
    inputs = make_inputs(0, torch.bfloat16, num_experts=5, topk=2)
    for define, dtype in (
        (gemma4_routing_reference, torch.float32),
        (gemma4_routing_oracle, torch.float64),
    ):
        weights, ids = define(**inputs)
        assert (weights.shape, weights.dtype) == ((0, 2), dtype)
        assert (ids.shape, ids.dtype) == ((0, 2), torch.int32)


def test_the_constants_are_what_their_comment_says() -> None:
    """Each constant is an fp32 number; ln2 has two parts, the first of 9 bits; Taylor's series."""
    parts = (reference.LN2_HIGH, reference.LN2_LOW)
    constants = (reference.LOG2_E, *parts, reference.ROUND, *reference.EXP_POLYNOMIAL)
    assert [torch.tensor(constant).item() for constant in constants] == list(constants)
    assert (reference.LN2_HIGH * 2**9).is_integer()
    assert abs(sum(parts) - math.log(2)) < 2**-35
    assert abs(reference.LOG2_E * math.log(2) - 1) < 2**-24
    assert reference.ROUND == 1.5 * 2**23
    taylor = [1 / math.factorial(power) for power in range(7, -1, -1)]
    assert torch.tensor(taylor).tolist() == list(reference.EXP_POLYNOMIAL)
    assert (math.log(2) / 2) ** 8 / math.factorial(8) < 5.3e-9
    assert math.exp(reference.FARTHEST) < 2.0**-150
