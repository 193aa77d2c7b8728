"""The report for people: a line a cell, then each case that blocks, in a terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from kernelproof.escape import plain
from kernelproof.plan.schema import Check
from kernelproof.records.verdict import session_of
from kernelproof.report.report_file import Report, ReportedCase

_SHOWN = 20  # failures told in full; report.json has them all
_PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False, "soft_wrap": True}
_STYLES = {None: "bold", True: "red", False: "default"}  # of the head, and of lines by blocking
COLUMNS = ("check", "cell", "kernel", "cases", "verdicts", "worst", "time")


def cells(report: Report) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """For each check, cell and kernel: whether it blocks, and its line."""
    groups: dict[tuple[str, str, str], list[ReportedCase]] = {}
    for case in report.cases:
        groups.setdefault((case.check, case.cell, case.kernel), []).append(case)
    for key, cases in groups.items():
        counts = Counter(case.verdict for case in cases)
        verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(counts.items()))
        worst = _worst(cases)
        seconds = f"{sum(case.seconds or 0 for case in cases):.1f} s"
        blocks = any(case.blocks for case in cases)
        yield blocks, (*key, str(len(cases)), verdicts, worst, seconds)


def _worst(cases: list[ReportedCase]) -> str:
    """The largest error of some cases, or the largest slowdown."""
    for name, shown in (("max_ulp", "{:.2f} ulp"), ("time_percent", "{:+.2f} %")):
        if found := [case.numbers[name] for case in cases if name in case.numbers]:
            return shown.format(max(found))
    return ""


def conclusion(report: Report) -> str:
    """One line: how many cases, their verdicts, and whether they block."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(report.summary.items()))
    state = f"{report.commit[:12]}{' (dirty)' if report.dirty else ''}"
    return f"{'BLOCKED' if report.blocks else 'GOOD'}: {counts} at {state}"


def print_report(report: Report, console: Console) -> None:
    """Prints the report; colours only where `console` has them."""
    lines = list(cells(report))
    columns = zip(COLUMNS, *(line for _, line in lines), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for blocks, line in ((None, COLUMNS), *lines):
        text = "  ".join(map(_aligned, COLUMNS, line, widths))
        console.print(text.rstrip(), style=_STYLES[blocks], **_PLAIN)
    for cases in _causes(report):
        console.print(f"\n{_red(cases)}", style="red", **_PLAIN)
        console.print(plain(cases[0].reason), **_PLAIN)
        console.print(f"reproduce: {reproduce(cases)}", **_PLAIN)
    console.print(_hidden(report))
    console.print(conclusion(report), style="red" if report.blocks else "green", **_PLAIN)


def _aligned(column: str, word: str, width: int) -> str:
    return word.rjust(width) if column in {"cases", "time"} else word.ljust(width)


def _causes(report: Report) -> list[list[ReportedCase]]:
    """The cases that block: those that did not report together, each of the others on its own."""
    spoken = [[case] for case in report.blocking if case.verdict != "missing"]
    return [*spoken[:_SHOWN], *silent(report)]


def silent(report: Report) -> list[list[ReportedCase]]:
    """The cases that did not report, together by check and cause."""
    found: dict[tuple[str, str], list[ReportedCase]] = {}
    for case in report.blocking:
        if case.verdict == "missing":
            found.setdefault((case.check, case.cause), []).append(case)
    return list(found.values())


def _red(cases: list[ReportedCase]) -> str:
    """``missing gemma4_routing-cpu-fp32-E1-K1-T1 and 43 more``."""
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    return f"{cases[0].verdict} {cases[0].id}{more}"


def reproduce(cases: list[ReportedCase]) -> str:
    """The command that runs these cases again."""
    if len(cases) == 1:
        return cases[0].reproduce
    rows = " ".join(f"--row {row}" for row in dict.fromkeys(case.row for case in cases))
    return f"nox -s {session_of(Check(cases[0].check))} -- --resume {rows}"


def _hidden(report: Report) -> str:
    spoken = sum(case.verdict != "missing" for case in report.blocking)
    return f"and {spoken - _SHOWN} more in report.json\n" if spoken > _SHOWN else ""
