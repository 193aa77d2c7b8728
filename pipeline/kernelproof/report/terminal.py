"""The report in a terminal: a line for each cell, then each case that blocks."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from kernelproof.escape import plain
from kernelproof.files.text_table import aligned
from kernelproof.plan.schema import Check
from kernelproof.records.verdict import session_of
from kernelproof.report.report_file import Report, ReportedCase

_SHOWN = 20  # failures with their reasons; report.json has them all
# Printed text is what somebody wrote: no markup, no emoji, and no line is folded.
PLAIN: dict[str, Any] = {"markup": False, "highlight": False, "emoji": False, "soft_wrap": True}
COLUMNS = ("check", "cell", "kernel", "cases", "verdicts", "worst", "time")
_NUMBERS = (COLUMNS.index("cases"), COLUMNS.index("time"))


def cells(report: Report) -> Iterator[tuple[bool, tuple[str, ...]]]:
    """Yields for each check, cell and kernel if it blocks, and its words under `COLUMNS`."""
    groups: dict[tuple[str, str, str], list[ReportedCase]] = {}
    for case in report.cases:
        groups.setdefault((case.check, case.cell, case.kernel), []).append(case)
    for key, cases in groups.items():
        counts = Counter(case.verdict for case in cases)
        verdicts = ", ".join(f"{verdict} {count}" for verdict, count in sorted(counts.items()))
        seconds = f"{sum(case.seconds or 0 for case in cases):.1f} s"
        blocks = any(case.blocks for case in cases)
        yield blocks, (*key, str(len(cases)), verdicts, _worst(cases), seconds)


def _worst(cases: list[ReportedCase]) -> str:
    """Returns the largest error of the cases, or the largest slowdown."""
    for name, form in (("max_ulp", "{:.2f} ulp"), ("time_percent", "{:+.2f} %")):
        if numbers := [case.numbers[name] for case in cases if name in case.numbers]:
            return form.format(max(numbers))
    return ""


def conclusion(report: Report) -> str:
    """Returns one line: if the report blocks, the number of cases by verdict, and the commit."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(report.summary.items()))
    state = f"{report.commit[:12]}{' (dirty)' if report.dirty else ''}"
    return f"{'BLOCKED' if report.blocks else 'GOOD'}: {counts} at {state}"


def print_report(report: Report, console: Console) -> None:
    """Prints the report, in colours if `console` has them."""
    lines = list(cells(report))
    head, *rows = aligned([COLUMNS, *(words for _, words in lines)], right=_NUMBERS)
    console.print(head, style="bold", **PLAIN)
    for row, (blocks, _) in zip(rows, lines, strict=True):
        console.print(row, style="red" if blocks else "default", **PLAIN)
    for cases in _causes(report):
        console.print(f"\n{_title(cases)}", style="red", **PLAIN)
        console.print(plain(cases[0].reason), **PLAIN)
        console.print(f"reproduce: {reproduce(cases)}", **PLAIN)
    console.print(_hidden(report))
    console.print(conclusion(report), style="red" if report.blocks else "green", **PLAIN)


def _causes(report: Report) -> list[list[ReportedCase]]:
    """Returns the cases to explain: each that blocks alone, and missing ones by their cause."""
    single = [[case] for case in report.blocking if case.verdict != "missing"]
    return [*single[:_SHOWN], *missing_groups(report)]


def missing_groups(report: Report) -> list[list[ReportedCase]]:
    """Returns the missing cases in groups of the same check and cause."""
    groups: dict[tuple[str, str], list[ReportedCase]] = {}
    for case in report.blocking:
        if case.verdict == "missing":
            groups.setdefault((case.check, case.cause), []).append(case)
    return list(groups.values())


def _title(cases: list[ReportedCase]) -> str:
    """Returns ``missing gemma4_routing-cpu-fp32-E1-K1-T1 and 43 more``."""
    more = f" and {len(cases) - 1} more" if len(cases) > 1 else ""
    return f"{cases[0].verdict} {cases[0].id}{more}"


def reproduce(cases: list[ReportedCase]) -> str:
    """Returns the command that runs these cases of one check again."""
    if len(cases) == 1:
        return cases[0].reproduce
    rows = " ".join(f"--row {row}" for row in dict.fromkeys(case.row for case in cases))
    return f"nox -s {session_of(Check(cases[0].check))} -- --resume {rows}"


def _hidden(report: Report) -> str:
    count = sum(case.verdict != "missing" for case in report.blocking)
    return f"and {count - _SHOWN} more in report.json\n" if count > _SHOWN else ""
