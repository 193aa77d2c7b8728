"""The words of a mutation run: tables by operator and by file, each blocking mutant, the score."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from kernelproof.files.text_table import aligned
from kernelproof.records.mutation_run import CoveredFile, KillingCase, MutantRecord, MutantStatus
from kernelproof.selftest.mutation.mutant_status import MutantVerdict, score

_DISTRIBUTION = re.compile(r"row [\d,]+ \((\w+)\)")
_ALL = "all"


def distribution(reason: str) -> str:
    """Returns the distribution of the first row that a case's reason names, or an empty string."""
    match = _DISTRIBUTION.search(reason)
    return match[1] if match else ""


def operator_table(verdicts: Sequence[MutantVerdict]) -> list[str]:
    """Returns a line for each operator, with a column for each status that occurs, and totals."""
    counts: dict[str, Counter[MutantStatus]] = {}
    for verdict in verdicts:
        counts.setdefault(verdict.mutant.operator, Counter())[verdict.status] += 1
    counts = {name: counts[name] for name in sorted(counts)} | {_ALL: _total(counts)}
    used = [status for status in MutantStatus if counts[_ALL][status]]
    rows = [["operator", *used, "all"]]
    rows += [[name, *_cells(count, used), str(count.total())] for name, count in counts.items()]
    return aligned(rows, right=range(1, len(rows[0])))


def file_table(files: Sequence[CoveredFile], verdicts: Sequence[MutantVerdict]) -> list[str]:
    """Returns a line for each file with statements: its coverage, statuses, seconds; and totals.

    The seconds are those of the processes of the file's mutants.
    """
    files = [file for file in files if file.statements]
    counts = {file.file: Counter[MutantStatus]() for file in files}
    for verdict in verdicts:
        counts[verdict.mutant.path][verdict.status] += 1
    used = [status for status in MutantStatus if _total(counts)[status]]
    rows = [["file", "statements", "branches", "covered", "mutants", *used, "seconds"]]
    parts = [(file.file, [file], counts[file.file]) for file in files]
    for name, covered, count in [*parts, (_ALL, files, _total(counts))]:
        statements = sum(file.statements for file in covered)
        branches = sum(file.branches for file in covered)
        gaps = sum(len(file.missing_lines) + len(file.missing_branches) for file in covered)
        share = 100 * (1 - gaps / (statements + branches))
        numbers = [str(statements), str(branches), f"{share:.1f} %", str(count.total())]
        seconds = sum(file.seconds for file in covered)
        rows.append([name, *numbers, *_cells(count, used), f"{seconds:.1f}"])
    return aligned(rows, right=range(1, len(rows[0])))


def _total(counts: Mapping[str, Counter[MutantStatus]]) -> Counter[MutantStatus]:
    return sum(counts.values(), Counter[MutantStatus]())


def _cells(count: Counter[MutantStatus], used: Sequence[MutantStatus]) -> list[str]:
    return [str(count[status] or "") for status in used]


def gaps(files: Sequence[CoveredFile]) -> Iterator[str]:
    """Yields a line for each file with lines or branches that no test runs."""
    for file in files:
        lines = ", ".join(map(str, file.missing_lines))
        ways = ", ".join(f"{a} -> {b if b > 0 else 'exit'}" for a, b in file.missing_branches)
        parts = [f"lines {lines}"] if lines else []
        parts += [f"branches {ways}"] if ways else []
        if parts:
            yield f"not covered: {file.file}: {'; '.join(parts)}"


def blocking(verdict: MutantVerdict) -> list[str]:
    """Returns a mutant's status, reason and diff, and the command that runs it alone."""
    target = "" if verdict.mutant.kernel else "--of verdicts "
    command = f"nox -s mutants -- {target}--mutant {verdict.mutant.id}"
    return [*_change(verdict), f"  alone: {command}", ""]


def detail(verdict: MutantVerdict) -> list[str]:
    """Returns a mutant's status and diff, and the outcome of each case, or of the killing tests."""
    lines = _change(verdict)
    for outcome in verdict.outcomes if verdict.mutant.kernel else verdict.kills:
        reason = f": {outcome.reason}".replace("\n", "\n  ") if outcome.reason else ""
        lines.append(f"  {outcome.outcome:7} {outcome.case} ({outcome.seconds:.1f} s){reason}")
    return lines


def _change(verdict: MutantVerdict) -> list[str]:
    mutant = verdict.mutant
    before, after = mutant.original.splitlines(), mutant.text.splitlines()
    lines = [*difflib.unified_diff(before, after, n=0, lineterm="")][2:]
    return [
        f"{verdict.status} {mutant.id} ({mutant.operator}, {mutant.path}:{mutant.line})",
        *(f"  {line}" for line in verdict.why.splitlines()),
        *(f"  {line}" for line in lines),
    ]


def kills_by_distribution(verdicts: Sequence[MutantVerdict]) -> str:
    """Returns how many kills were first seen in rows of each distribution."""
    killed = (verdict for verdict in verdicts if verdict.status == MutantStatus.KILLED)
    reasons = (distribution(verdict.kills[0].reason) for verdict in killed)
    names = Counter(name or "no row in particular" for name in reasons)
    counts = ", ".join(f"{name} {count}" for name, count in names.most_common())
    return f"first seen in rows of: {counts}"


def score_line(verdicts: Sequence[MutantVerdict]) -> str:
    """Returns the score, and how many mutants it leaves out."""
    result = score(verdicts)
    counts = Counter(verdict.status for verdict in verdicts)
    share = 100 * result.killed / result.of if result.of else 100.0
    equivalent, elsewhere = counts[MutantStatus.EQUIVALENT], counts[MutantStatus.OTHER_ROW]
    return (
        f"score: {result.killed} of {result.of} killed, {share:.1f} %; {equivalent} equivalent by "
        f"proof{f', {elsewhere} of another row' if elsewhere else ''}"
    )


def record_of(verdict: MutantVerdict) -> MutantRecord:
    """Returns the stored form of a verdict."""
    mutant = verdict.mutant
    names = ("id", "kernel", "line", "function", "operator", "source", "before", "after")
    return MutantRecord(
        **{name: getattr(mutant, name) for name in names},
        file=mutant.path,
        status=verdict.status,
        why=verdict.why,
        killed_by=[
            KillingCase(
                case=outcome.case,
                outcome=outcome.outcome,
                distribution=distribution(outcome.reason),
                reason=outcome.reason.split("\n")[0],
            )
            for outcome in verdict.kills
        ],
    )
