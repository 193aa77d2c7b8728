"""The bits at Gemma 4's shape: at each edge of the launch table, of tiles and of layouts."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gemma4_routing import gemma4_routing, gemma4_routing_reference
from gemma4_routing.launch import backend_of
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches
from tests.unit.gemma4_routing.routing import (
    DEVICE,
    LANES,
    PORTABLE,
    TILE,
    each_dtype,
    make_inputs,
    normal_logits,
    require_same,
)

HAS_WARPS = backend_of(DEVICE.type) == "cuda"
# The portable kernel is interpreted with any T in one tile: few edges are asked there.
TOKENS = {
    True: (1, 2, 3, 5, 8, 17, 1023, 1024, 4095, 4096, 4097, 4103, 8191, 8192, 8193, 16389),
    False: (1, 2, 3, 5, 8, 17, 133),
}[DEVICE.type != "cpu"]
MANY = {True: 4099, False: 19}[DEVICE.type != "cpu"]
E, K = 128, 8

each_count = pytest.mark.parametrize("count", [1, 2, 5, 1027, 4099] if HAS_WARPS else [1, 2, 37])


def warp_kernel(count: int) -> str:
    """Returns the name of the kernel for aligned rows of 128 experts, 8 of them chosen."""
    if not HAS_WARPS:
        return PORTABLE
    return LANES if count < 4096 else TILE


def require_bits_of(kernel: str, logits: Tensor, scale: Tensor, *, topk: int = K) -> None:
    """Asserts that this kernel, and it alone, gives the reference's bits."""
    with count_launches(SPEC.jitted) as launches:
        outputs = gemma4_routing(logits, topk, scale)
    require_same(outputs, gemma4_routing_reference(logits, topk, scale))
    assert launches == {kernel: 1}


def drawn(count: int, dtype: torch.dtype, *, num_experts: int = E) -> tuple[Tensor, Tensor]:
    """Returns logits of all distributions, and scales."""
    inputs = make_inputs(count, dtype, num_experts=num_experts, topk=K, seed=23)
    return inputs["gating_output"], inputs["per_expert_scale"]


def normal(count: int, seed: int) -> Tensor:
    """Returns fp64 logits of deviation 1."""
    return normal_logits(count, seed)


def ties(count: int) -> Tensor:
    """Returns rows of one value, and rows of two that the experts share out."""
    rows = normal(count, 5)[:, :1].expand(count, E).clone()
    rows[::3, :64] -= 1
    rows[1::3, 1::2] -= 1
    return rows


def neighbours(count: int) -> Tensor:
    """Returns fp32 values one unit in the last place apart, in another order in each row."""
    generator = torch.Generator().manual_seed(7)
    steps = torch.stack([torch.randperm(E, generator=generator) for _ in range(count)])
    start = torch.tensor([0x3F7FFFC0, 0x40000000, 1, 0x42C7FFF0])[torch.arange(count) % 4]
    return (start[:, None] + steps).to(torch.int32).view(torch.float32)


def negative_zeros(count: int) -> Tensor:
    """Returns zeros of both signs ahead of, among, and behind denormals."""
    words = (normal(count, 11) * 3).to(torch.int32)
    return torch.where(words < 0, words.abs() - 2**31, words).view(torch.float32)


def far_eighth(count: int) -> Tensor:
    """Returns seven logits near 50 and an eighth 4 to 110 below, so that keys decide some rows."""
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
    """All distributions have their bits on both sides of each line of the launch table."""
    require_bits_of(warp_kernel(count), *drawn(count, dtype))


@each_dtype
@each_count
@pytest.mark.parametrize("rows", ROWS)
def test_rows_that_are_hard_to_rank(rows: str, count: int, dtype: torch.dtype) -> None:
    """Rows have their bits whether the keys of the warp kernels decide them or not."""
    scale = torch.linspace(-2, 3, E, device=DEVICE)
    require_bits_of(warp_kernel(count), ROWS[rows](count).to(dtype).to(DEVICE), scale)


@each_dtype
def test_one_undecided_row_among_others(dtype: torch.dtype) -> None:
    """An undecided row at any place of a tile is selected again, the others keep their bits."""
    logits = normal(MANY, 17).to(dtype).to(DEVICE)
    places = torch.arange(0, MANY, 17, device=DEVICE)
    logits[places, places % E] = torch.nan
    require_bits_of(warp_kernel(MANY), logits, torch.ones(E, device=DEVICE))


@each_dtype
@each_count
@pytest.mark.parametrize("padding", [16, 32, 1024], ids=lambda padding: f"{padding}-bytes")
def test_padded_rows_that_16_bytes_divide(padding: int, count: int, dtype: torch.dtype) -> None:
    """The warp kernels take such rows, and never choose the NaN beside them."""
    logits, scale = drawn(count, dtype)
    wide = torch.full((count, E + padding // dtype.itemsize), torch.nan, device=DEVICE).to(dtype)
    wide[:, :E] = logits
    require_bits_of(warp_kernel(count), wide[:, :E], scale)


@each_dtype
@each_count
def test_one_row_for_all_tokens(count: int, dtype: torch.dtype) -> None:
    """The warp kernels take a row stride of 0, which 16 divides."""
    logits, scale = drawn(1, dtype)
    require_bits_of(warp_kernel(count), logits.expand(count, E), scale)


@each_dtype
@each_count
def test_rows_apart_by_no_multiple_of_16_bytes(count: int, dtype: torch.dtype) -> None:
    """The portable kernel takes a row stride that 16 bytes do not divide."""
    logits, scale = drawn(count, dtype)
    wide = torch.zeros(count + 1, E + 1, dtype=dtype, device=DEVICE)
    wide[:count, :E] = logits
    require_bits_of(PORTABLE, wide[:count, :E], scale)


def shifted(tensor: Tensor) -> Tensor:
    """Returns the same values one element behind the beginning of a buffer."""
    buffer = torch.zeros(tensor.numel() + 1, dtype=tensor.dtype, device=DEVICE)
    moved = buffer[1:].view(tensor.shape)
    return moved.copy_(tensor)


@each_dtype
@each_count
def test_logits_or_scale_one_element_off(count: int, dtype: torch.dtype) -> None:
    """The portable kernel takes contiguous logits or scales at an odd address."""
    logits, scale = drawn(count, dtype)
    require_bits_of(PORTABLE, shifted(logits), scale)
    require_bits_of(PORTABLE, logits, shifted(scale))


@each_count
@pytest.mark.parametrize("place", [0, 1], ids=["weights", "ids"])
def test_an_output_four_bytes_off(place: int, count: int) -> None:
    """The portable kernel fills such an output, and writes nothing beside it."""
    logits, scale = drawn(count, torch.bfloat16)
    expected = gemma4_routing_reference(logits, K, scale)
    out = [torch.empty_like(tensor) for tensor in expected]
    buffer = torch.full((count * K + 2,), 77, dtype=out[place].dtype, device=DEVICE)
    out[place] = buffer[1:-1].view(count, K)
    with count_launches(SPEC.jitted) as launches:
        gemma4_routing(logits, K, scale, out=(out[0], out[1]))
    assert launches == {PORTABLE: 1}
    require_same(out, expected)
    assert buffer[[0, -1]].tolist() == [77, 77]


@each_dtype
@each_count
@pytest.mark.parametrize(("num_experts", "topk"), [(E, 7), (E, 9), (127, K), (129, K)])
def test_other_shapes(num_experts: int, topk: int, count: int, dtype: torch.dtype) -> None:
    """The portable kernel takes an expert or a choice less or more."""
    logits, scale = drawn(count, dtype, num_experts=num_experts)
    require_bits_of(PORTABLE, logits, scale, topk=topk)
