"""The log of a compute-sanitizer tool: its reports in their order, and their number.

    ========= COMPUTE-SANITIZER
    ========= Invalid __global__ write of size 4 bytes
    =========     at _some_kernel+0x90 in kernel.py:17
    =========     by thread (0,0,0) in block (0,0,0)
    =========     Access at 0x7f3ea2a00200 is out of bounds
    =========
    ========= ERROR SUMMARY: 1 error

Indented lines belong to the report above them. A line at the margin that is no summary begins a
report, whatever it says: a warning, an error of the tool itself, a word on the application's end.
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
class ToolReport:
    """The lines of one report; the first of them says what is wrong."""

    lines: tuple[str, ...]

    @property
    def kernel(self) -> str:
        """The kernel of the outermost frame, or "" if the report is about the host."""
        names = [match[1] for line in self.lines for match in _KERNEL.finditer(line)]
        frames = [line for line in self.lines if "Device Frame:" in line]
        return (names[-1] if frames else names[0]) if names else ""

    def mentions(self, kernel: str) -> bool:
        """Returns True if the report has the name of this kernel."""
        return any(re.search(rf"(?<!\w){re.escape(kernel)}(?!\w)", line) for line in self.lines)


@dataclass(frozen=True, kw_only=True)
class ToolLog:
    """A tool's log; `total` counts the reports, printed or not, and is None without a summary."""

    reports: tuple[ToolReport, ...]
    total: int | None

    @classmethod
    def parse(cls, text: str) -> "ToolLog":
        """Returns the log in `text`, which may have been cut."""
        counts = [match[1] for line in _tool_lines(text) if (match := _SUMMARY.match(line))]
        total = sum(int(count.replace(",", "")) for count in counts) if counts else None
        return cls(reports=tuple(_reports(text)), total=total)


def _tool_lines(text: str) -> Iterator[str]:
    """Yields the tool's own lines, without the margin and the space after it."""
    for line in text.splitlines():
        if line.startswith(_MARGIN):
            yield line.removeprefix(_MARGIN).removeprefix(" ").rstrip()


def _reports(text: str) -> Iterator[ToolReport]:
    """Yields each report, which ends at the next line that is not indented."""
    lines: list[str] = []
    for line in [*_tool_lines(text), ""]:
        if line.startswith(" ") and lines:
            lines.append(line.removeprefix("    "))
            continue
        if lines:
            yield ToolReport(lines=tuple(lines))
        lines = [line] if line and not line.startswith(_TITLES) else []
