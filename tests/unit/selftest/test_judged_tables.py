"""How the judge's own judgement is told: files, gaps, what blocks, the score, the record."""

import json

from kernelproof.records.mutation_run import Outcome
from kernelproof.selftest.mutation.exchange_messages import Answer
from kernelproof.selftest.mutation.kernel_mutants import Planted
from kernelproof.selftest.mutation.mutant import Edit, Mutant
from kernelproof.selftest.mutation.mutant_list import Proof
from kernelproof.selftest.mutation.mutant_status import Judged, judge
from kernelproof.selftest.verdict_mutation.test_coverage import Measured, Of
from kernelproof.selftest.verdict_mutation.verdict_tables import (
    as_json,
    blocking,
    detail,
    gaps,
    summary,
    table,
)

SOURCE = "def f(a, b):\n    return a + b\n"
WHOLE = Of(statements=9, branches=1, missing_lines=[], missing_branches=[], tests={2: [0]})
HOLED = Of(
    statements=8, branches=2, missing_lines=[3, 4], missing_branches=[(2, 3), (4, -1)], tests={}
)
EMPTY = Of(statements=0, branches=0, missing_lines=[], missing_branches=[], tests={})
FILES = {"toy.py": WHOLE, "holed.py": HOLED, "__init__.py": EMPTY}
FOUND = Measured(seconds={"test_toy.py::test": 0.5}, failed={}, files=FILES)
SECONDS = {"toy.f.arithmetic.1": 1.25, "toy.f.arithmetic.2": 2.0}


def _judged(number: int, outcome: Outcome = "pass", *, is_proven: bool = False) -> Judged:
    mutant = Mutant(
        id=f"toy.f.arithmetic.{number}",
        file="toy.py",
        function="f",
        line=2,
        operator="arithmetic",
        before="+",
        after="-",
        text=SOURCE.replace("+", "-"),
        edit=Edit(start=26, end=27, after="-"),
    )
    proof = Proof.model_construct(concludes="equivalent", because="so it is") if is_proven else None
    planted = Planted(mutant=mutant, kernel="", source=SOURCE, proof=proof)
    answer = Answer(case="test_toy.py::test", outcome=outcome, reason="assert 1 == 2")
    return judge(planted, [answer], backend="interpreter", is_reached=True)


def test_a_line_for_each_file() -> None:
    """Its coverage and mutants, the statuses that occur, and the whole; none for an empty file."""
    judged = [_judged(1, "fail"), _judged(2), _judged(3, is_proven=True)]
    head, *lines = table(FOUND, judged, SECONDS)
    columns = ["file", "statements", "branches", "covered", "mutants"]
    assert head.split() == [*columns, "killed", "survived", "equivalent", "seconds"]
    assert [line.split() for line in lines] == [
        ["pipeline/toy.py", "9", "1", "100.0", "%", "3", "1", "1", "1", "3.2"],
        ["pipeline/holed.py", "8", "2", "60.0", "%", "0", "0.0"],
        ["all", "17", "3", "80.0", "%", "3", "1", "1", "1", "3.2"],
    ]
    assert {len(line) for line in lines} == {len(head)}


def test_what_no_test_runs_is_named() -> None:
    """By the numbers of lines, and of branches by both ends."""
    told = "not covered: pipeline/holed.py: lines 3, 4; branches 2 -> 3, 4 -> exit"
    assert gaps(FOUND) == [told]


def test_what_blocks_is_shown_with_its_command() -> None:
    """The change without its surroundings; in detail the test that kills it."""
    lines = [
        "  -    return a + b",
        "  +    return a - b",
        "  alone: nox -s judge -- --mutant toy.f.arithmetic.1",
        "",
    ]
    head = "toy.f.arithmetic.1 (arithmetic, pipeline/toy.py:2)"
    assert blocking(_judged(1)) == [f"survived {head}", "  1 cases pass", *lines]
    why = "  test_toy.py::test: assert 1 == 2"
    assert detail(_judged(1, "fail")) == [f"killed {head}", why, *lines[:2], why]


def test_the_score() -> None:
    """Of all but the proven ones; a whole one where nothing has to be killed."""
    judged = [_judged(1, "fail"), _judged(2), _judged(3, is_proven=True)]
    assert summary(judged) == "score: 1 of 2 killed, 50.0 %; 1 equivalent by proof"
    assert summary([]) == "score: 0 of 0 killed, 100.0 %; 0 equivalent by proof"


def test_json_holds_every_file_and_mutant() -> None:
    """What is missing, what was changed, and by which test it is seen."""
    judged = [_judged(1, "fail"), _judged(2)]
    whole = json.loads(as_json(FOUND, judged, SECONDS, {"commit": "c"}))
    assert (whole["version"], whole["commit"]) == (1, "c")
    assert whole["score"] == {"killed": 1, "of": 2}
    assert whole["files"][1] == {
        "file": "pipeline/holed.py",
        "statements": 8,
        "branches": 2,
        "missing_lines": [3, 4],
        "missing_branches": [[2, 3], [4, -1]],
        "statuses": {},
    }
    one, other = whole["mutants"]
    assert (one["status"], one["seconds"], one["tests"]) == ("killed", 1.25, 1)
    assert one["killed_by"] == [{"test": "test_toy.py::test", "reason": "assert 1 == 2"}]
    assert (other["status"], other["killed_by"]) == ("survived", [])
