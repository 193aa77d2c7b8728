"""The places of a kernel's files that run: lines and columns of every instruction."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from kernelproof.selftest.mutation.mutant import Mutant, Span


@contextmanager
def traced(folder: Path) -> Iterator[Callable[[], dict[str, list[Span]]]]:
    """Yields a function that returns the places under `folder` that have run, by file.

    Interpreted Triton functions are traced, too: Triton compiles their syntax tree with its places.
    """
    prefix, instructions = f"{folder}/", set[tuple[CodeType, int]]()

    def step(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            instructions.add((frame.f_code, frame.f_lasti // 2))
        return step

    def begin(frame: FrameType, _event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(prefix):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    def places_by_file() -> dict[str, list[Span]]:
        places: dict[str, set[Span]] = {}
        positions = {code: list(code.co_positions()) for code, _ in instructions}
        for code, number in instructions:
            if span := _span(positions[code][number]):
                places.setdefault(code.co_filename.removeprefix(prefix), set()).add(span)
        return {file: sorted(spans) for file, spans in places.items()}

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # noqa: SLF001  (Python 3.12 traces none without)
    sys.settrace(begin)
    try:
        yield places_by_file
    finally:
        sys.settrace(before)


def is_reached(mutant: Mutant, reached: dict[str, list[Span]]) -> bool:
    """Returns whether an instruction of the node that a mutant changes has run.

    If the compiler makes no instruction of that node alone, as of a constant in a tuple, those of
    the smallest part around it count.
    """
    if mutant.place is None:
        return True
    # An instruction of the node has run, or one is compiled and has not.
    place, spans = mutant.place, reached.get(mutant.file, [])
    if any(_is_within(span, place) for span in spans):
        return True
    compiled = set(_spans(compile(ast.parse(mutant.original), mutant.file, "exec")))
    if any(_is_within(span, place) for span in compiled):
        return False
    # None is compiled: ask the smallest part around the node.
    least = min((_size(span) for span in compiled if _is_within(place, span)), default=(0, 0))
    return any(_is_within(place, span) and _size(span) <= least for span in spans)


def _span(position: tuple[int | None, ...]) -> Span | None:
    """Returns the place of an instruction, or None if it has none."""
    first, last, column, end = position
    if first is None or last is None or column is None or end is None:
        return None
    return first, column, last, end


def _spans(code: CodeType) -> Iterator[Span]:
    """Yields the places of a code's instructions, and of the codes within it."""
    yield from filter(None, map(_span, code.co_positions()))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _spans(constant)


def _size(span: Span) -> tuple[int, int]:
    return span[2] - span[0], span[3] - span[1]


def _is_within(span: Span, place: Span) -> bool:
    return place[:2] <= span[:2] and span[2:] <= place[2:]
