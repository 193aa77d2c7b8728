"""How a run under compute-sanitizer is told: a line a tool, what blocks; and as JSON."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelproof.selftest.sanitize.tool_findings import Finding, Judged

_LINES = 8  # of a report; behind them are frames
_KINDS = 20  # of findings; behind them is the log


def line(one: Judged) -> str:
    """``memcheck   23 cases, 71 launches, 0 errors, 21 s; planted fault found``."""
    saw = "planted fault found" if one.has_seen else "planted fault NOT found"
    count = max(len(one.findings), (one.total or 0) - one.planted)
    errors = "1 error" if count == 1 else f"{count:,} errors"
    answered = f"{len(one.run.answers)}"
    if len(one.run.answers) != len(one.cases):
        answered += f" of {len(one.cases)}"
    ran = f"{answered} cases, {one.launches:,} launches"
    return f"{one.run.tool.name:9}  {ran}, {errors}, {one.run.seconds:.0f} s; {saw}"


def blocking(one: Judged, log: Path) -> list[str]:
    """All that is wrong with a tool's run, alike findings once, and where the rest is."""
    lines: list[str] = []
    kinds = Counter(map(_kind, one.findings))
    first = {_kind(finding): finding for finding in reversed(one.findings)}
    for kind, count in list(kinds.items())[:_KINDS]:
        finding = first[kind]
        kernel = f" ({finding.report.kernel})" if finding.report.kernel else ""
        lines.append(f"{one.run.tool.name}: {finding.case or 'outside of all cases'}{kernel}")
        head, *more = finding.report.lines[:_LINES]
        lines += [f"  {head}", *(f"    {text}" for text in more)]
        if count > 1:
            lines.append(f"  and {count - 1:,} more like this")
        if finding.case:
            lines.append(f"  reproduce: {_command(one, finding.case)}")
    if len(kinds) > _KINDS:
        lines.append(f"{one.run.tool.name}: and {len(kinds) - _KINDS} more kinds of reports")
    for problem in one.problems:
        told = "\n  ".join(problem.splitlines())
        lines.append(f"{one.run.tool.name}: {told}")
    return [*lines, f"the whole log: {log}; what the process printed: {log.with_suffix('.out')}"]


def _kind(finding: Finding) -> tuple[str, str, str]:
    return finding.case, finding.report.kernel, finding.report.lines[0]


def _command(one: Judged, case: str) -> str:
    return f"nox -s sanitize -- --tool {one.run.tool.name} --case {case}"


def as_json(judged: Sequence[Judged], words: Mapping[str, Any]) -> str:
    """The whole run: `words`, and a record of each tool."""
    tools = [_record(one) for one in judged]
    return json.dumps({"version": 1, **words, "tools": tools}, indent=1) + "\n"


def _record(one: Judged) -> dict[str, Any]:
    return {
        "tool": one.run.tool.name,
        "good": one.is_good,
        "seconds": one.run.seconds,
        "cases": list(one.cases),
        "launches": one.launches,
        "planted": {"launches": len(one.cases) + 1, "reports": one.planted},
        "reports": one.total,
        "findings": [
            {
                "case": finding.case,
                "kernel": finding.report.kernel,
                "report": list(finding.report.lines[:_LINES]),
            }
            for finding in one.findings
        ],
        "problems": list(one.problems),
    }
