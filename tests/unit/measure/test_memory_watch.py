# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
# mypy: disallow-untyped-decorators=False
"""Watched launches in the interpreter: reads and writes beyond, programs of no use."""

from typing import Any

import pytest
import torch
import triton
import triton.language as tl

from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.memory_watch import watch_memory

pytestmark = pytest.mark.skipif(
    not triton.knobs.runtime.interpret, reason="compiled launches are not watched"
)


@triton.jit
def _copy(source_ptr: Any, target_ptr: Any, first: int, size: int, BLOCK: tl.constexpr):  # noqa: ANN202, N803
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    values = tl.load(source_ptr + first + offsets, mask=offsets < size)
    tl.store(target_ptr + offsets, values, mask=offsets < size)


def launch_watched(*, first: int = 0, programs: int = 2) -> torch.Tensor:
    """Returns 12 of 16 values, copied by programs of 8 in memory of 16."""
    source, target = torch.arange(16.0)[:12], torch.zeros(16)[:12]
    with watch_memory([_copy]):
        _copy[(programs,)](source, target, first, 12, BLOCK=8)
    return target


def test_launch_within_its_arguments_passes() -> None:
    """A launch within its arguments does what it does without a watch."""
    assert torch.equal(launch_watched(), torch.arange(12.0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"first": 1}, r"bounds: found 1 reads outside .* by program \(1, 0, 0\); expected none"),
        ({"first": -3}, r"bounds: found 3 reads outside .* by program \(0, 0, 0\); expected none"),
        ({"programs": 3}, r"grid: found program \(2, 0, 0\), which stores nothing"),
        ({"programs": 4}, r"grid: found program \(2, 0, 0\), which stores nothing"),
    ],
)
def test_launch_beyond_is_told(settings: dict[str, int], message: str) -> None:
    """The message has the number of values and the program."""
    with pytest.raises(Mismatch, match=message):
        launch_watched(**settings)


def test_write_beyond_is_told() -> None:
    """A write outside is told even if the read is inside."""
    source, target = torch.arange(16.0), torch.zeros(16)[:12]
    with watch_memory([_copy]), pytest.raises(Mismatch, match="bounds: found 4 writes outside"):
        _copy[(2,)](source, target, 0, 16, BLOCK=8)


def test_value_stored_twice_is_told() -> None:
    """Two programs that store the same values are told, on another axis, too."""
    source, target = torch.arange(8.0), torch.zeros(8)
    message = r"grid: found 8 values stored by program \(0, 0, 0\) and by \(0, 1, 0\)"
    with watch_memory([_copy]), pytest.raises(Mismatch, match=message):
        _copy[(1, 2)](source, target, 0, 8, BLOCK=8)


def test_other_errors_come_through() -> None:
    """An error of the interpreter is raised as it is."""
    with watch_memory([_copy]), pytest.raises(Exception, match="power of 2"):
        _copy[(1,)](torch.zeros(3), torch.zeros(3), 0, 3, BLOCK=3)
