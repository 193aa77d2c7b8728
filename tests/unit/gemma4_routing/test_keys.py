"""Keys of fp32 logits in the warp kernels: their order, their content, and when they decide."""

import math
from functools import cache

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing.cuda import keys as routing_keys
from gemma4_routing.kernel import ordered
from kernelproof.measure.comparison import bits_of
from tests.unit.gemma4_routing.routing import DEVICE, eight_columns, normal_logits

ROWS, REACH = 1024, 2**25 - 2
SIGN, INFINITY = -(2**31), 0x7F800000


@triton.jit  # type: ignore[untyped-decorator]
def _keys_kernel(  # type: ignore[no-untyped-def]  # noqa: ANN202, PLR0913
    words_ptr,  # noqa: ANN001
    orders_ptr,  # noqa: ANN001
    top_ptr,  # noqa: ANN001
    keys_ptr,  # noqa: ANN001
    logits_ptr,  # noqa: ANN001
    experts_ptr,  # noqa: ANN001
    rest_ptr,  # noqa: ANN001
    N: tl.constexpr,  # noqa: N803
):
    IS_WIDE: tl.constexpr = True  # noqa: N806
    IS_BF16: tl.constexpr = False  # noqa: N806
    offs = tl.arange(0, N)
    orders = routing_keys.orders8(eight_columns(words_ptr, offs, N))
    top = routing_keys.largest8(orders)
    tl.store(top_ptr + offs, top)
    keys = routing_keys.keys32(orders, top, offs * 0, 127, 1)
    largest = routing_keys.as_fp32(ordered(top))
    for i in tl.static_range(8):
        logit, expert = routing_keys.logit_and_expert(keys[i], top, IS_WIDE, IS_BF16)
        tl.store(orders_ptr + i * N + offs, orders[i])
        tl.store(keys_ptr + i * N + offs, keys[i])
        tl.store(logits_ptr + i * N + offs, logit)
        tl.store(experts_ptr + i * N + offs, expert)
        tl.store(rest_ptr + i * N + offs, routing_keys.undecided(keys[i], logit, largest, IS_WIDE))


class KeyedRows:
    """The kernel's answers about rows of eight fp32 logits: ``[N, 8]``, but `top` ``[N]``."""

    def __init__(self, logits: Tensor) -> None:
        """Runs the kernel."""
        words = logits.view(torch.int32)
        if DEVICE.type == "cpu":  # a sum keeps the sign of a NaN there: a GPU's has none
            words = torch.where(logits.isnan(), 0x7FFFFFFF, words)
        words = words.T.contiguous()
        orders, keys, experts, rest = (torch.zeros_like(words) for _ in range(4))
        decoded = torch.zeros_like(words).view(torch.float32)
        self.logits, self.top = logits, torch.zeros_like(words[0])
        tensors = words, orders, self.top, keys, decoded, experts, rest
        _keys_kernel[(1,)](*tensors, N=len(logits), enable_fp_fusion=False)
        self.orders, self.keys, self.experts, self.decoded = orders.T, keys.T, experts.T, decoded.T
        self.is_decided = rest.T == 0


def of_bits(patterns: Tensor) -> Tensor:
    """Returns the fp32 numbers of these bits, on the device."""
    return patterns.to(torch.int32).view(torch.float32).to(DEVICE)


def random(low: int, high: int, seed: int) -> Tensor:
    """Returns rows of eight integers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (ROWS, 8), generator=generator)


def normal(power: int, seed: int) -> Tensor:
    """Returns normal values to an odd power: of both signs, over a narrow or a wide range."""
    return normal_logits(ROWS, seed, 8).pow(power).float()


LOGITS = {
    "any-bits": of_bits(random(-(2**31), 2**31, 1)),
    "denormals": of_bits(random(0, 2, 2) * SIGN + random(0, 2**23, 3)),
    "zeros": of_bits(random(0, 2, 4) * SIGN + random(0, 2, 5)),
    "neighbours": of_bits(0x3F800000 + random(0, 4, 6)),
    "negative-neighbours": of_bits(SIGN + 0x3F800000 + random(0, 4, 7)),
    "a-binade-or-two": of_bits(0x3F800000 + random(0, 2**24, 8)),
    "around-the-reach": of_bits(0x41000000 - random(0, 2, 9) * (REACH - 4) - random(0, 8, 10)),
    "below-the-reach": of_bits(SIGN + 0x3F000000 + random(0, 2, 11) * REACH + random(0, 8, 12)),
    "normal": normal(1, 13).to(DEVICE),
    "wide": normal(9, 14).to(DEVICE),
    "tiny": (normal(3, 15) * 1e-38).to(DEVICE),
    "huge": (normal(1, 16) * 1e30).to(DEVICE),
    "with-nan": of_bits(INFINITY - 4 + random(0, 8, 17) + random(0, 2, 18) * SIGN),
}

each_kind = pytest.mark.parametrize("kind", LOGITS)


@cache
def keyed(kind: str) -> KeyedRows:
    """Returns the kernel's answers about logits of a kind."""
    return KeyedRows(LOGITS[kind])


def ranks_of(logits: Tensor) -> Tensor:
    """Returns the experts as the contract has them: NaN first, then descending, ties by id."""
    above_inf = torch.where(logits.isnan(), math.inf, logits.double())
    values = torch.where(logits.isposinf(), 1e300, above_inf)
    return torch.sort(values, dim=1, descending=True, stable=True).indices


@each_kind
def test_an_order_is_that_of_the_contract(kind: str) -> None:
    """-0.0 has the order of +0.0, every number one below NaN; the largest is the row's."""
    rows = keyed(kind)
    values, is_nan = rows.logits.double(), rows.logits.isnan()
    for left, right in ((0, 1), (2, 3), (4, 5), (6, 7)):
        is_clear = ~(is_nan[:, left] | is_nan[:, right])
        a, b = rows.orders[is_clear, left], rows.orders[is_clear, right]
        first, second = values[is_clear, left], values[is_clear, right]
        assert torch.equal(a > b, first > second)
        assert torch.equal(a == b, first == second)
    assert torch.equal(rows.top, rows.orders.max(dim=1).values)


@each_kind
def test_decided_keys_give_back_their_logits_and_rank_as_the_contract_does(kind: str) -> None:
    """A decided key has every bit but the sign of a zero; the best n are right if the n-th is."""
    rows = keyed(kind)
    experts = torch.arange(8, device=DEVICE).expand(ROWS, 8)
    assert torch.equal(rows.experts, experts.to(torch.int32))
    expected = bits_of(rows.logits + 0.0)
    assert torch.equal(bits_of(rows.decoded)[rows.is_decided], expected[rows.is_decided])
    ranked = rows.keys.argsort(dim=1, descending=True)
    is_decided = rows.is_decided.gather(1, ranked)
    assert torch.equal(is_decided, is_decided.cummin(dim=1).values), "a better key is undecided"
    assert torch.equal(ranked[is_decided], ranks_of(rows.logits)[is_decided])


@each_kind
def test_what_is_undecided_is_what_the_docstring_says(kind: str) -> None:
    """Undecided in a finite row is what lies beyond the reach, 60 below the largest, or at 1e30."""
    rows = keyed(kind)
    largest = rows.logits.max(dim=1, keepdim=True).values
    is_finite = rows.logits.isfinite().all(dim=1, keepdim=True)
    distance = rows.top[:, None].long() - rows.orders.long()
    is_near = (distance < REACH) & (rows.logits - largest >= -60) & (largest.abs() < 1e30)
    assert torch.equal(rows.is_decided & is_finite, is_near & is_finite)
    has_nan = rows.logits.isnan().any(dim=1, keepdim=True)
    top_is_nan = rows.top[:, None] > INFINITY
    assert not (rows.is_decided & has_nan & top_is_nan).any()
    assert not (rows.is_decided & rows.logits.isinf()).any()


# Rows of logits, and 1 for each that is undecided.
UNDECIDED: list[tuple[list[float], list[int]]] = [
    ([1, 1.5, 2, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 1, 1]),
    ([0, -0.0, 0, -0.0, 0, 0, 0, 0], [0] * 8),
    ([math.nan, 1, 2, 3, 4, 5, 6, 7], [1] * 8),
    ([math.inf, 1, 2, 3, 4, 5, 6, 7], [1] * 8),
    ([7, 6, 5, 4, 3.5, 3, 2, -math.inf], [0, 0, 0, 0, 0, 0, 0, 1]),
    ([-math.inf] * 8, [1] * 8),
    ([1e30] * 8, [1] * 8),
    ([-1e30] * 8, [1] * 8),
    ([9e29] * 8, [0] * 8),
    ([100, 40, 39.99, 99, 98, 97, 96, 95], [0, 0, 1, 0, 0, 0, 0, 0]),
    ([1e-45, -1e-45, 1e-40, -1e-40, 0, -0.0, 1e-39, 1e-45], [0] * 8),
]


def test_which_logits_are_decided() -> None:
    """Zero is more than four powers of two below any normal number; denormals are near it."""
    logits = torch.zeros(triton.next_power_of_2(len(UNDECIDED)), 8, device=DEVICE)
    logits[: len(UNDECIDED)] = torch.tensor([row for row, _ in UNDECIDED])
    rows = KeyedRows(logits)
    wrong = [
        (row, is_decided)
        for (row, expected), is_decided in zip(UNDECIDED, rows.is_decided.tolist(), strict=False)
        if is_decided != [not flag for flag in expected]
    ]
    assert wrong == []


@pytest.mark.parametrize("start", [0x41000000, 0x01000000])
def test_the_edge_of_the_reach(start: int) -> None:
    """A key of the reach itself may be that of all beyond; one below it is exact."""
    steps = torch.tensor([REACH - 2, REACH - 1, REACH, REACH + 1])
    words = torch.full((4, 8), start)
    words[:, 5] = start - steps
    # Below +0.0 the orders go on with those of negative numbers, from -1 for -0.0, which is none.
    words = torch.where(words < 0, SIGN - words - 1, words)
    expected = torch.ones(4, 8, dtype=torch.bool)
    expected[:, 5] = steps < REACH
    assert KeyedRows(of_bits(words)).is_decided.tolist() == expected.tolist()
