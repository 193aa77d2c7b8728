"""What an interpreted kernel reads and writes: its arguments alone, each value by one program.

Triton's interpreter loads from any address that it is given, so that a mask too wide shows in no
output where the values are not used. On a GPU this is compute-sanitizer's question, which
`kernelproof.selftest.sanitize` asks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import triton
from torch import Tensor
from triton.runtime.interpreter import interpreter_builder

from kernelproof.measure.comparison import Mismatch

# The interpreter's functions behind every load and store, and where each takes its mask.
_FUNCTIONS = {"create_masked_load": 1, "create_masked_store": 2}

# What one store wrote: its program, its first and its last address, and all of them.
_Stored = tuple[tuple[int, ...], int, int, Any]


@contextmanager
def only_arguments(jitted: Sequence[Any]) -> Iterator[None]:
    """Mismatch where an interpreted launch leaves its tensors, or has programs of no use.

    Every program has to store something, and no two the same value: that would be a race.
    """
    with ExitStack() as stack:
        if triton.knobs.runtime.interpret:
            watch = _Watch()
            for function in jitted:
                watched = watch.launches(function.run)
                stack.enter_context(patch.object(function, "run", watched))
            for name, place in _FUNCTIONS.items():
                watched = watch.accesses(getattr(interpreter_builder, name), place)
                stack.enter_context(patch.object(interpreter_builder, name, watched))
        yield


class _Watch:
    """One launch at a time: its tensors' addresses, and what its programs have stored."""

    def __init__(self) -> None:
        self.extents: list[tuple[int, int]] = []
        self.program: tuple[int, ...] | None = None
        self.has_stored = True
        self.stored: list[_Stored] = []
        self.finding: Mismatch | None = None

    def launches(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """`run` of a jitted function, watched."""

        def watched(*arguments: Any, **settings: Any) -> Any:
            tensors = (one for one in (*arguments, *settings.values()) if isinstance(one, Tensor))
            self.extents = [_extent(tensor) for tensor in tensors]
            self.program, self.has_stored, self.stored, self.finding = None, True, [], None
            try:
                result = run(*arguments, **settings)
            except Exception:
                if self.finding:  # which the interpreter wraps in an error of its own
                    raise self.finding from None
                raise
            finally:
                self.extents = []
            if self.program and not self.has_stored:
                raise _idle(self.program)
            return result

        return watched

    def accesses(self, function: Callable[..., Any], place: int) -> Callable[..., Any]:
        """A load or store of the interpreter, watched; its mask is the argument at `place`."""

        def watched(pointers: Any, *others: Any) -> Any:
            try:
                mask = others[place - 1].data
                addresses = pointers.data[mask]
                if place > 1:
                    self._note_store(addresses)
                if addresses.size:
                    size = pointers.get_element_ty().primitive_bitwidth // 8
                    self._require_inside(addresses, size, "writes" if place > 1 else "reads")
            except Mismatch as finding:
                self.finding = finding
                raise
            return function(pointers, *others)

        return watched

    def _note_store(self, addresses: Any) -> None:
        program = interpreter_builder.grid_idx
        if program != self.program:
            if self.program and not self.has_stored:
                raise _idle(self.program)
            self.program, self.has_stored = program, False
        if not addresses.size:
            return
        self.has_stored = True
        low, high = int(addresses.min()), int(addresses.max())
        for other, first, last, before in self.stored:
            if other != program and first <= high and low <= last:
                twice = len({*addresses.tolist()} & {*before.tolist()})
                if twice:
                    message = (
                        f"grid: found {twice:,} values stored by program {other} and by {program}; "
                        "expected each by one"
                    )
                    raise Mismatch(message)
        self.stored.append((program, low, high, addresses))

    def _require_inside(self, addresses: Any, size: int, word: str) -> None:
        low, high = int(addresses.min()), int(addresses.max()) + size
        if any(start <= low and high <= end for start, end in self.extents):
            return
        outside = addresses >= 0
        for start, end in self.extents:
            outside &= (addresses < start) | (addresses > end - size)
        if count := int(outside.sum()):
            message = (
                f"bounds: found {count:,} {word} outside of the kernel's arguments by program "
                f"{interpreter_builder.grid_idx}; expected none"
            )
            raise Mismatch(message)


def _idle(program: tuple[int, ...]) -> Mismatch:
    message = f"grid: found program {program}, which stores nothing; expected work for every one"
    return Mismatch(message)


def _extent(tensor: Tensor) -> tuple[int, int]:
    """The addresses from a tensor's first element to the end of its last."""
    start = tensor.data_ptr()
    if not tensor.numel():
        return start, start
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in sizes)
    return start, start + (last + 1) * tensor.dtype.itemsize
