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


def launch_watched(
    *, first: int = 0, size: int = 12, grid: tuple[int, ...] = (2,), values: int = 12
) -> torch.Tensor:
    """Returns `values` of 16 values, copied by programs of 8 in memory of 16."""
    source, target = torch.arange(16.0)[: max(values, size)], torch.zeros(16)[:values]
    with watch_memory([_copy]):
        _copy[grid](source, target, first, size, BLOCK=8)
    return target


def test_a_launch_within_its_arguments_passes() -> None:
    """It does what it does without a watch; an error of the interpreter is raised as it is."""
    assert torch.equal(launch_watched(), torch.arange(12.0))
    with watch_memory([_copy]), pytest.raises(Exception, match="power of 2"):
        _copy[(1,)](torch.zeros(3), torch.zeros(3), 0, 3, BLOCK=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"first": 1}, r"bounds: found 1 reads outside .* by program \(1, 0, 0\); expected none"),
        ({"first": -3}, r"bounds: found 3 reads outside .* by program \(0, 0, 0\); expected none"),
        ({"size": 16}, "bounds: found 4 writes outside"),
        ({"grid": (3,)}, r"grid: found program \(2, 0, 0\), which stores nothing"),
        ({"grid": (4,)}, r"grid: found program \(2, 0, 0\), which stores nothing"),
        (
            {"grid": (1, 2), "size": 8, "values": 8},
            r"grid: found 8 values stored by program \(0, 0, 0\) and by \(0, 1, 0\)",
        ),
    ],
)
def test_a_launch_beyond_is_told(settings: dict[str, Any], message: str) -> None:
    """The message has the number of values and the program, on another axis, too."""
    with pytest.raises(Mismatch, match=message):
        launch_watched(**settings)
