"""Comparator networks, by the 0-1 principle: what sorts all zeros and ones sorts all keys.

Knuth, The Art of Computer Programming 3, 5.3.4.
"""

import itertools
import math
from typing import Any

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing.cuda import network
from tests.unit.gemma4_routing.routing import DEVICE, eight_columns

each_dtype = pytest.mark.parametrize("dtype", [torch.int32, torch.float32], ids=str)


@triton.jit  # type: ignore[untyped-decorator]
def _network_kernel(a_ptr, b_ptr, out_ptr, NAME: tl.constexpr, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N803
    offs = tl.arange(0, COUNT)
    a = eight_columns(a_ptr, offs, COUNT)
    if NAME == "sort8":
        keys = network.sort8(a)
    elif NAME == "sort_bitonic4":
        keys = network.sort_bitonic4(a[:4])
    elif NAME == "sort_bitonic8":
        keys = network.sort_bitonic8(a)
    elif NAME == "best8":
        keys = network.best8(a, eight_columns(b_ptr, offs, COUNT))
    else:
        keys = network.merge8(a, eight_columns(b_ptr, offs, COUNT))
    for i in tl.static_range(len(keys)):
        tl.store(out_ptr + i * COUNT + offs, keys[i])


def through(name: str, a: Tensor, b: Tensor | None = None) -> Tensor:
    """Returns the keys that a network makes of rows of eight keys, a lane each."""
    rows = triton.next_power_of_2(len(a))
    columns = [
        torch.nn.functional.pad(x.T, (0, rows - len(a))).contiguous()
        for x in (a, a if b is None else b)
    ]
    out = torch.zeros_like(columns[0])
    _network_kernel[(1,)](*columns, out, NAME=name, COUNT=rows)
    width = 4 if name == "sort_bitonic4" else 8
    return out[:width, : len(a)].T


def zeros_and_ones(width: int, dtype: torch.dtype) -> Tensor:
    """Returns all rows of `width` zeros and ones, padded to eight."""
    rows = [[*row, *[0] * (8 - width)] for row in itertools.product((0, 1), repeat=width)]
    return torch.tensor(rows, dtype=dtype, device=DEVICE)


def is_bitonic(keys: Tensor) -> Tensor:
    """Returns, of rows of zeros and ones, those that change at most twice around."""
    return (keys != keys.roll(1, dims=1)).sum(dim=1) <= 2


def pairs_of_sorted(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Returns every pair of descending eights of zeros and ones."""
    steps = torch.ones(9, 8, dtype=dtype, device=DEVICE).tril(-1)
    places = torch.cartesian_prod(torch.arange(9), torch.arange(9)).to(DEVICE)
    return steps[places[:, 0]], steps[places[:, 1]]


def descending(keys: Tensor) -> Tensor:
    """Returns the keys of each row in descending order."""
    return keys.sort(dim=1, descending=True).values


@each_dtype
@pytest.mark.parametrize(
    ("name", "width", "count"),
    [("sort8", 8, 256), ("sort_bitonic4", 4, 14), ("sort_bitonic8", 8, 58)],
)
def test_zeros_and_ones_are_sorted(name: str, width: int, count: int, dtype: torch.dtype) -> None:
    """All that a network is for are sorted: any, or those that rise and fall, or fall and rise."""
    keys = zeros_and_ones(width, dtype)
    if name != "sort8":
        keys = keys[is_bitonic(keys[:, :width])]
    assert len(keys) == count
    assert torch.equal(through(name, keys), descending(keys[:, :width]))


@each_dtype
def test_best8_and_merge8_give_the_best(dtype: torch.dtype) -> None:
    """Every pair of descending zeros and ones gives its best eight: bitonic, then descending."""
    a, b = pairs_of_sorted(dtype)
    expected = descending(torch.cat([a, b], dim=1))[:, :8]
    best = through("best8", a, b)
    assert is_bitonic(best).all()
    assert torch.equal(descending(best), expected)
    assert torch.equal(through("merge8", a, b), expected)


def test_a_nan_spreads_to_every_key() -> None:
    """A NaN of either sign, at any place among fp32 keys, makes all keys NaN."""
    keys = torch.arange(128.0, device=DEVICE).reshape(16, 8)
    for place in range(8):
        keys[2 * place : 2 * place + 2, place] = torch.tensor([math.nan, -math.nan], device=DEVICE)
    assert through("sort8", keys).isnan().all()


@each_dtype
def test_keys_at_the_ends_of_their_range(dtype: torch.dtype) -> None:
    """The least and the largest keys, and random keys between, are sorted."""
    generator = torch.Generator().manual_seed(1)
    keys: Any = torch.randint(-(2**31), 2**31, (512, 8), generator=generator)
    keys[:, :2] = torch.tensor([2**31 - 1, -(2**31)])
    keys = keys.to(dtype)
    if dtype == torch.float32:
        keys[:, :2] = torch.tensor([math.inf, -math.inf])
    keys = keys[:, torch.randperm(8, generator=generator)].to(DEVICE)
    assert torch.equal(through("sort8", keys), descending(keys))
