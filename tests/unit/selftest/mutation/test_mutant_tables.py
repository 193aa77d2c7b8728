"""The words of a mutation run: tables by operator and by file, blocking mutants, the score."""

from dataclasses import replace

from kernelproof.records.mutation_run import CoveredFile
from kernelproof.selftest.mutation.mutant_status import MutantVerdict
from kernelproof.selftest.mutation.mutant_tables import (
    blocking,
    detail,
    distribution,
    file_table,
    gaps,
    kills_by_distribution,
    operator_table,
    record_of,
    score_line,
)
from tests.unit.selftest.mutation.made_mutants import made_verdict

VERDICTS = [
    made_verdict("a.1", x="fail"),
    made_verdict("a.2", x="pass"),
    made_verdict("a.3", "equivalent", x="pass"),
]


def _file(name: str, statements: int, branches: int, *, is_covered: bool = True) -> CoveredFile:
    return CoveredFile(
        file=f"pipeline/kernelproof/{name}",
        statements=statements,
        branches=branches,
        missing_lines=[] if is_covered else [3, 4],
        missing_branches=[] if is_covered else [(2, 3), (4, -1)],
        seconds=3.25 if is_covered else 0,
    )


FILES = [_file("toy.py", 9, 1), _file("holed.py", 8, 2, is_covered=False), _file("empty.py", 0, 0)]


def _of_verdicts(verdict: MutantVerdict) -> MutantVerdict:
    """Returns the same of a file of the package."""
    return replace(verdict, mutant=replace(verdict.mutant, file="toy.py", kernel=""))


def test_a_line_for_each_operator() -> None:
    """Its statuses that occur, and the totals."""
    assert [line.split() for line in operator_table(VERDICTS)] == [
        ["operator", "killed", "survived", "equivalent", "all"],
        ["arithmetic", "1", "1", "1", "3"],
        ["all", "1", "1", "1", "3"],
    ]


def test_a_line_for_each_file() -> None:
    """Its coverage and mutants, the statuses that occur, and the totals; none for an empty file."""
    head, *lines = file_table(FILES, [_of_verdicts(verdict) for verdict in VERDICTS])
    columns = ["file", "statements", "branches", "covered", "mutants"]
    assert head.split() == [*columns, "killed", "survived", "equivalent", "seconds"]
    toy, holed = ("pipeline/kernelproof/toy.py", "pipeline/kernelproof/holed.py")
    assert [line.split() for line in lines] == [
        [toy, "9", "1", "100.0", "%", "3", "1", "1", "1", "3.2"],
        [holed, "8", "2", "60.0", "%", "0", "0.0"],
        ["all", "17", "3", "80.0", "%", "3", "1", "1", "1", "3.2"],
    ]


def test_lines_and_branches_that_no_test_runs_are_named() -> None:
    """`gaps` names uncovered lines by their numbers, and uncovered branches by both ends."""
    line = "not covered: pipeline/kernelproof/holed.py: lines 3, 4; branches 2 -> 3, 4 -> exit"
    assert [*gaps(FILES)] == [line]
    lines = FILES[1].model_copy(update={"missing_branches": []})
    ways = FILES[1].model_copy(update={"missing_lines": []})
    assert [text.partition("py: ")[2] for text in gaps([lines, ways])] == [
        "lines 3, 4",
        "branches 2 -> 3, 4 -> exit",
    ]


def test_a_blocking_mutant_is_shown_with_its_command() -> None:
    """It shows status, place, reason and diff; `detail` shows its cases or the killing tests."""
    diff = ["  @@ -2 +2 @@", "  -    return a + b", "  +    return a - b"]
    place = "(arithmetic, kernels/toy/kernel.py:2)"
    assert blocking(VERDICTS[1]) == [
        f"survived a.2 {place}",
        "  1 cases pass",
        *diff,
        "  alone: nox -s mutants -- --mutant a.2",
        "",
    ]
    why = "  fail    x (0.0 s): 9 differ"
    assert detail(VERDICTS[0]) == [f"killed a.1 {place}", "  x: 9 differ", *diff, why]
    lines = blocking(_of_verdicts(VERDICTS[1]))
    assert lines[0] == "survived a.2 (arithmetic, pipeline/kernelproof/toy.py:2)"
    assert lines[-2] == "  alone: nox -s mutants -- --of verdicts --mutant a.2"
    *lines, last = detail(_of_verdicts(made_verdict("b", x="pass", y="fail")))
    assert last == "  fail    y (0.0 s): 9 differ"
    assert not any("pass" in line for line in lines)


def test_the_summary() -> None:
    """Kills by the distribution that is first seen, and the score without proven mutants."""
    assert kills_by_distribution(VERDICTS) == "first seen in rows of: no row in particular 1"
    assert score_line(VERDICTS) == "score: 1 of 2 killed, 50.0 %; 1 equivalent by proof"
    assert score_line([]) == "score: 0 of 0 killed, 100.0 %; 0 equivalent by proof"
    elsewhere = made_verdict("d", "needs gpu", x="pass")
    assert score_line([elsewhere]).endswith("; 0 equivalent by proof, 1 of another row")
    assert distribution("ids: 3 differ\n  place 2: found 4; row 1,004 (one_nan): e0=0") == "one_nan"
    assert distribution("bounds: found 3 reads") == ""


def test_the_record_of_a_mutant() -> None:
    """The place, the change, the status, and the cases that kill it."""
    record = record_of(made_verdict("a", x="fail", y="pass"))
    assert (record.file, record.status) == ("kernels/toy/kernel.py", "killed")
    assert (record.before, record.after) == ("+", "-")
    killer = {"case": "x", "outcome": "fail", "distribution": "", "reason": "9 differ"}
    assert [case.model_dump() for case in record.killed_by] == [killer]
