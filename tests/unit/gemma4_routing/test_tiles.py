"""The reference's bits at Gemma 4's shape: at each edge of the launch table, of tiles and layouts.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

from collections.abc import Callable

import pytest
import torch
import triton
from torch import Tensor

from gemma4_routing import gemma4_routing, gemma4_routing_reference
from gemma4_routing.launch import backend_of
from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of
from kernelproof.measure.launch_capture import count_launches
from kernelproof.spec import InputRows

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
PORTABLE, LANES, TILE = (str(function.__name__) for function in SPEC.jitted)
HAS_WARPS = backend_of(DEVICE.type) == "cuda"
# The portable kernel is interpreted with any T in one tile: few edges are asked there.
TOKENS = {
    True: (1, 2, 3, 5, 8, 17, 1023, 1024, 4095, 4096, 4097, 4103, 8191, 8192, 8193, 16389),
    False: (1, 2, 3, 5, 8, 17, 133),
}[DEVICE.type != "cpu"]
MANY = {True: 4099, False: 19}[DEVICE.type != "cpu"]
E, K = 128, 8

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_count = pytest.mark.parametrize("count", [1, 2, 5, 1027, 4099] if HAS_WARPS else [1, 2, 37])


def warp_kernel(count: int) -> str:
    """The kernel that takes aligned rows of 128 experts, of which 8 are chosen."""
    if not HAS_WARPS:
        return PORTABLE
    return LANES if count < 4096 else TILE


def require_same_bits(logits: Tensor, scale: Tensor, kernel: str, *, topk: int = K) -> None:
    """Asserts that this kernel, and it alone, gives the reference's bits."""
    with count_launches(SPEC.jitted) as launched:
        weights, ids = gemma4_routing(logits, topk, scale)
    expected = gemma4_routing_reference(logits, topk, scale)
    assert torch.equal(ids, expected[1])
    assert torch.equal(bits_of(weights), bits_of(expected[0]))
    assert launched == {kernel: 1}


def drawn(count: int, dtype: torch.dtype, *, num_experts: int = E) -> tuple[Tensor, Tensor]:
    """Rows of all distributions, and scales."""
    shape = {"E": num_experts, "K": K}
    rows = InputRows(seed=23, shape=shape, dtype=dtype, device=DEVICE, first=0, count=count)
    inputs = SPEC.make_inputs(rows)
    return inputs["gating_output"], inputs["per_expert_scale"]


def normal(count: int, seed: int) -> Tensor:
    """Logits of deviation 1, fp64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, E, generator=generator, dtype=torch.float64)


def ties(count: int) -> Tensor:
    """Rows of one value, and rows of two, so that the lower half of experts is chosen or is not."""
    rows = normal(count, 5)[:, :1].expand(count, E).clone()
    rows[::3, :64] -= 1
    rows[1::3, 1::2] -= 1
    return rows


def neighbours(count: int) -> Tensor:
    """fp32 values one unit in the last place apart, each on another expert in each row."""
    generator = torch.Generator().manual_seed(7)
    steps = torch.stack([torch.randperm(E, generator=generator) for _ in range(count)])
    start = torch.tensor([0x3F7FFFC0, 0x40000000, 1, 0x42C7FFF0])[torch.arange(count) % 4]
    return (start[:, None] + steps).to(torch.int32).view(torch.float32)


def negative_zeros(count: int) -> Tensor:
    """Zeros of both signs ahead of, among, and behind denormals."""
    words = (normal(count, 11) * 3).to(torch.int32)
    return torch.where(words < 0, words.abs() - 2**31, words).view(torch.float32)


def far_eighth(count: int) -> Tensor:
    """Seven logits near 50, the eighth 4 to 110 below: keys decide on some rows and not others."""
    rows = normal(count, 13) - 200
    rows[:, 3:59:8] += 250
    rows[:, 77] = 46 - torch.arange(count) % 107
    return rows


ROWS: dict[str, Callable[[int], Tensor]] = {
    "normal": lambda count: normal(count, 1),
    "wide": lambda count: normal(count, 2) ** 9,
    "far-below": lambda count: -(normal(count, 3) ** 4),
    "crossing-zero": lambda count: normal(count, 4) * 1e-4 - 2e-4,
    "ties": ties,
    "neighbours": neighbours,
    "negative-neighbours": lambda count: -neighbours(count),
    "denormals": negative_zeros,
    "far-eighth": far_eighth,
    "large": lambda count: normal(count, 6) * 3e4,
}


@each_dtype
@pytest.mark.parametrize("count", TOKENS)
def test_rows_of_every_distribution(count: int, dtype: torch.dtype) -> None:
    """On both sides of each line of the table, in whole tiles and one row more or less."""
    require_same_bits(*drawn(count, dtype), warp_kernel(count))


@each_dtype
@each_count
@pytest.mark.parametrize("rows", ROWS)
def test_rows_that_are_hard_to_rank(rows: str, count: int, dtype: torch.dtype) -> None:
    """By the keys of the warp kernels, or past them where they do not decide."""
    scale = torch.linspace(-2, 3, E, device=DEVICE)
    require_same_bits(ROWS[rows](count).to(dtype).to(DEVICE), scale, warp_kernel(count))


@each_dtype
def test_one_undecided_row_among_others(dtype: torch.dtype) -> None:
    """At every place of a tile: it alone is selected again, and the others keep their bits."""
    logits = normal(MANY, 17).to(dtype).to(DEVICE)
    places = torch.arange(0, MANY, 17, device=DEVICE)
    logits[places, places % E] = torch.nan
    require_same_bits(logits, torch.ones(E, device=DEVICE), warp_kernel(MANY))


@each_dtype
@each_count
@pytest.mark.parametrize("padding", [16, 32, 1024], ids=lambda padding: f"{padding}-bytes")
def test_padded_rows_that_16_bytes_divide(padding: int, count: int, dtype: torch.dtype) -> None:
    """They stay with the warp kernels; what is beside them is NaN, and never chosen."""
    logits, scale = drawn(count, dtype)
    wide = torch.full((count, E + padding // dtype.itemsize), torch.nan, device=DEVICE).to(dtype)
    wide[:, :E] = logits
    require_same_bits(wide[:, :E], scale, warp_kernel(count))


@each_dtype
@each_count
def test_one_row_for_all_tokens(count: int, dtype: torch.dtype) -> None:
    """A row stride of 0, which 16 divides, too."""
    logits, scale = drawn(1, dtype)
    require_same_bits(logits.expand(count, E), scale, warp_kernel(count))


@each_dtype
@each_count
def test_rows_apart_by_no_multiple_of_16_bytes(count: int, dtype: torch.dtype) -> None:
    """The portable kernel takes any stride."""
    logits, scale = drawn(count, dtype)
    wide = torch.zeros(count + 1, E + 1, dtype=dtype, device=DEVICE)
    wide[:count, :E] = logits
    require_same_bits(wide[:count, :E], scale, PORTABLE)


def shifted(tensor: Tensor) -> Tensor:
    """The same values one element behind the beginning of a buffer."""
    buffer = torch.zeros(tensor.numel() + 1, dtype=tensor.dtype, device=DEVICE)
    moved = buffer[1:].view(tensor.shape)
    return moved.copy_(tensor)


@each_dtype
@each_count
def test_logits_or_scale_one_element_off(count: int, dtype: torch.dtype) -> None:
    """Contiguous, but no address that 16 divides."""
    logits, scale = drawn(count, dtype)
    require_same_bits(shifted(logits), scale, PORTABLE)
    require_same_bits(logits, shifted(scale), PORTABLE)


@each_count
@pytest.mark.parametrize("place", [0, 1], ids=["weights", "ids"])
def test_an_output_four_bytes_off(place: int, count: int) -> None:
    """It is filled whole, by the portable kernel, and nothing beside it is written."""
    logits, scale = drawn(count, torch.bfloat16)
    expected = gemma4_routing_reference(logits, K, scale)
    out = [torch.empty_like(one) for one in expected]
    buffer = torch.full((count * K + 2,), 77, dtype=out[place].dtype, device=DEVICE)
    out[place] = buffer[1:-1].view(count, K)
    with count_launches(SPEC.jitted) as launched:
        gemma4_routing(logits, K, scale, out=(out[0], out[1]))
    assert launched == {PORTABLE: 1}
    assert torch.equal(bits_of(out[0]), bits_of(expected[0]))
    assert torch.equal(out[1], expected[1])
    assert buffer[[0, -1]].tolist() == [77, 77]


@each_dtype
@each_count
@pytest.mark.parametrize(("num_experts", "topk"), [(E, 7), (E, 9), (127, K), (129, K)])
def test_other_shapes(num_experts: int, topk: int, count: int, dtype: torch.dtype) -> None:
    """One expert or choice less or more is the portable kernel's."""
    logits, scale = drawn(count, dtype, num_experts=num_experts)
    require_same_bits(logits, scale, PORTABLE, topk=topk)
