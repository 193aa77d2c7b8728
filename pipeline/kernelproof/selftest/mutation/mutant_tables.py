"""How a run of mutants is told: operators by status, what blocks, the score; and as JSON."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from kernelproof.records.mutation_run import Killer, Recorded, Run, Score, Status
from kernelproof.selftest.mutation.mutant_status import Judged, score

_DISTRIBUTION = re.compile(r"row [\d,]+ \((\w+)\)")


def distribution(reason: str) -> str:
    """The distribution of the first row that a case's reason is about, where it names one."""
    found = _DISTRIBUTION.search(reason)
    return found[1] if found else ""


def table(judged: Sequence[Judged]) -> list[str]:
    """A line for each operator, a column for each status that occurs, and their totals."""
    used = [status for status in Status if any(one.status == status for one in judged)]
    counts: dict[str, Counter[Status]] = {}
    for one in judged:
        counts.setdefault(one.planted.mutant.operator, Counter())[one.status] += 1
    total = Counter(one.status for one in judged)
    rows = [["operator", *used, "all"]]
    rows += [
        [name, *(str(count[status] or "") for status in used), str(count.total())]
        for name, count in [*sorted(counts.items()), ("all", total)]
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]


def blocking(one: Judged, source: str) -> list[str]:
    """A mutant that blocks: its status and why, its diff, and the command that runs it alone."""
    mutant = one.planted.mutant
    name = f"kernels/{one.planted.kernel}/{mutant.file}"
    lines = difflib.unified_diff(source.splitlines(), mutant.text.splitlines(), n=0, lineterm="")
    changed = [line for line in lines if not line.startswith(("---", "+++"))]
    return [
        f"{one.status} {mutant.id} ({mutant.operator}, {name}:{mutant.line})",
        f"  {one.why}",
        *(f"  {line}" for line in changed),
        f"  alone: nox -s mutants -- --mutant {mutant.id}",
        "",
    ]


def detail(one: Judged) -> list[str]:
    """One mutant that was asked for by its id: every case's word."""
    lines = [f"{one.status} {one.planted.mutant.id}: {one.why}"]
    for answer in one.answers:
        reason = f": {answer.reason}" if answer.reason else ""
        lines.append(f"  {answer.outcome:7} {answer.case} ({answer.seconds:.1f} s){reason}")
    return lines


def summary(judged: Sequence[Judged], cases: Sequence[str], minimal: Sequence[str]) -> list[str]:
    """The kills by distribution, the cases that are enough, and the score."""
    first = [one.killers[0].reason for one in judged if one.status == Status.KILLED]
    names = Counter(distribution(reason) or "no row in particular" for reason in first)
    killed, of = score(judged)
    elsewhere = sum(one.status == Status.OTHER_ROW for one in judged)
    share = 100 * killed / of if of else 100.0
    by = ", ".join(f"{name} {count}" for name, count in names.most_common())
    few = f"{len(minimal)} of {len(cases)} cases are enough: {', '.join(minimal)}"
    return [
        f"first seen in rows of: {by}",
        *([few] if minimal else []),
        f"score: {killed} of {of} killed, {share:.1f} %; {len(judged) - of - elsewhere} equivalent "
        f"by proof, {elsewhere} of another row",
    ]


def as_json(judged: Sequence[Judged], row: str, words: Mapping[str, Any]) -> str:
    """The whole run: `words`, which are the fields of `Run` that no mutant has, and each mutant."""
    killed, of = score(judged)
    run = Run(
        row=row,
        **words,
        score=Score(killed=killed, of=of),
        statuses=dict(Counter(one.status for one in judged)),
        mutants=[_recorded(one) for one in judged],
    )
    return run.model_dump_json(indent=1) + "\n"


def _recorded(one: Judged) -> Recorded:
    mutant = one.planted.mutant
    return Recorded(
        id=mutant.id,
        kernel=one.planted.kernel,
        file=f"kernels/{one.planted.kernel}/{mutant.file}",
        line=mutant.line,
        function=mutant.function,
        operator=mutant.operator,
        source=mutant.source,
        before=mutant.before,
        after=mutant.after,
        status=one.status,
        why=one.why,
        killed_by=[
            Killer(
                case=answer.case,
                outcome=answer.outcome,
                distribution=distribution(answer.reason),
                reason=answer.reason.split("\n")[0],
            )
            for answer in one.killers
        ],
    )
