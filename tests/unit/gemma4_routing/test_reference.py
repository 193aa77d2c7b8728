"""What defines the routing kernel: the reference's bits, the oracle's truth, and their distance."""

import hashlib
import math
from decimal import Decimal, localcontext

import pytest
import torch
import triton
from torch import Tensor

from gemma4_routing import gemma4_routing, gemma4_routing_reference, reference
from gemma4_routing.proof import SPEC
from gemma4_routing.proof.oracle import gemma4_routing_oracle
from kernelproof.measure.comparison import bits_of, ulp_distance
from kernelproof.spec import InputRows, Inputs

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
CPU = torch.device("cpu")
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
SHAPES = ((1, 1), (2, 1), (3, 3), (5, 2), (33, 32), (40, 7), (128, 8), (1024, 4))
MAX_ULP = 6
INF, NAN = math.inf, math.nan

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def inputs_of(
    count: int, dtype: torch.dtype, *, num_experts: int, topk: int, device: torch.device = DEVICE
) -> Inputs:
    """`count` rows, the distributions one after the other."""
    shape = {"E": num_experts, "K": topk}
    rows = InputRows(seed=13, shape=shape, dtype=dtype, device=device, first=0, count=count)
    return SPEC.make_inputs(rows)


def normal(count: int, num_experts: int, seed: int) -> Tensor:
    """Logits of deviation 1, fp32."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, num_experts, generator=generator).to(DEVICE)


@each_dtype
@pytest.mark.parametrize(
    ("num_experts", "topk"), SHAPES, ids=[f"E{experts}-K{topk}" for experts, topk in SHAPES]
)
def test_kernel_and_reference_give_the_same_bits(
    num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """The kernel here, the reference here, and the reference on the CPU."""
    here = inputs_of(57, dtype, num_experts=num_experts, topk=topk)
    there = inputs_of(57, dtype, num_experts=num_experts, topk=topk, device=CPU)
    defined = gemma4_routing_reference(**there)
    for found in (gemma4_routing(**here), gemma4_routing_reference(**here)):
        assert torch.equal(bits_of(found[0]).cpu(), bits_of(defined[0]))
        assert torch.equal(found[1].cpu(), defined[1])
    assert torch.equal(gemma4_routing_oracle(**here)[1].cpu(), defined[1])


PINNED = {
    torch.float32: "fc1c105da72f404344ac915640bfa98aab84a4eca15ce2b7ea0364b7628e26ad",
    torch.float16: "098e6b89b1ca859b3adc986472adf901b8d99b899480fa3795d612ac38bab50b",
    torch.bfloat16: "86d85d77dea4691980da3271fd8a0c976d29c1aea37dc292561ba62e20f8f7cc",
}


@each_dtype
def test_the_bits_themselves(dtype: torch.dtype) -> None:
    """A change of any rounding, of the order of the sum, or of a rank moves these digests."""
    weights, ids = gemma4_routing_reference(**inputs_of(190, dtype, num_experts=60, topk=11))
    content = bits_of(weights).cpu().numpy().tobytes() + ids.cpu().numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == PINNED[dtype]


@pytest.mark.parametrize("size", [1, 3, 10, 30, 100])
@each_dtype
def test_weights_are_within_six_units_of_the_truth(size: int, dtype: torch.dtype) -> None:
    """Logits of scale 1 to 100; the large ones make weights that are denormal."""
    logits = (normal(4096, 128, seed=size) * size).to(dtype)
    scale = torch.linspace(0.25, 4, 128, device=DEVICE)
    weights, _ = gemma4_routing_reference(logits, 8, scale)
    truth, _ = gemma4_routing_oracle(logits, 8, scale)
    is_denormal = (weights != 0) & (weights < 2.0**-126)
    assert ulp_distance(weights, truth).max() <= MAX_ULP
    assert is_denormal.any().item() == (size >= 30)


def test_every_distance_from_the_largest_logit() -> None:
    """From 0 to 200: every exponent of the result, the denormal ones, and zero beyond them."""
    distances = torch.arange(0, 200, 0.01, device=DEVICE)
    logits = torch.stack([torch.zeros_like(distances), -distances], dim=1)
    weights, _ = gemma4_routing_reference(logits, 2, torch.ones(2, device=DEVICE))
    exps = [math.exp(-distance) for distance in distances.tolist()]
    truth = torch.tensor([[1 / (1 + e), e / (1 + e)] for e in exps], dtype=torch.float64)
    assert ulp_distance(weights, truth.to(DEVICE)).max() <= MAX_ULP
    assert (weights[distances > 105, 1] == 0).all()
    assert (weights[distances < 103, 1] > 0).all()


def test_the_oracle_against_sixty_decimal_digits() -> None:
    """Softmax over all experts, top k, divided by their sum, times the scale."""
    logits, scale = normal(6, 12, seed=1) * 20, torch.linspace(-2, 3, 12, device=DEVICE)
    weights, ids = gemma4_routing_oracle(logits, 5, scale)
    with localcontext() as context:
        context.prec = 60
        for row, found, chosen in zip(logits.tolist(), weights.tolist(), ids.tolist(), strict=True):
            exps = [Decimal(value).exp() for value in row]
            best = sorted(range(12), key=lambda expert: -exps[expert])[:5]
            total = sum(exps[expert] for expert in best)
            factors = scale.tolist()
            truth = [float(exps[e] / total * Decimal(factors[e])) for e in best]
            assert chosen == best
            assert found == pytest.approx(truth, rel=1e-13, abs=1e-300)


def test_nan_of_any_sign_is_ranked_first_and_zeros_are_equal() -> None:
    """By id among equals; torch.sort on CUDA puts a NaN with a sign last."""
    row = torch.tensor([[-0.0, 1, NAN, 0.0, INF, NAN, -INF, -0.0]], device=DEVICE)
    row[0, 2:3].view(torch.int32).bitwise_or_(-(2**31))
    values, experts = reference.ranked(row)
    assert experts.tolist() == [[2, 5, 4, 1, 0, 3, 7, 6]]
    assert values[0, :2].isnan().all()
    assert values[0, 2:].tolist() == [INF, 1, 0, 0, 0, -INF]
    assert values[0, 2:].signbit().tolist() == [False] * 5 + [True]


def test_no_tokens() -> None:
    """T = 0 gives empty outputs, from the reference and from the oracle."""
    inputs = inputs_of(0, torch.bfloat16, num_experts=5, topk=2)
    for define, dtype in (
        (gemma4_routing_reference, torch.float32),
        (gemma4_routing_oracle, torch.float64),
    ):
        weights, ids = define(**inputs)
        assert (weights.shape, weights.dtype) == ((0, 2), dtype)
        assert (ids.shape, ids.dtype) == ((0, 2), torch.int32)


def test_the_constants_are_what_their_comment_says() -> None:
    """Each one an fp32 number; ln2 in two parts, the first of 9 bits; Taylor's coefficients."""
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
