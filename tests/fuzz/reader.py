"""A reader: what reads a file from outside, where that file is, and whole ones of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit
from tests.fuzz.structures import as_json


def _as_it_is(_: Any) -> None:
    """Nothing to mend."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads the file `home` below a folder, and goes on with what it holds as commands do.

    `read` says whether it took the file; False for one that it tells of and leaves out.

    `wholes` are the values of files that it takes, which `written` makes text of and `mend` gives a
    seal that fits; `codes` are the exit codes that it may refuse a file with, in so many lines at
    most. `setting` puts what else it needs into the folder, once. `fill` is how many values and
    letters are near the most that it takes.
    """

    name: str
    home: str
    read: Callable[[Path], bool]
    codes: frozenset[Exit]
    lines: int = 1
    wholes: tuple[Any, ...]
    written: Callable[[Any], str] = as_json
    mend: Callable[[Any], None] = _as_it_is
    fill: tuple[int, int] = (140_000, 2**22)
    setting: Callable[[Path], None] = field(default=_as_it_is)

    @property
    def seeds(self) -> tuple[bytes, ...]:
        """The whole files' bytes."""
        return tuple(self.written(whole).encode() for whole in self.wholes)
