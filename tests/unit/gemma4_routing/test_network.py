"""The comparator networks, by the 0-1 principle: what sorts all zeros and ones sorts all keys.

Knuth, The Art of Computer Programming 3, 5.3.4. Interpreted on the CPU where TRITON_INTERPRET=1 is
set, compiled for this machine's GPU where not.
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

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
DTYPES = (torch.int32, torch.float32)

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@triton.jit  # type: ignore[untyped-decorator]
def _column(pointer, offs, place: tl.constexpr, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N803
    return tl.load(pointer + place * COUNT + offs)


@triton.jit  # type: ignore[untyped-decorator]
def _eight(pointer, offs, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N803
    return (
        _column(pointer, offs, 0, COUNT),
        _column(pointer, offs, 1, COUNT),
        _column(pointer, offs, 2, COUNT),
        _column(pointer, offs, 3, COUNT),
        _column(pointer, offs, 4, COUNT),
        _column(pointer, offs, 5, COUNT),
        _column(pointer, offs, 6, COUNT),
        _column(pointer, offs, 7, COUNT),
    )


@triton.jit  # type: ignore[untyped-decorator]
def _network_kernel(a_ptr, b_ptr, out_ptr, NAME: tl.constexpr, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N803
    offs = tl.arange(0, COUNT)
    a = _eight(a_ptr, offs, COUNT)
    if NAME == "sort8":
        found = network.sort8(a)
    elif NAME == "sort_bitonic4":
        found = network.sort_bitonic4(a[:4])
    elif NAME == "sort_bitonic8":
        found = network.sort_bitonic8(a)
    elif NAME == "best8":
        found = network.best8(a, _eight(b_ptr, offs, COUNT))
    else:
        found = network.merge8(a, _eight(b_ptr, offs, COUNT))
    for i in tl.static_range(len(found)):
        tl.store(out_ptr + i * COUNT + offs, found[i])


def through(name: str, a: Tensor, b: Tensor | None = None) -> Tensor:
    """What a network makes of rows of eight keys, a lane each."""
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
    """All rows of `width` of them, padded to eight."""
    rows = [[*row, *[0] * (8 - width)] for row in itertools.product((0, 1), repeat=width)]
    return torch.tensor(rows, dtype=dtype, device=DEVICE)


def is_bitonic(keys: Tensor) -> Tensor:
    """The rows of zeros and ones that change at most twice around."""
    return (keys != keys.roll(1, dims=1)).sum(dim=1) <= 2


def pairs_of_sorted(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Every pair of descending eights of zeros and ones."""
    steps = torch.ones(9, 8, dtype=dtype, device=DEVICE).tril(-1)
    places = torch.cartesian_prod(torch.arange(9), torch.arange(9)).to(DEVICE)
    return steps[places[:, 0]], steps[places[:, 1]]


def descending(keys: Tensor) -> Tensor:
    """The keys of each row, sorted."""
    return keys.sort(dim=1, descending=True).values


@each_dtype
def test_sort8_sorts_all_zeros_and_ones(dtype: torch.dtype) -> None:
    """256 inputs, and so all."""
    keys = zeros_and_ones(8, dtype)
    assert len(keys) == 256
    assert torch.equal(through("sort8", keys), descending(keys))


@each_dtype
@pytest.mark.parametrize("width", [4, 8])
def test_bitonic_keys_are_sorted(width: int, dtype: torch.dtype) -> None:
    """All zeros and ones that rise and fall, or fall and rise, at any place."""
    keys = zeros_and_ones(width, dtype)
    keys = keys[is_bitonic(keys[:, :width])]
    assert len(keys) == width * (width - 1) + 2
    found = through(f"sort_bitonic{width}", keys)
    assert torch.equal(found, descending(keys[:, :width]))


@each_dtype
def test_best8_is_bitonic_and_the_best(dtype: torch.dtype) -> None:
    """Of every pair of descending zeros and ones, in an order that `sort_bitonic8` takes."""
    a, b = pairs_of_sorted(dtype)
    found = through("best8", a, b)
    assert is_bitonic(found).all()
    assert torch.equal(descending(found), descending(torch.cat([a, b], dim=1))[:, :8])


@each_dtype
def test_merge8_gives_the_best_sorted(dtype: torch.dtype) -> None:
    """Of every pair of descending zeros and ones."""
    a, b = pairs_of_sorted(dtype)
    assert torch.equal(through("merge8", a, b), descending(torch.cat([a, b], dim=1))[:, :8])


@pytest.mark.parametrize("place", range(8))
def test_a_nan_spreads_to_every_key(place: int) -> None:
    """Wherever it is among fp32 keys, of either sign: no order is told where there is none."""
    keys = torch.arange(16.0, device=DEVICE).reshape(2, 8)
    keys[:, place] = torch.tensor([math.nan, -math.nan], device=DEVICE)
    assert through("sort8", keys).isnan().all()


@each_dtype
def test_keys_at_the_ends_of_their_range(dtype: torch.dtype) -> None:
    """The least and the largest int32, fp32 infinities, and random keys between."""
    generator = torch.Generator().manual_seed(1)
    keys: Any = torch.randint(-(2**31), 2**31, (512, 8), generator=generator)
    keys[:, :2] = torch.tensor([2**31 - 1, -(2**31)])
    keys = keys.to(dtype)
    if dtype == torch.float32:
        keys[:, :2] = torch.tensor([math.inf, -math.inf])
    keys = keys[:, torch.randperm(8, generator=generator)].to(DEVICE)
    assert torch.equal(through("sort8", keys), descending(keys))
