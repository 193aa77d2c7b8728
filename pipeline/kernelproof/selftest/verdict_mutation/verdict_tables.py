"""How the judge's own judgement is told: a line a file, what is not covered, what blocks; JSON."""

import difflib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kernelproof.records.mutation_run import Status
from kernelproof.selftest.mutation.mutant_status import Judged, score
from kernelproof.selftest.verdict_mutation.test_coverage import Measured, Of

_HEAD = ("file", "statements", "branches", "covered", "mutants")


def table(found: Measured, judged: Sequence[Judged], seconds: Mapping[str, float]) -> list[str]:
    """A line for each file, a column for each status that occurs, and their totals.

    The seconds are those of the mutants' processes.
    """
    counts: dict[str, Counter[Status]] = {file: Counter() for file in found.files}
    for one in judged:
        counts[one.planted.mutant.file][one.status] += 1
    counts = {file: count for file, count in counts.items() if found.files[file].statements}
    used = [status for status in Status if any(count[status] for count in counts.values())]
    rows = [[*_HEAD, *used, "seconds"]]
    for file, count in counts.items():
        took = sum(seconds.get(one.planted.mutant.id, 0) for one in judged if _is_of(one, file))
        rows.append(_row(f"pipeline/kernelproof/{file}", [found.files[file]], count, used, took))
    whole = [found.files[file] for file in counts]
    total = sum(counts.values(), Counter[Status]())
    rows.append(_row("all", whole, total, used, sum(seconds.values())))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def _is_of(one: Judged, file: str) -> bool:
    return one.planted.mutant.file == file


def _row(
    name: str, of: Sequence[Of], count: Counter[Status], used: Sequence[Status], seconds: float
) -> list[str]:
    statements, branches = sum(one.statements for one in of), sum(one.branches for one in of)
    missing = sum(len(one.missing_lines) + len(one.missing_branches) for one in of)
    share = 100 * (statements + branches - missing) / (statements + branches)
    numbers = [str(statements), str(branches), f"{share:.1f} %", str(count.total())]
    return [name, *numbers, *(str(count[status] or "") for status in used), f"{seconds:.1f}"]


def gaps(found: Measured) -> list[str]:
    """The lines and branches that no test runs, by file."""
    told = []
    for name, file in found.files.items():
        lines = ", ".join(map(str, file.missing_lines))
        ways = ", ".join(f"{a} -> {b if b > 0 else 'exit'}" for a, b in file.missing_branches)
        parts = [f"lines {lines}"] if lines else []
        parts += [f"branches {ways}"] if ways else []
        if parts:
            told.append(f"not covered: pipeline/{name}: {'; '.join(parts)}")
    return told


def blocking(one: Judged) -> list[str]:
    """A mutant that blocks: its status and why, its diff, and the command that runs it alone."""
    mutant = one.planted.mutant
    before, after = one.planted.source.splitlines(), mutant.text.splitlines()
    lines = difflib.unified_diff(before, after, n=0, lineterm="")
    changed = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return [
        f"{one.status} {mutant.id} ({mutant.operator}, pipeline/{mutant.file}:{mutant.line})",
        f"  {one.why}",
        *(f"  {line}" for line in changed),
        f"  alone: nox -s judge -- --mutant {mutant.id}",
        "",
    ]


def detail(one: Judged) -> list[str]:
    """One mutant that was asked for by its id: what it changes, and the test that kills it."""
    return [*blocking(one)[:-2], *(f"  {killer.case}: {killer.reason}" for killer in one.killers)]


def summary(judged: Sequence[Judged]) -> str:
    """The score."""
    killed, of = score(judged)
    share = 100 * killed / of if of else 100.0
    return f"score: {killed} of {of} killed, {share:.1f} %; {len(judged) - of} equivalent by proof"


def as_json(
    found: Measured,
    judged: Sequence[Judged],
    seconds: Mapping[str, float],
    words: Mapping[str, Any],
) -> str:
    """The whole run: `words`, a record of each file and of each mutant."""
    killed, of = score(judged)
    whole = {
        "version": 1,
        **words,
        "score": {"killed": killed, "of": of},
        "statuses": dict(Counter(one.status for one in judged)),
        "files": [_file(name, found, judged) for name in found.files],
        "mutants": [_record(one, seconds.get(one.planted.mutant.id, 0)) for one in judged],
    }
    return json.dumps(whole, indent=1) + "\n"


def _file(name: str, found: Measured, judged: Sequence[Judged]) -> dict[str, Any]:
    of = found.files[name]
    return {
        "file": f"pipeline/kernelproof/{name}",
        **of.model_dump(exclude={"tests"}),
        "statuses": dict(Counter(one.status for one in judged if _is_of(one, name))),
    }


def _record(one: Judged, seconds: float) -> dict[str, Any]:
    mutant = one.planted.mutant
    return {
        "id": mutant.id,
        "file": f"pipeline/kernelproof/{mutant.file}",
        "line": mutant.line,
        "function": mutant.function,
        "operator": mutant.operator,
        "before": mutant.before,
        "after": mutant.after,
        "status": one.status,
        "why": one.why,
        "tests": len(one.answers),
        "seconds": seconds,
        "killed_by": [{"test": one.case, "reason": one.reason} for one in one.killers],
    }
