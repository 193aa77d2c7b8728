"""The report as Markdown, for a step summary, always smaller than GitHub's limit."""

from collections.abc import Iterator, Sequence

from kernelproof.escape import plain_line
from kernelproof.files.text_table import markdown_rows
from kernelproof.report.report_file import Report, ReportedCase
from kernelproof.report.terminal import COLUMNS, cells, conclusion, missing_groups, reproduce

# GitHub refuses a whole step summary above 1 MiB; the output of other steps counts in it, too.
MOST_BYTES = 1_000_000
# Limits of the other parts; red cases have the rest, except for a line that counts them.
_MOST_OF_CELLS = _MOST_OF_NOT_RUN = 200_000
_A_LINE = 200
_MOST_OF_A_CAUSE = 400
# Effects of a perf case, each with an interval that holds for all cases of a run together.
_EFFECTS = {"against": "in the same processes", "time": "time", "ratio": "over the floor"}
_PARTS = ("percent", "low", "high")


def markdown(report: Report) -> str:
    """Returns the conclusion, a line for each cell, each red case, and the cases not run."""
    head, rule, *lines = markdown_rows([COLUMNS, *(words for _, words in cells(report))])
    shown = _fitting(lines, _MOST_OF_CELLS, "| and {} more cells, in report.json |")
    parts = [f"### {conclusion(report)}\n", "\n".join([head, rule, *shown])]
    if not_run := _not_run(report):
        shown = _fitting(not_run, _MOST_OF_NOT_RUN, "- and {} more, in report.json")
        parts.append("\n".join(["\n#### Not run\n", *shown]))
    red = [_red(case) for case in report.blocking if case.verdict != "missing"]
    if red:
        room = MOST_BYTES - sum(_size(part) for part in parts)
        shown = _fitting(red, room - _A_LINE, "- and {} more red cases, in report.json")
        parts.insert(2, "\n".join([f"\n#### Red: {len(red)}\n", *shown]))
    return "\n".join(parts) + "\n"


def _fitting(lines: Sequence[str], most: int, more: str) -> list[str]:
    """Returns the first lines, of `most` bytes at most, and a line that counts the rest."""
    taken: list[str] = []
    for line in lines:
        if (most := most - _size(line)) < 0:
            return [*taken, more.format(f"{len(lines) - len(taken):,}")]
        taken.append(line)
    return taken


def _size(text: str) -> int:
    return len(text.encode()) + 1


def _red(case: ReportedCase) -> str:
    """Returns verdict and case, the cause, the effects with their intervals, and the command."""
    cause = _clipped(case.cause)
    effects = "; ".join(effect for effect in _effects(case) if effect not in cause)
    second = f"  \n  {_inline(effects)}" if effects else ""
    first = f"- **{case.verdict}** {case.check} {_inline(case.id)}: {_inline(cause)}"
    return f"{first}{second}\n  `{case.reproduce}`"


def _effects(case: ReportedCase) -> Iterator[str]:
    """Yields ``time +5.02 % (+3.10 to +6.90)``: each effect with the interval that holds it."""
    for name, words in _EFFECTS.items():
        percent, low, high = (case.numbers.get(f"{name}_{part}") for part in _PARTS)
        if percent is not None and low is not None and high is not None:
            yield f"{words} {percent:+.2f} % ({low:+.2f} to {high:+.2f})"


def _not_run(report: Report) -> list[str]:
    """Returns a line for each check and cause of missing cases, and for those of skipped ones."""
    lines = []
    for cases in missing_groups(report):
        first, more = cases[0], f" and {len(cases) - 1:,} more" if len(cases) > 1 else ""
        rows = ", ".join(dict.fromkeys(case.row for case in cases))
        cause = _inline(_clipped(first.cause))
        line = f"- **missing** {first.check} on {rows}: {_inline(first.id)}{more}: {cause}"
        lines.append(f"{line}\n  `{reproduce(cases)}`")
    skipped: dict[tuple[str, str, str], list[ReportedCase]] = {}
    for case in report.cases:
        if case.verdict == "skip":
            skipped.setdefault((case.check, case.row, case.cause), []).append(case)
    for (check, row, cause), cases in skipped.items():
        lines.append(f"- skip {check} on {row}: {len(cases):,}: {_inline(_clipped(cause))}")
    return lines


def _clipped(text: str) -> str:
    return text if len(text) <= _MOST_OF_A_CAUSE else text[: _MOST_OF_A_CAUSE - 1] + "…"


def _inline(text: str) -> str:
    """Returns the text with a backslash before each letter that means something in Markdown."""
    letters = plain_line(text, None)
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>#|&~" else letter for letter in letters)
