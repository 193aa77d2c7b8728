"""The routing kernel against a model of its contract in plain Python."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from gemma4_routing import gemma4_routing
from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of, ulp_distance
from tests.unit.gemma4_routing.routing import DEVICE, each_dtype, make_inputs

SHAPES = ((1, 1), (2, 1), (3, 3), (5, 2), (33, 32), (40, 7), (128, 8), (1000, 1), (1024, 32))
MAX_ULP = 6
INF, NAN = math.inf, math.nan


def modelled(row: list[float], topk: int, scale: list[float]) -> tuple[list[int], list[float]]:
    """Returns the ids and weights of one row, word for word from the contract, in fp64."""
    rank = {e: (0, 0.0, e) if math.isnan(v) else (1, -v, e) for e, v in enumerate(row)}
    ids = sorted(rank, key=lambda expert: rank[expert])[:topk]
    largest = row[ids[0]]
    if not math.isfinite(largest):
        return ids, [NAN] * topk
    exps = [math.exp(value - largest) for value in row]
    total = math.fsum(exps)
    chosen = [exps[expert] / total for expert in ids]
    divisor = math.fsum(chosen)
    return ids, [p / divisor * scale[e] for p, e in zip(chosen, ids, strict=True)]


def require_contract(gating_output: Tensor, topk: int, per_expert_scale: Tensor) -> None:
    """Asserts that the kernel's ids are the model's, and its weights within MAX_ULP of them."""
    weights, ids = gemma4_routing(gating_output, topk, per_expert_scale)
    assert (weights.dtype, ids.dtype) == (torch.float32, torch.int32)
    scale = per_expert_scale.to(torch.float32).tolist()
    expected = [modelled(row, topk, scale) for row in gating_output.tolist()]
    assert ids.tolist() == [chosen for chosen, _ in expected]
    truths = torch.tensor([truth for _, truth in expected], dtype=torch.float64, device=DEVICE)
    distances = ulp_distance(weights, truths).amax(dim=1)
    worst = distances.argmax()
    assert distances[worst] <= MAX_ULP, (worst, weights[worst], truths[worst])


def of_bits(patterns: list[int], dtype: torch.dtype) -> Tensor:
    """Returns the values of `dtype` that have these bits."""
    integer = {2: torch.int16, 4: torch.int32}[dtype.itemsize]
    return torch.tensor(patterns).to(integer).view(dtype).to(DEVICE)


def special_values(dtype: torch.dtype) -> Tensor:
    """Returns 0, denormals, 1 and its neighbour, the largest, infinity and NaNs, of both signs."""
    fraction = {torch.float32: 23, torch.float16: 10, torch.bfloat16: 7}[dtype]
    sign = 1 << (8 * dtype.itemsize - 1)
    infinity = sign - (1 << fraction)
    one_bits = (infinity >> 1) & infinity
    quiet = 1 << (fraction - 1)
    denormals = [1, (1 << fraction) - 1]
    nans = [infinity | 1, infinity | quiet, sign - 1]
    positive = [0, *denormals, one_bits, one_bits + 1, infinity - 1, infinity, *nans]
    return of_bits([*positive, *(sign | bits for bits in positive)], dtype)


@each_dtype
@pytest.mark.parametrize(
    ("num_experts", "topk"), SHAPES, ids=[f"E{experts}-K{topk}" for experts, topk in SHAPES]
)
def test_rows_of_every_distribution(num_experts: int, topk: int, dtype: torch.dtype) -> None:
    """Two draws of each distribution hold the contract, at any size."""
    count = 2 * len(SPEC.distributions)
    require_contract(**make_inputs(count, dtype, num_experts=num_experts, topk=topk, seed=5))


@pytest.mark.parametrize(
    ("topk", "dtype"),
    [
        (3, torch.float32),
        (3, torch.float16),
        (3, torch.bfloat16),
        (1, torch.bfloat16),
        (2, torch.float32),
    ],
)
def test_every_triple_of_special_values(topk: int, dtype: torch.dtype) -> None:
    """All rows of three zeros, denormals, infinities and NaN of both signs hold the contract."""
    values = special_values(dtype)
    places = list(itertools.product(range(len(values)), repeat=3))
    scale = torch.tensor([1.0, -0.75, 2.5], device=DEVICE)
    require_contract(values[torch.tensor(places, device=DEVICE)], topk, scale)


@each_dtype
@pytest.mark.parametrize(
    ("logits", "ids", "weights"),
    [
        pytest.param([5, 5, 5, 5], [0, 1], [0.5, 0.5], id="ties-lower-id-first"),
        pytest.param([1, 7, 2, 7, 7], [1, 3], [0.5, 0.5], id="tie-at-the-last-place"),
        pytest.param([-0.0, 0.0, -1, -0.0], [0, 1], [0.5, 0.5], id="minus-zero-equals-zero"),
        pytest.param([-1, 0.0, -0.0], [1, 2], [0.5, 0.5], id="zero-equals-minus-zero"),
        pytest.param([INF, 3, NAN], [2, 0], [NAN, NAN], id="nan-above-inf"),
        pytest.param([NAN, 3, -NAN], [0, 2], [NAN, NAN], id="nan-of-any-sign-by-id"),
        pytest.param([3, INF, 4, 4], [1, 2], [NAN, NAN], id="inf"),
        pytest.param([-INF, -9, -INF], [1, 0], [1, 0], id="minus-inf-fills-up"),
        pytest.param([-INF, -9, -INF, -9], [1, 3], [0.5, 0.5], id="minus-inf-not-before-others"),
        pytest.param([-INF] * 3, [0, 1], [NAN, NAN], id="all-minus-inf"),
        pytest.param([6e-8, 1.2e-7, -6e-8], [1, 0], [0.5, 0.5], id="denormals-keep-their-order"),
        pytest.param([-6e4, 6e4], [1, 0], [1, 0], id="far-apart"),
    ],
)
def test_what_the_contract_says(
    logits: list[float], ids: list[int], weights: list[float], dtype: torch.dtype
) -> None:
    """Each line of the contract has a row with the two choices and weights that it asks for."""
    gating_output = torch.tensor([logits], dtype=dtype, device=DEVICE)
    outputs = gemma4_routing(gating_output, 2, torch.ones(len(logits), device=DEVICE))
    assert outputs[1].tolist() == [ids]
    assert outputs[0][0].tolist() == pytest.approx(weights, rel=1e-6, nan_ok=True)


@each_dtype
def test_values_that_differ_in_the_last_bit(dtype: torch.dtype) -> None:
    """Neighbours of any sign and exponent are told apart, which a truncated key could not."""
    mantissas = (0, 1, 2, 0x1FFF, 0xFFFF, 0x3FFFFF, 0x400000, 0x7FFFFE, 0x7FFFFF)
    patterns = list(range(2**16))
    if dtype == torch.float32:
        patterns = [exponent << 23 | bits for exponent in range(512) for bits in mantissas]
    for neighbours in ([bits + 1 for bits in patterns], [bits ^ 1 for bits in patterns]):
        pairs = torch.stack([of_bits(patterns, dtype), of_bits(neighbours, dtype)], dim=1)
        require_order_of_pairs(pairs)
        require_order_of_pairs(pairs.flip(1))


def require_order_of_pairs(pairs: Tensor) -> None:
    """Asserts that the second of each pair is chosen if it is larger or the only NaN."""
    _, ids = gemma4_routing(pairs, 2, torch.ones(2, device=DEVICE))
    first, second = pairs.to(torch.float64).unbind(1)
    expected = (second > first) | (second.isnan() & ~first.isnan())
    assert torch.equal(ids[:, 0], expected.to(torch.int32))
    assert torch.equal(ids[:, 1], 1 - ids[:, 0])


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_scales_of_any_floating_dtype_value_and_stride(dtype: torch.dtype) -> None:
    """Scales may be negative, zero, NaN or infinite; fp64 ones are rounded to fp32 before use."""
    scale = torch.tensor([0.1, -3, 0, -0.0, NAN, INF, -INF, 1e-3], dtype=dtype, device=DEVICE)
    logits = torch.arange(24.0, device=DEVICE).reshape(3, 8).sin()
    logits[2, 3:] = -INF
    require_contract(logits, 8, scale)
    weights, _ = gemma4_routing(logits, 8, scale)
    rounded, _ = gemma4_routing(logits, 8, scale.to(torch.float32))
    assert torch.equal(bits_of(weights), bits_of(rounded))
    wide = torch.full((8, 3), NAN, dtype=dtype, device=DEVICE)
    wide[:, 1] = torch.arange(1, 9)
    require_contract(logits, 5, wide[:, 1])
    require_contract(logits, 5, wide[1, 1].expand(8))


@each_dtype
def test_rows_of_random_bits(dtype: torch.dtype) -> None:
    """Rows of any bits, NaN and infinities among them, hold the contract."""
    generator = torch.Generator().manual_seed(11)
    words = torch.randint(0, 2 ** (8 * dtype.itemsize), (257 * 40,), generator=generator)
    logits = of_bits(words.tolist(), dtype).view(257, 40)
    require_contract(logits, 32, torch.ones(40, device=DEVICE))


def test_a_weight_of_zero_has_the_sign_of_its_scale() -> None:
    """A far smaller logit and -inf give +0.0 under a positive scale, -0.0 under a negative one."""
    logits = torch.tensor([[0.0, -INF, -200.0]], device=DEVICE)
    weights, ids = gemma4_routing(logits, 3, torch.tensor([1.0, -1.0, 1.0], device=DEVICE))
    assert ids.tolist() == [[0, 2, 1]]
    assert [math.copysign(1, weight) for weight in weights[0].tolist()] == [1, 1, -1]
    assert weights.tolist() == [[1, 0, 0]]
