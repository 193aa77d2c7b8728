"""A watch of the memory of interpreted kernels: they access their arguments alone, and store once.

Triton's interpreter loads from any address, so that a mask too wide shows in no output if the
values are not used. On a GPU compute-sanitizer asks this: see `kernelproof.selftest.sanitize`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

import triton
from torch import Tensor
from triton.runtime.interpreter import interpreter_builder

from kernelproof.measure.comparison import Mismatch

# The interpreter's functions behind every load and store, and the place of their mask.
_LOAD_MASK, _STORE_MASK = 1, 2
_FUNCTIONS = {"create_masked_load": _LOAD_MASK, "create_masked_store": _STORE_MASK}


class _Store(NamedTuple):
    """A store: its program, its first and last address, and all of its addresses."""

    program: tuple[int, ...]
    first: int
    last: int
    addresses: Any


@contextmanager
def watch_memory(jitted: Sequence[Any]) -> Iterator[None]:
    """Raises Mismatch if an interpreted launch accesses memory outside of its tensors.

    Also if a program stores nothing, or if two programs store the same value, which is a race.
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
    """A watch of one launch at a time: the addresses of its tensors, and its stores so far."""

    def __init__(self) -> None:
        self.extents: list[tuple[int, int]] = []
        self.program: tuple[int, ...] | None = None
        self.has_stored = True
        self.stores: list[_Store] = []
        self.finding: Mismatch | None = None

    def launches(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """Returns the `run` of a jitted function, watched."""

        def watched(*arguments: Any, **settings: Any) -> Any:
            values = (*arguments, *settings.values())
            self.extents = [_extent(value) for value in values if isinstance(value, Tensor)]
            self.program, self.has_stored, self.stores, self.finding = None, True, [], None
            try:
                result = run(*arguments, **settings)
            except Exception:
                if self.finding:  # wrapped by the interpreter in an error of its own
                    raise self.finding from None
                raise
            finally:
                self.extents = []
            self._require_store()
            return result

        return watched

    def accesses(self, function: Callable[..., Any], mask_place: int) -> Callable[..., Any]:
        """Returns a load or store of the interpreter, watched."""

        def watched(pointers: Any, *arguments: Any) -> Any:
            try:
                mask = arguments[mask_place - 1].data
                addresses = pointers.data[mask]
                if mask_place == _STORE_MASK:
                    self._note_store(addresses)
                if addresses.size:
                    size = pointers.get_element_ty().primitive_bitwidth // 8
                    verb = "writes" if mask_place == _STORE_MASK else "reads"
                    self._require_inside(addresses, size, verb)
            except Mismatch as finding:
                self.finding = finding
                raise
            return function(pointers, *arguments)

        return watched

    def _require_store(self) -> None:
        """Raises Mismatch if the last program ended without a store."""
        if self.program and not self.has_stored:
            message = (
                f"grid: found program {self.program}, which stores nothing; "
                "expected work for every one"
            )
            raise Mismatch(message)

    def _note_store(self, addresses: Any) -> None:
        """Notes a store; raises Mismatch if another program has stored to one of its addresses."""
        program = interpreter_builder.grid_idx
        if program != self.program:
            self._require_store()
            self.program, self.has_stored = program, False
        if not addresses.size:
            return
        self.has_stored = True
        store = _Store(program, int(addresses.min()), int(addresses.max()), addresses)
        for before in self.stores:
            is_near = before.first <= store.last and store.first <= before.last
            if before.program != program and is_near:
                twice = len({*addresses.tolist()} & {*before.addresses.tolist()})
                if twice:
                    message = (
                        f"grid: found {twice:,} values stored by program {before.program} and by "
                        f"{program}; expected each by one"
                    )
                    raise Mismatch(message)
        self.stores.append(store)

    def _require_inside(self, addresses: Any, size: int, verb: str) -> None:
        """Raises Mismatch if values of `size` bytes at these addresses are in no tensor."""
        low, high = int(addresses.min()), int(addresses.max()) + size
        if any(start <= low and high <= end for start, end in self.extents):
            return
        outside = addresses >= 0
        for start, end in self.extents:
            outside &= (addresses < start) | (addresses > end - size)
        if count := int(outside.sum()):
            message = (
                f"bounds: found {count:,} {verb} outside of the kernel's arguments by program "
                f"{interpreter_builder.grid_idx}; expected none"
            )
            raise Mismatch(message)


def _extent(tensor: Tensor) -> tuple[int, int]:
    """Returns the address of a tensor's first element, and the end of its last."""
    start = tensor.data_ptr()
    if not tensor.numel():
        return start, start
    sizes = zip(tensor.shape, tensor.stride(), strict=True)
    last = sum((size - 1) * stride for size, stride in sizes)
    return start, start + (last + 1) * tensor.dtype.itemsize
