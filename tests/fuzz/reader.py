"""A reader: the code that reads a file from outside, the place of that file, and valid ones."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit
from tests.fuzz.structures import as_json


def _leave(_: Any) -> None:
    """Changes nothing."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Code that reads the file `path` below a folder, and uses its content as commands do.

    - `read` returns True if it takes the file, False if it mentions the file and leaves it out.
    - `samples` are the values of valid files; `as_text` writes them, `reseal` gives them a seal
      that fits.
    - `codes` are the documented exit codes of its refusals, which have `most_lines` lines at most.
    - `prepare` puts what else it needs into the folder, once.
    - `fill_sizes` are the numbers of values and of letters that are near the most that it takes.
    """

    name: str
    path: str
    read: Callable[[Path], bool]
    codes: frozenset[Exit]
    most_lines: int = 1
    samples: tuple[Any, ...]
    as_text: Callable[[Any], str] = as_json
    reseal: Callable[[Any], None] = _leave
    fill_sizes: tuple[int, int] = (140_000, 2**22)
    prepare: Callable[[Path], None] = field(default=_leave)

    @property
    def files(self) -> tuple[bytes, ...]:
        """The content of the valid files."""
        return tuple(self.as_text(sample).encode() for sample in self.samples)
