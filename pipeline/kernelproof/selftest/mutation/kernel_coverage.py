"""Which places of a kernel's files run: every instruction's own, lines and columns."""

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
    """Gives what tells the places that ran so far, by file, of the code under `folder`.

    Interpreted Triton functions are compiled anew from their syntax tree, with its places.
    """
    prefix, ran = f"{folder}/", set[tuple[CodeType, int]]()

    def step(frame: FrameType, event: str, _: Any) -> Any:
        if event == "opcode":
            ran.add((frame.f_code, frame.f_lasti // 2))
        return step

    def begin(frame: FrameType, _event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(prefix):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return step

    def told() -> dict[str, list[Span]]:
        found: dict[str, set[Span]] = {}
        places = {code: list(code.co_positions()) for code, _ in ran}
        for code, number in ran:
            first, last, column, end = places[code][number]
            if None not in {first, last, column, end}:
                file = code.co_filename.removeprefix(prefix)
                span = (first, column, last, end)
                found.setdefault(file, set()).add(span)  # type: ignore[arg-type]
        return {file: sorted(spans) for file, spans in found.items()}

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # noqa: SLF001  (Python 3.12 hears of none without)
    sys.settrace(begin)
    try:
        yield told
    finally:
        sys.settrace(before)


def is_reached(mutant: Mutant, reached: dict[str, list[Span]], *, source: str) -> bool:
    """Whether anything that a mutant changes has run, of `source`, the unmutated file.

    That is an instruction of the changed node's; where none is compiled of it alone, as of a
    constant in a tuple, one of the smallest part around it that has some.
    """
    if mutant.place is None:
        return True
    place, spans = mutant.place, reached.get(mutant.file, [])
    if any(_is_within(span, place) for span in spans):
        return True
    compiled = set(_spans(compile(ast.parse(source), mutant.file, "exec")))
    if any(_is_within(span, place) for span in compiled):
        return False
    least = min((_size(span) for span in compiled if _is_within(place, span)), default=(0, 0))
    return any(_is_within(place, span) and _size(span) <= least for span in spans)


def _size(span: Span) -> tuple[int, int]:
    return span[2] - span[0], span[3] - span[1]


def _spans(code: CodeType) -> Iterator[Span]:
    for first, last, column, end in code.co_positions():
        if first is not None and last is not None and column is not None and end is not None:
            yield first, column, last, end
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _spans(constant)


def _is_within(span: Span, place: Span) -> bool:
    return place[:2] <= span[:2] and span[2:] <= place[2:]
