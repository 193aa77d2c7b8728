"""What a tool of compute-sanitizer writes, read: reports, in their order, and their number.

    ========= COMPUTE-SANITIZER
    ========= Invalid __global__ write of size 4 bytes
    =========     at _some_kernel+0x90 in kernel.py:17
    =========     by thread (0,0,0) in block (0,0,0)
    =========     Access at 0x7f3ea2a00200 is out of bounds
    =========
    ========= ERROR SUMMARY: 1 error

Lines that are further in belong to the report above them. What is at the margin and no summary is
a report, whatever it says: a warning, an error of the tool's own, a word of the application's end.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARGIN = "========="
_KERNEL = re.compile(r"(?:\bat|Device Frame:) *([\w$.<>:~]+)(?:\([^)]*\))?\+0x[0-9a-f]+")
_SUMMARY = re.compile(
    r"(?:ERROR|RACECHECK) SUMMARY: ([\d,]+) (?:errors?|hazards?)(?! (?:was|were) not printed)\b"
)
_TITLES = ("COMPUTE-SANITIZER", "ERROR SUMMARY:", "RACECHECK SUMMARY:", "LEAK SUMMARY:")


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report: its lines, the first of them what is wrong."""

    lines: tuple[str, ...]

    @property
    def kernel(self) -> str:
        """The kernel that it is of: of frames within each other the outermost; none of the host."""
        found = [match[1] for line in self.lines for match in _KERNEL.finditer(line)]
        frames = [line for line in self.lines if "Device Frame:" in line]
        return (found[-1] if frames else found[0]) if found else ""

    def names(self, kernel: str) -> bool:
        """Whether it is about the kernel of this name."""
        return any(re.search(rf"(?<!\w){re.escape(kernel)}(?!\w)", line) for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class Log:
    """A tool's log; `total` counts what was reported, printed or not: None before the end."""

    reports: tuple[Report, ...]
    total: int | None

    @classmethod
    def read(cls, text: str) -> "Log":
        """The log in `text`, whole or cut."""
        totals = [match[1] for line in _lines(text) if (match := _SUMMARY.match(line))]
        total = sum(int(found.replace(",", "")) for found in totals) if totals else None
        return cls(reports=tuple(_reports(text)), total=total)


def _lines(text: str) -> Iterator[str]:
    """The tool's own lines, less the margin and one space."""
    for line in text.splitlines():
        if line.startswith(_MARGIN):
            yield line.removeprefix(_MARGIN).removeprefix(" ").rstrip()


def _reports(text: str) -> Iterator[Report]:
    lines: list[str] = []
    for line in [*_lines(text), ""]:
        if line.startswith(" ") and lines:
            lines.append(line.removeprefix("    "))
            continue
        if lines:
            yield Report(lines=tuple(lines))
        lines = [line] if line and not line.startswith(_TITLES) else []
