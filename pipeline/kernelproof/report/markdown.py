"""The report as Markdown, for a step summary: below the most that GitHub takes, however red."""

from collections.abc import Iterator, Sequence

from kernelproof.escape import plain_line
from kernelproof.report.report_file import Report, ReportedCase
from kernelproof.report.terminal import COLUMNS, cells, conclusion, reproduce, silent

# GitHub refuses a step summary of more than 1 MiB, all of it; what other steps say goes there, too.
MOST_BYTES = 1_000_000
# Each part's own share: the red cases have what the others leave, but for a line that counts them.
_MOST_OF_CELLS = _MOST_OF_NOT_RUN = 200_000
_A_LINE = 200
_MOST_OF_A_CAUSE = 400
# Effects that a case may have, each with the interval that holds for all cases of a run together.
_EFFECTS = {"against": "in the same processes", "time": "time", "ratio": "over the floor"}
_PARTS = ("percent", "low", "high")


def markdown(report: Report) -> str:
    """The verdict, a line a cell, each red case with its cause, and what was not run."""
    head = ["| " + " | ".join(COLUMNS) + " |", "| --- " * len(COLUMNS) + "|"]
    lines = [f"| {' | '.join(line)} |" for _, line in cells(report)]
    not_run = _not_run(report)
    parts = [
        f"### {conclusion(report)}\n",
        "\n".join(
            [*head, *_fitting(lines, _MOST_OF_CELLS, "| and {} more cells, in report.json |")]
        ),
    ]
    if not_run:
        told = _fitting(not_run, _MOST_OF_NOT_RUN, "- and {} more, in report.json")
        parts.append("\n".join(["\n#### Not run\n", *told]))
    red = [_red(case) for case in report.blocking if case.verdict != "missing"]
    if red:
        room = MOST_BYTES - sum(_size(part) for part in parts)
        told = _fitting(red, room - _A_LINE, "- and {} more red cases, in report.json")
        parts.insert(2, "\n".join([f"\n#### Red: {len(red)}\n", *told]))
    return "\n".join(parts) + "\n"


def _fitting(lines: Sequence[str], most: int, more: str) -> list[str]:
    """The first lines, of so many bytes at most, and a line that counts those left out."""
    taken: list[str] = []
    for line in lines:
        if (most := most - _size(line)) < 0:
            return [*taken, more.format(f"{len(lines) - len(taken):,}")]
        taken.append(line)
    return taken


def _size(text: str) -> int:
    return len(text.encode()) + 1


def _red(case: ReportedCase) -> str:
    """Verdict and case, the cause, the effects with their intervals, and the command."""
    cause = _clipped(case.cause)
    effects = "; ".join(effect for effect in _effects(case) if effect not in cause)
    told = f"  \n  {_inline(effects)}" if effects else ""
    head = f"- **{case.verdict}** {case.check} {_inline(case.id)}: {_inline(cause)}"
    return f"{head}{told}\n  `{case.reproduce}`"


def _effects(case: ReportedCase) -> Iterator[str]:
    """``time +5.02 % (+3.10 to +6.90)``: how much, and between what it is with certainty."""
    for name, word in _EFFECTS.items():
        percent, low, high = (case.numbers.get(f"{name}_{part}") for part in _PARTS)
        if percent is not None and low is not None and high is not None:
            yield f"{word} {percent:+.2f} % ({low:+.2f} to {high:+.2f})"


def _not_run(report: Report) -> list[str]:
    """What has no result, once for each check, row and cause; and what the matrix skips."""
    lines = []
    for cases in silent(report):
        first, more = cases[0], f" and {len(cases) - 1:,} more" if len(cases) > 1 else ""
        rows = ", ".join(dict.fromkeys(case.row for case in cases))
        what = (
            f"{first.check} on {rows}: {_inline(first.id)}{more}: {_inline(_clipped(first.cause))}"
        )
        lines.append(f"- **missing** {what}\n  `{reproduce(cases)}`")
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
    """Text that Markdown shows as it is."""
    letters = plain_line(text, None)
    return "".join(f"\\{one}" if one in r"\`*_{}[]<>#|&~" else one for one in letters)
