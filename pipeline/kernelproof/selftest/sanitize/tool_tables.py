"""Judged runs of compute-sanitizer as text, a line for each tool, and as JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelproof.selftest.sanitize.tool_findings import JudgedRun, ToolFinding

_LINES_SHOWN = 8  # of a report; the rest are frames
_KINDS_SHOWN = 20  # of findings; the log has the rest


def summary_line(judged: JudgedRun) -> str:
    """Returns ``memcheck   23 cases, 71 launches, 0 errors, 21 s; planted error found``."""
    planted = "planted error found" if judged.has_seen else "planted error NOT found"
    count = max(len(judged.findings), (judged.total or 0) - judged.planted)
    errors = "1 error" if count == 1 else f"{count:,} errors"
    answered = f"{len(judged.run.answers)}"
    if len(judged.run.answers) != len(judged.cases):
        answered += f" of {len(judged.cases)}"
    ran = f"{answered} cases, {judged.launches:,} launches"
    return f"{judged.run.tool.name:9}  {ran}, {errors}, {judged.run.seconds:.0f} s; {planted}"


def blocking_lines(judged: JudgedRun, log: Path) -> list[str]:
    """Returns everything wrong with a tool's run, and the files that have the rest.

    Findings of one kind are shown once.
    """
    tool = judged.run.tool.name
    kinds = Counter(map(_kind, judged.findings))
    first = {_kind(finding): finding for finding in reversed(judged.findings)}
    lines: list[str] = []
    for kind in list(kinds)[:_KINDS_SHOWN]:
        lines += _finding_lines(tool, first[kind], kinds[kind])
    if len(kinds) > _KINDS_SHOWN:
        lines.append(f"{tool}: and {len(kinds) - _KINDS_SHOWN} more kinds of reports")
    for problem in judged.problems:
        indented = "\n  ".join(problem.splitlines())
        lines.append(f"{tool}: {indented}")
    return [*lines, f"the whole log: {log}; what the process printed: {log.with_suffix('.out')}"]


def _kind(finding: ToolFinding) -> tuple[str, str, str]:
    """Returns what alike findings share: case, kernel and first line."""
    return finding.case, finding.report.kernel, finding.report.lines[0]


def _finding_lines(tool: str, finding: ToolFinding, count: int) -> Iterator[str]:
    """Yields a finding's case and kernel, its report, and the command that repeats it."""
    kernel = f" ({finding.report.kernel})" if finding.report.kernel else ""
    yield f"{tool}: {finding.case or 'outside of all cases'}{kernel}"
    head, *details = finding.report.lines[:_LINES_SHOWN]
    yield f"  {head}"
    yield from (f"    {detail}" for detail in details)
    if count > 1:
        yield f"  and {count - 1:,} more like this"
    if finding.case:
        yield f"  reproduce: nox -s sanitize -- --tool {tool} --case {finding.case}"


def as_json(runs: Sequence[JudgedRun], conditions: Mapping[str, Any]) -> str:
    """Returns the whole run as JSON: its conditions, and a record of each tool."""
    tools = [_record(judged) for judged in runs]
    return json.dumps({"version": 1, **conditions, "tools": tools}, indent=1) + "\n"


def _record(judged: JudgedRun) -> dict[str, Any]:
    return {
        "tool": judged.run.tool.name,
        "good": judged.is_good,
        "seconds": judged.run.seconds,
        "cases": list(judged.cases),
        "launches": judged.launches,
        "planted": {"launches": len(judged.cases) + 1, "reports": judged.planted},
        "reports": judged.total,
        "findings": [
            {
                "case": finding.case,
                "kernel": finding.report.kernel,
                "report": list(finding.report.lines[:_LINES_SHOWN]),
            }
            for finding in judged.findings
        ],
        "problems": list(judged.problems),
    }
