"""The warp kernels' keys of fp32 logits: their order, what is in them, and when they decide.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

import math

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing.cuda import keys as of_keys
from gemma4_routing.kernel import ordered
from kernelproof.measure.comparison import bits_of

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
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
    words = (
        tl.load(words_ptr + offs),
        tl.load(words_ptr + N + offs),
        tl.load(words_ptr + 2 * N + offs),
        tl.load(words_ptr + 3 * N + offs),
        tl.load(words_ptr + 4 * N + offs),
        tl.load(words_ptr + 5 * N + offs),
        tl.load(words_ptr + 6 * N + offs),
        tl.load(words_ptr + 7 * N + offs),
    )
    orders = of_keys.orders8(words)
    top = of_keys.largest8(orders)
    tl.store(top_ptr + offs, top)
    keys = of_keys.keys32(orders, top, offs * 0, 127, 1)
    largest = of_keys.as_fp32(ordered(top))
    for i in tl.static_range(8):
        logit, expert = of_keys.logit_and_expert(keys[i], top, IS_WIDE, IS_BF16)
        tl.store(orders_ptr + i * N + offs, orders[i])
        tl.store(keys_ptr + i * N + offs, keys[i])
        tl.store(logits_ptr + i * N + offs, logit)
        tl.store(experts_ptr + i * N + offs, expert)
        tl.store(rest_ptr + i * N + offs, of_keys.undecided(keys[i], logit, largest, IS_WIDE))


class Keyed:
    """What the kernel says of rows of eight fp32 logits: ``[N, 8]``, but `top` ``[N]``."""

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        words = logits.view(torch.int32)
        if DEVICE.type == "cpu":  # where a sum keeps the sign of a NaN: a GPU's has none
            words = torch.where(logits.isnan(), 0x7FFFFFFF, words)
        words = words.T.contiguous()
        integers = [torch.zeros_like(words) for _ in range(4)]
        top, found = torch.zeros_like(words[0]), torch.zeros_like(words).view(torch.float32)
        orders, keys, experts, rest = integers
        _keys_kernel[(1,)](
            words, orders, top, keys, found, experts, rest, N=len(logits), enable_fp_fusion=False
        )
        self.orders, self.keys, self.experts, self.rest = (one.T for one in integers)
        self.top, self.found = top, found.T


def of_bits(patterns: Tensor) -> Tensor:
    """The fp32 of these bits, on the device."""
    return patterns.to(torch.int32).view(torch.float32).to(DEVICE)


def random(low: int, high: int, seed: int) -> Tensor:
    """Rows of eight integers."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (ROWS, 8), generator=generator)


def scaled(power: int, seed: int) -> Tensor:
    """Normal values to an odd power: of both signs, over a narrow or a wide range."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(ROWS, 8, generator=generator, dtype=torch.float64).pow(power).float()


LOGITS = {
    "any-bits": of_bits(random(-(2**31), 2**31, 1)),
    "denormals": of_bits(random(0, 2, 2) * SIGN + random(0, 2**23, 3)),
    "zeros": of_bits(random(0, 2, 4) * SIGN + random(0, 2, 5)),
    "neighbours": of_bits(0x3F800000 + random(0, 4, 6)),
    "negative-neighbours": of_bits(SIGN + 0x3F800000 + random(0, 4, 7)),
    "a-binade-or-two": of_bits(0x3F800000 + random(0, 2**24, 8)),
    "around-the-reach": of_bits(0x41000000 - random(0, 2, 9) * (REACH - 4) - random(0, 8, 10)),
    "below-the-reach": of_bits(SIGN + 0x3F000000 + random(0, 2, 11) * REACH + random(0, 8, 12)),
    "normal": scaled(1, 13).to(DEVICE),
    "wide": scaled(9, 14).to(DEVICE),
    "tiny": (scaled(3, 15) * 1e-38).to(DEVICE),
    "huge": (scaled(1, 16) * 1e30).to(DEVICE),
    "with-nan": of_bits(INFINITY - 4 + random(0, 8, 17) + random(0, 2, 18) * SIGN),
}

each_kind = pytest.mark.parametrize("kind", LOGITS)


def ranks_of(logits: Tensor) -> Tensor:
    """The experts by the contract: NaN first, then descending, the lower of equals first."""
    one_nan = torch.where(logits.isnan(), math.inf, logits.double())
    as_two = torch.where(logits.isposinf(), 1e300, one_nan)
    return torch.sort(as_two, dim=1, descending=True, stable=True).indices


@each_kind
def test_an_order_is_that_of_the_contract(kind: str) -> None:
    """-0.0 as +0.0, NaN last, of which a positive one is above all; the largest is the row's."""
    keyed = Keyed(LOGITS[kind])
    values, is_nan = keyed.logits.double(), keyed.logits.isnan()
    for left, right in ((0, 1), (2, 3), (4, 5), (6, 7)):
        clear = ~(is_nan[:, left] | is_nan[:, right])
        a, b = keyed.orders[clear, left], keyed.orders[clear, right]
        one, other = values[clear, left], values[clear, right]
        assert torch.equal(a > b, one > other)
        assert torch.equal(a == b, one == other)
    assert torch.equal(keyed.top, keyed.orders.max(dim=1).values)


@each_kind
def test_a_decided_key_gives_back_its_logit_and_expert(kind: str) -> None:
    """Every bit of the logit but the sign of a zero."""
    keyed = Keyed(LOGITS[kind])
    experts = torch.arange(8, device=DEVICE).expand(ROWS, 8)
    assert torch.equal(keyed.experts, experts.to(torch.int32))
    decided = keyed.rest == 0
    expected = bits_of(keyed.logits + 0.0)
    assert torch.equal(bits_of(keyed.found)[decided], expected[decided])


@each_kind
def test_keys_rank_as_the_contract_does_up_to_the_last_that_is_decided(kind: str) -> None:
    """The best n of a row, where the n-th is decided: the kernel asks for the eighth alone."""
    keyed = Keyed(LOGITS[kind])
    ranked = keyed.keys.argsort(dim=1, descending=True)
    decided = keyed.rest.gather(1, ranked) == 0
    assert torch.equal(decided, decided.cummin(dim=1).values), "no better one is undecided"
    assert torch.equal(ranked[decided], ranks_of(keyed.logits)[decided])


@each_kind
def test_what_is_undecided_is_what_the_docstring_says(kind: str) -> None:
    """And no more: in a finite row, beyond the reach, 60 below the largest, or 1e30 and more."""
    keyed = Keyed(LOGITS[kind])
    largest = keyed.logits.max(dim=1, keepdim=True).values
    is_finite = keyed.logits.isfinite().all(dim=1, keepdim=True)
    distance = keyed.top[:, None].long() - keyed.orders.long()
    near = (distance < REACH) & (keyed.logits - largest >= -60) & (largest.abs() < 1e30)
    decided = keyed.rest == 0
    assert torch.equal(decided & is_finite, near & is_finite)
    has_nan = keyed.logits.isnan().any(dim=1, keepdim=True)
    top_is_nan = keyed.top[:, None] > INFINITY
    assert not (decided & has_nan & top_is_nan).any()
    assert not (decided & keyed.logits.isinf()).any()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
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
    ],
    ids=str,
)
def test_which_logits_are_decided(row: list[float], expected: list[int]) -> None:
    """Zero is more than four powers of two below any normal number; denormals are near it."""
    keyed = Keyed(torch.tensor([row], dtype=torch.float32, device=DEVICE))
    assert keyed.rest.tolist() == [expected]


@pytest.mark.parametrize("steps", [REACH - 2, REACH - 1, REACH, REACH + 1])
@pytest.mark.parametrize("start", [0x41000000, 0x01000000])
def test_the_edge_of_the_reach(start: int, steps: int) -> None:
    """A key of the reach itself may be that of all beyond; one below it is exact."""
    rows = torch.full((1, 8), start)
    rows[0, 5] = start - steps
    # Below +0.0 the orders go on with those of negative numbers, from -1 for -0.0, which is none.
    rows = torch.where(rows < 0, SIGN - rows - 1, rows)
    keyed = Keyed(of_bits(rows))
    expected = [0] * 8
    expected[5] = int(steps >= REACH)
    assert keyed.rest.tolist() == [expected]
