"""Inputs of the routing kernel: the same bits for ever, and each distribution as its name says."""

import hashlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gemma4_routing import gemma4_routing_reference
from gemma4_routing.proof import SPEC
from gemma4_routing.proof.inputs import DISTRIBUTIONS, explain_row
from tests.unit.gemma4_routing.routing import DEVICE, each_dtype, make_inputs

COUNT, TOPK, DRAWS = len(DISTRIBUTIONS), 8, 64


def integers(tensor: Tensor) -> Tensor:
    """Returns the bits as they are, every NaN with its own."""
    return tensor.view(torch.int32 if tensor.dtype.itemsize == 4 else torch.int16)


PINNED = {
    torch.float32: "70be29153a03a9b6d922d8960956e880966144081a59a340e77aab774b4c255e",
    torch.float16: "44e64f7b0a409976efd2e596cdaf3060a0fd862720708e10d7e4c82e064cabf7",
    torch.bfloat16: "7a3539597ba486e7ee01fc940c759e70bbc97650ee5f1ba23deb43cf3e417b1e",
}


@each_dtype
def test_the_bits_themselves(dtype: torch.dtype) -> None:
    """Two draws of each distribution have the pinned bits, on which every baseline rests."""
    inputs = make_inputs(2 * COUNT, dtype, seed=0x9E3779B97F4A7C15, num_experts=12)
    tensors = (inputs["gating_output"], inputs["per_expert_scale"])
    content = b"".join(integers(tensor).cpu().numpy().tobytes() for tensor in tensors)
    assert inputs["topk"] == TOPK
    assert hashlib.sha256(content).hexdigest() == PINNED[dtype]


@each_dtype
@pytest.mark.parametrize("start", [0, 100, 2**33], ids=str)
def test_rows_do_not_depend_on_how_they_are_cut(start: int, dtype: torch.dtype) -> None:
    """A row is the same in any chunk, and so is the scale."""
    batch = make_inputs(range(start, start + 70), dtype)
    assert batch["gating_output"].is_contiguous()
    for first, count in ((0, 0), (0, 1), (1, 18), (19, 19), (38, 32), (69, 1)):
        part = make_inputs(range(start + first, start + first + count), dtype)
        expected = integers(batch["gating_output"])[first : first + count]
        assert torch.equal(integers(part["gating_output"]), expected)
        assert torch.equal(part["per_expert_scale"], batch["per_expert_scale"])


def test_another_seed_row_or_expert_gives_other_bits() -> None:
    """No bit of the counter is lost, beyond 32 bits, too; no normal row or expert repeats."""
    dtype = torch.float32
    rows = make_inputs(DRAWS * COUNT, dtype)["gating_output"][::COUNT]
    assert len(rows.unique(dim=0)) == DRAWS
    assert len(rows.unique(dim=1).T) == 128
    here, there = (make_inputs(range(19, 20), dtype, seed=seed) for seed in (7, 2))
    assert (here["gating_output"] != there["gating_output"]).sum() > 120
    assert (here["per_expert_scale"] != there["per_expert_scale"]).sum() > 110
    far = make_inputs(range(19 * 2**32, 19 * 2**32 + 1), dtype)["gating_output"]
    high = make_inputs(1, dtype, seed=7 + 2**40)["gating_output"]
    assert (far != rows[:1]).sum() > 120
    assert (high != rows[:1]).sum() > 120


def test_scales() -> None:
    """Scales are 1/4 to 4 in magnitude; about one in 16 is negative, about one in 32 zero."""
    scale = make_inputs(0, torch.bfloat16, num_experts=1024)["per_expert_scale"]
    assert (scale.dtype, scale.shape) == (torch.float32, (1024,))
    sizes = scale[scale != 0].abs()
    assert ((sizes >= 0.25) & (sizes < 4)).all()
    assert 32 <= (scale < 0).sum() <= 128
    assert 16 <= (scale == 0).sum() <= 64


def test_the_distributions_are_those_of_the_design() -> None:
    """Their number is prime, so no tile divides it."""
    assert set(PROPERTIES) == set(DISTRIBUTIONS)
    assert SPEC.distributions == DISTRIBUTIONS
    assert COUNT > 2
    assert all(COUNT % divisor for divisor in range(2, COUNT))


def test_the_explanation_of_a_row() -> None:
    """An explanation has the chosen logits by rank, and the two after them."""
    for row, topk, story in (
        ([1, 3.5, 0.1, 3.5], 2, "e1=3.5 e3=3.5 | e0=1 e2=0.100000001"),
        ([1, 2, 3, 4, 5, 6], 1, "e5=6 | e4=5 e3=4"),
        ([-0.0, float("nan"), float("-inf")], 3, "e1=nan e0=0 e2=-inf |"),
    ):
        logits = torch.tensor([[9.0] * len(row), row], device=DEVICE)
        assert explain_row({"gating_output": logits, "topk": topk}, 1) == story


def has_both_signs(values: Tensor) -> bool:
    """Returns whether each sign has at least a third of the values."""
    return 1 / 3 < float(values.signbit().double().mean()) < 2 / 3


def has_one(places: Tensor) -> bool:
    """Returns whether each row has one place, and all rows together have many."""
    is_one_a_row = bool((places.sum(dim=1) == 1).all())
    return is_one_a_row and int(places.any(dim=0).sum()) > DRAWS / 3


def is_one_nan(logits: Tensor) -> bool:
    """Returns whether each row has one NaN, of both signs, quiet and signalling."""
    # As integers first: on a GPU, selecting fp16 values makes their NaN quiet and positive.
    nans = integers(logits)[logits.isnan()]
    quiet = nans & {torch.float32: 1 << 22, torch.float16: 1 << 9}.get(logits.dtype, 1 << 6)
    has_both = bool((nans < 0).any()) and bool((nans >= 0).any())
    return has_one(logits.isnan()) and has_both and 0 < int((quiet != 0).sum()) < DRAWS


def is_signed_zeros(logits: Tensor) -> bool:
    """Returns whether there are zeros enough to choose, of both signs, and the rest is negative."""
    is_zero = logits == 0
    has_enough = bool((is_zero.sum(dim=1) >= TOPK).all()) and bool((logits <= 0).all())
    return has_enough and has_both_signs(logits[is_zero]) and bool((logits < 0).any())


def is_few_values(logits: Tensor) -> bool:
    """Returns whether each row has two to four values."""
    return {len(set(row)) for row in logits.tolist()} <= {2, 3, 4}


def is_neighbours(logits: Tensor) -> bool:
    """Returns whether each row is at most seven units in the last place apart, and not equal."""
    bits = integers(logits).to(torch.int64)
    spread = bits.max(dim=1).values - bits.min(dim=1).values
    return bool(((spread <= 7) & (spread > 0)).all())


def is_far_ahead(logits: Tensor) -> bool:
    """Returns whether one logit a row is 64 to 128 ahead, and some other weights are denormal."""
    weights, _ = gemma4_routing_reference(logits, TOPK, torch.ones(128, device=DEVICE))
    is_ahead = (logits >= 64) & (logits < 128)
    is_denormal = (weights > 0) & (weights < 2.0**-126)
    return has_one(is_ahead) and bool((is_ahead | (logits < 8)).all()) and bool(is_denormal.any())


def has_boundary_ties(logits: Tensor) -> bool:
    """Returns whether most rows tie at the last chosen place, after some values ahead."""
    order = logits.sort(dim=1, descending=True).values
    is_tied = order[:, TOPK - 1] == order[:, TOPK]
    return bool(is_tied.double().mean() > 0.8) and bool((order[:, 0] > order[:, 1]).any())


def is_normal(logits: Tensor) -> bool:
    """Returns whether values are roughly symmetric about 0, with a deviation of about 2."""
    values = logits.double()
    return bool(values.mean().abs() < 0.1 and 1.5 < values.std() < 2.5 and values.abs().max() < 8)


def share(places: Tensor) -> float:
    """Returns the fraction of places that are true."""
    return float(places.double().mean())


PROPERTIES: dict[str, Callable[[Tensor], bool]] = {
    "normal": is_normal,
    "any_bits": lambda x: has_both_signs(x) and 0.4 < share(x.abs() < 1) < 0.6,
    "few_values": is_few_values,
    "all_equal": lambda x: bool((x == x[:, :1]).all()) and len(x.unique()) > DRAWS / 2,
    "signed_zeros": is_signed_zeros,
    "one_nan": is_one_nan,
    "one_inf": lambda x: has_one(x.isposinf()) and not x.isneginf().any(),
    "some_minus_inf": lambda x: 0.2 < share(x.isneginf()) < 0.3 and not x.isposinf().any(),
    "mostly_minus_inf": lambda x: 0 < share(x.isfinite()) * 128 < 4 and bool((x < 8).all()),
    "all_minus_inf": lambda x: bool(x.isneginf().all()),
    "about_3e4": lambda x: has_both_signs(x) and bool(((x.abs() / 2**14).floor() == 1).all()),
    "near_maximum": lambda x: (
        has_both_signs(x) and bool((x.abs().double() * 2 >= torch.finfo(x.dtype).max).all())
    ),
    "denormals": lambda x: (
        has_both_signs(x)
        and bool((x.double().abs() < torch.finfo(x.dtype).smallest_normal).all())
        and bool((x != 0).any(dim=1).all())
    ),
    "neighbours": is_neighbours,
    "all_negative": lambda x: bool((x < 0).all()),
    "ascending": lambda x: has_both_signs(x) and bool((x.double().diff(dim=1) >= 0).all()),
    "descending": lambda x: has_both_signs(x) and bool((x.double().diff(dim=1) <= 0).all()),
    "boundary_ties": has_boundary_ties,
    "far_ahead": is_far_ahead,
}
INFINITE = {"one_nan", "one_inf", "some_minus_inf", "mostly_minus_inf", "all_minus_inf"}


@each_dtype
def test_a_distribution_is_what_its_name_says(dtype: torch.dtype) -> None:
    """Every 19th row is of one distribution, which is as its name says; most are all finite."""
    rows = make_inputs(DRAWS * COUNT, dtype)["gating_output"]
    wrong = []
    for number, name in enumerate(DISTRIBUTIONS):
        logits = rows[number::COUNT]
        facts = PROPERTIES[name](logits), bool(logits.isfinite().all()), bool(logits.isnan().any())
        if facts != (True, name not in INFINITE, name == "one_nan"):
            wrong.append((name, facts))
    assert wrong == []
