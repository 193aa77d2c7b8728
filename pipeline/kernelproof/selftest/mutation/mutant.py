"""Mutants, each one planted fault of a file, and the text that they edit."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

Span = tuple[int, int, int, int]  # first line and column, last line and column; columns in bytes


@dataclass(frozen=True, kw_only=True)
class TextEdit:
    """A replacement of the bytes from `start` to `end` of a file by `after`."""

    start: int
    end: int
    after: str


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault of one file, and what is known of it before it runs.

    `text` is the file with the fault, `original` the file without it. `place` is the changed node,
    or None for a fault that the list names, which runs on every row; `source` says where a named
    fault is known from. `kernel` is empty for verdict code, `backend` the only one that runs the
    file. `conclusion` and `because` are those of the proof that covers the mutant.
    """

    id: str
    file: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    original: str
    text: str
    edit: TextEdit
    place: Span | None = None
    source: str = ""
    kernel: str = ""
    is_jitted: bool = False
    backend: str | None = None
    conclusion: str = ""
    because: str = ""

    @property
    def path(self) -> str:
        """Returns the path of the file from the root of the repository."""
        folder = f"kernels/{self.kernel}" if self.kernel else "pipeline/kernelproof"
        return f"{folder}/{self.file}"


@dataclass(frozen=True)
class SourceText:
    """A file's text; offsets count its bytes, as the syntax tree does."""

    text: str

    @cached_property
    def content(self) -> bytes:
        """Returns the text as UTF-8."""
        return self.text.encode()

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Returns the offset of each line."""
        return tuple(accumulate(map(len, self.content.splitlines(keepends=True)), initial=0))

    def piece(self, start: int, end: int) -> str:
        """Returns the text between two offsets."""
        return self.content[start:end].decode()

    def line_of(self, offset: int) -> int:
        """Returns the number of the line that holds an offset, from 1 on."""
        return self.content[:offset].count(b"\n") + 1

    def edited(self, edits: Sequence[TextEdit]) -> str:
        """Returns the text with edits that do not overlap."""
        content = self.content
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            content = content[: edit.start] + edit.after.encode() + content[edit.end :]
        return content.decode()

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Returns the offsets of a node's first byte and of the byte behind its last one."""
        first, column, last, end = place_of(node)
        return self.starts[first - 1] + column, self.starts[last - 1] + end

    def of(self, node: ast.AST) -> str:
        """Returns a node's text."""
        return self.piece(*self.span(node))

    def instead(self, node: ast.AST, after: str) -> TextEdit:
        """Returns the edit that puts `after` in a node's place."""
        start, end = self.span(node)
        return TextEdit(start=start, end=end, after=after)

    def between(self, left: ast.AST, right: ast.AST, word: str, after: str) -> TextEdit:
        """Returns the edit that puts `after` in the place of `word` between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        offset = start + self.piece(start, end).index(word)
        return TextEdit(start=offset, end=offset + len(word), after=after)


def place_of(node: ast.AST) -> Span:
    """Returns the lines and columns of a node that has a place."""
    names = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    first, column, last, end = (getattr(node, name) for name in names)
    return first, column, last, end
