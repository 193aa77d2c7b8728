"""A mutant: one planted fault, as edits of one file of a kernel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

Span = tuple[int, int, int, int]  # first line and column, last line and column; columns in bytes


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Bytes `start` to `end` of a file, replaced by `after`."""

    start: int
    end: int
    after: str


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault of a kernel: `text` is the whole file with it; `place` is what it changes of.

    `place` is None for a fault that is listed by name, which is tried wherever it is.
    """

    id: str
    file: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    text: str
    edit: Edit
    place: Span | None = None
    source: str = ""


@dataclass(frozen=True)
class Source:
    """A file's text, and its places as offsets of bytes, in which the syntax tree counts."""

    text: str

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each line begins."""
        lines = self.text.encode().splitlines(keepends=True)
        return tuple(accumulate(map(len, lines), initial=0))

    def piece(self, start: int, end: int) -> str:
        """The text between two offsets."""
        return self.text.encode()[start:end].decode()

    def edited(self, edits: Sequence[Edit]) -> str:
        """The text with edits that do not overlap."""
        content = self.text.encode()
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            content = content[: edit.start] + edit.after.encode() + content[edit.end :]
        return content.decode()

    def line_of(self, offset: int) -> int:
        """The number of the line that holds an offset, from 1 on."""
        return self.text.encode()[:offset].count(b"\n") + 1
