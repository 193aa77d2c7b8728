"""Statuses of mutants from made-up outcomes, the score, the cases that are enough, the tables."""

import json
from collections.abc import Sequence
from typing import Literal

import pytest

from kernelproof.records.mutation_run import Outcome, Status
from kernelproof.selftest.mutation.exchange_messages import Answer
from kernelproof.selftest.mutation.kernel_coverage import is_reached
from kernelproof.selftest.mutation.kernel_mutants import Planted
from kernelproof.selftest.mutation.mutant import Edit, Mutant
from kernelproof.selftest.mutation.mutant_list import Proof
from kernelproof.selftest.mutation.mutant_status import Judged, enough, judge, score
from kernelproof.selftest.mutation.mutant_tables import (
    as_json,
    blocking,
    distribution,
    summary,
    table,
)

SOURCE = "def f(a, b):\n    return a + b\n"
Conclusion = Literal[
    "equivalent", "needs gpu", "needs hip", "needs several gpus", "needs cpu", "no row"
]


def _planted(
    name: str = "kernel.f.arithmetic.1",
    proof: Conclusion | None = None,
    backend: str | None = None,
) -> Planted:
    mutant = Mutant(
        id=name,
        file="kernel.py",
        function="f",
        line=2,
        operator="arithmetic",
        before="+",
        after="-",
        text=SOURCE.replace("+", "-"),
        edit=Edit(start=26, end=27, after="-"),
        place=(2, 11, 2, 16),
    )
    reasons = Proof.model_construct(concludes=proof, because="so it is") if proof else None
    return Planted(mutant=mutant, kernel="toy", source=SOURCE, backend=backend, proof=reasons)


def _answers(**outcomes: Outcome) -> list[Answer]:
    return [Answer(case=case, outcome=one, reason="why") for case, one in outcomes.items()]


def _judged(name: str, **outcomes: Outcome) -> Judged:
    return judge(_planted(name), _answers(**outcomes), backend="interpreter", is_reached=True)


@pytest.mark.parametrize(
    ("outcomes", "proof", "status"),
    [
        (["pass", "pass"], None, Status.SURVIVED),
        (["pass", "fail"], None, Status.KILLED),
        (["error"], None, Status.KILLED),
        (["crash", "pass"], None, Status.KILLED),
        (["pass", "timeout"], None, Status.TIMED_OUT),
        (["fail", "timeout"], None, Status.KILLED),
        (["import"], None, Status.NO_BUILD),
        (["pass", "memory"], None, Status.SURVIVED),
        (["memory", "fail"], None, Status.KILLED),
        (["pass"], "equivalent", Status.EQUIVALENT),
        (["pass", "timeout"], "equivalent", Status.EQUIVALENT),
        (["pass", "fail"], "equivalent", Status.REFUTED),
        (["pass"], "needs gpu", Status.OTHER_ROW),
        (["fail"], "needs gpu", Status.KILLED),
        (["pass"], "needs cpu", Status.SURVIVED),
        (["pass"], "no row", Status.SURVIVED),
    ],
)
def test_status_on_the_cpu(
    outcomes: Sequence[Outcome], proof: Conclusion | None, status: Status
) -> None:
    """Of the outcomes of its cases, and of a proof where it has one."""
    answers = _answers(**{f"case{i}": one for i, one in enumerate(outcomes)})
    one = judge(_planted(proof=proof), answers, backend="interpreter", is_reached=True)
    assert one.status == status


@pytest.mark.parametrize(
    ("backend", "proof", "of", "status"),
    [
        ("interpreter", None, None, Status.SURVIVED),
        ("interpreter", None, "cuda", Status.OTHER_ROW),
        ("cuda", None, "cuda", Status.SURVIVED),
        ("hip", None, "cuda", Status.OTHER_ROW),
        ("interpreter", "needs gpu", None, Status.OTHER_ROW),
        ("cuda", "needs gpu", None, Status.SURVIVED),
        ("cuda", "needs cpu", None, Status.OTHER_ROW),
        ("interpreter", "needs hip", None, Status.OTHER_ROW),
        ("cuda", "needs hip", None, Status.OTHER_ROW),
        ("hip", "needs hip", None, Status.SURVIVED),
        ("hip", "needs gpu", None, Status.SURVIVED),
        ("cuda", "needs several gpus", None, Status.OTHER_ROW),
        ("interpreter", "no row", None, Status.OTHER_ROW),
    ],
)
def test_status_of_what_no_case_reaches(
    backend: str, proof: Conclusion | None, of: str | None, status: Status
) -> None:
    """It blocks, unless its file or a proof says that another row runs it."""
    planted = _planted(proof=proof, backend=of)
    assert judge(planted, None, backend=backend, is_reached=False).status == status


def test_score_leaves_out_what_is_proven() -> None:
    """Everything else counts against it."""
    killed, survived = _judged("a", x="fail"), _judged("b", x="pass")
    late, broken = _judged("c", x="timeout"), _judged("d", x="import")
    proven = judge(
        _planted(proof="equivalent"), _answers(x="pass"), backend="cuda", is_reached=True
    )
    assert score([killed, survived, late, broken, proven]) == (1, 4)
    assert score([killed, proven]) == (1, 1)


def test_enough_covers_every_kill() -> None:
    """The case that kills most comes first, the quicker one of equals; needless ones go."""
    judged = [
        _judged("a", x="fail", y="pass", z="fail"),
        _judged("b", x="fail", y="pass", z="crash"),
        _judged("c", x="pass", y="error", z="pass"),
        _judged("d", x="pass", y="pass", z="pass"),
    ]
    assert enough(judged, {"x": 1.0, "y": 9.0, "z": 0.5}) == ("y", "z")
    assert enough(judged, {"x": 0.5, "y": 9.0, "z": 1.0}) == ("x", "y")
    assert enough(judged[3:], {"x": 1.0}) == ()


def test_enough_drops_what_was_chosen_first_in_vain() -> None:
    """The greedy first choice can be needless once the others are there."""
    judged = [
        _judged("a", x="fail", y="pass", z="fail"),
        _judged("b", x="fail", y="fail", z="pass"),
        _judged("c", x="fail", y="pass", z="fail"),
        _judged("d", x="fail", y="fail", z="pass"),
        _judged("e", x="pass", y="fail", z="pass"),
        _judged("f", x="pass", y="pass", z="fail"),
    ]
    assert enough(judged, {"x": 1.0, "y": 1.0, "z": 1.0}) == ("y", "z")


def test_reached_is_what_ran_within_the_node() -> None:
    """An instruction of the node's; one of another part of the line is not enough."""
    source = "def f(a, b):\n    return a and b + 1\n"
    mutant = _planted().mutant
    inner = Mutant(**{**vars(mutant), "place": (2, 17, 2, 22)})
    assert not is_reached(inner, {"kernel.py": [(2, 11, 2, 12)]}, source=source)
    assert is_reached(inner, {"kernel.py": [(2, 17, 2, 18)]}, source=source)
    assert not is_reached(inner, {}, source=source)


def test_folded_constant_is_reached_with_what_is_around_it() -> None:
    """No instruction is compiled of it alone; that of its function's definition is too large."""
    source = "def f(a):\n    return a in (1, 2)\n"
    mutant = Mutant(**{**vars(_planted().mutant), "place": (2, 17, 2, 18)})
    assert not is_reached(mutant, {"kernel.py": [(1, 0, 2, 22)]}, source=source)
    assert is_reached(mutant, {"kernel.py": [(2, 16, 2, 22)]}, source=source)


def test_tables_tell_what_blocks() -> None:
    """A count by operator and status, a diff, the command; and the score in words."""
    judged = [
        _judged("kernel.f.arithmetic.1", x="pass"),
        _judged("kernel.f.arithmetic.2", x="fail"),
    ]
    assert table(judged) == [
        "operator    killed  survived  all",
        "arithmetic       1         1    2",
        "all              1         1    2",
    ]
    assert blocking(judged[0], SOURCE) == [
        "survived kernel.f.arithmetic.1 (arithmetic, kernels/toy/kernel.py:2)",
        "  1 cases pass",
        "  @@ -2 +2 @@",
        "  -    return a + b",
        "  +    return a - b",
        "  alone: nox -s mutants -- --mutant kernel.f.arithmetic.1",
        "",
    ]
    assert summary(judged, ["x"], ["x"])[1:] == [
        "1 of 1 cases are enough: x",
        "score: 1 of 2 killed, 50.0 %; 0 equivalent by proof, 0 of another row",
    ]


def test_json_holds_every_mutant() -> None:
    """What it changes, what became of it, and by which cases."""
    words = {"seconds": 1.0, "cases": ["x", "y"], "enough": ["x"]}
    whole = json.loads(as_json([_judged("a", x="fail", y="pass")], "cpu", words))
    assert (whole["row"], whole["seconds"], whole["score"]) == ("cpu", 1.0, {"killed": 1, "of": 1})
    (one,) = whole["mutants"]
    killer = {"case": "x", "outcome": "fail", "distribution": "", "reason": "why"}
    assert (one["status"], one["before"], one["killed_by"]) == ("killed", "+", [killer])


def test_distribution_is_that_of_the_first_row() -> None:
    """As parity's messages name it."""
    assert distribution("ids: 3 differ\n  place 2: found 4; row 1,004 (one_nan): e0=0") == "one_nan"
    assert distribution("bounds: found 3 reads") == ""
