# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-decorators=False
"""Launches that are watched in the interpreter: reads and writes beyond, programs of no use."""

from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.memory_watch import watch_memory

pytestmark = pytest.mark.skipif(
    not triton.knobs.runtime.interpret, reason="what is compiled is not watched"
)


@triton.jit
def _copy(source_ptr: Any, target_ptr: Any, first: int, size: int, BLOCK: tl.constexpr):  # noqa: ANN202, N803
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(source_ptr + first + offsets, mask=offsets < size)
    tl.store(target_ptr + offsets, values, mask=offsets < size)


def _launched(
    *, first: int = 0, size: int = 12, programs: int = 2, width: int = 12
) -> torch.Tensor:
    source, target = torch.arange(16.0)[:width], torch.zeros(16)[:width]
    with watch_memory([_copy]):
        _copy[(programs,)](source, target, first, size, BLOCK=8)
    return target


def test_launch_within_its_arguments_passes() -> None:
    """And does what it does."""
    assert torch.equal(_launched(), torch.arange(12.0))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"first": 1}, r"bounds: found 1 reads outside .* by program \(1, 0, 0\); expected none"),
        ({"first": -3}, r"bounds: found 3 reads outside .* by program \(0, 0, 0\); expected none"),
        ({"programs": 3}, r"grid: found program \(2, 0, 0\), which stores nothing"),
        ({"programs": 4}, r"grid: found program \(2, 0, 0\), which stores nothing"),
    ],
)
def test_launch_beyond_is_told(words: dict[str, int], said: str) -> None:
    """By how many values, and by which program; the memory beside is there, and of the same."""
    with pytest.raises(Mismatch, match=said):
        _launched(**words)


def test_write_beyond_is_told() -> None:
    """Even where what is read is not."""
    source, target = torch.arange(16.0), torch.zeros(16)[:12]
    with watch_memory([_copy]), pytest.raises(Mismatch, match="bounds: found 4 writes outside"):
        _copy[(2,)](source, target, 0, 16, BLOCK=8)


def test_value_stored_twice_is_told() -> None:
    """By two programs, of which the second one's is another axis."""
    source, target = torch.arange(8.0), torch.zeros(8)
    said = r"grid: found 8 values stored by program \(0, 0, 0\) and by \(0, 1, 0\)"
    with watch_memory([_copy]), pytest.raises(Mismatch, match=said):
        _copy[(1, 2)](source, target, 0, 8, BLOCK=8)


def test_others_errors_come_through() -> None:
    """As the interpreter tells them."""
    with watch_memory([_copy]), pytest.raises(Exception, match="power of 2"):
        _copy[(1,)](torch.zeros(3), torch.zeros(3), 0, 3, BLOCK=3)
