"""Statuses of mutants and their reasons from made-up outcomes, the score, the minimal cases."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kernelproof.records.mutation_run import MutantStatus, Outcome
from kernelproof.selftest.mutation.mutant_messages import CaseOutcome
from kernelproof.selftest.mutation.mutant_status import judge, left_alive, minimal_cases, score
from tests.unit.selftest.mutation.made_mutants import made_mutant, made_outcomes, made_verdict

CPU = "interpreter"


@pytest.mark.parametrize(
    ("outcomes", "conclusion", "status", "why"),
    [
        (["pass", "pass"], "", "survived", "2 cases pass"),
        (["pass", "fail"], "", "killed", "case1: 9 differ"),
        (["error"], "", "killed", "case0: 9 differ"),
        (["crash", "pass"], "", "killed", "case0: 9 differ"),
        (["pass", "timeout", "timeout"], "", "timed out", "case1: 9 differ"),
        (["fail", "timeout"], "", "killed", "case0: 9 differ"),
        (["import"], "", "no build", "9 differ"),
        (["pass", "memory"], "", "survived", "case1: 9 differ; run it with fewer --workers"),
        (["memory", "fail"], "", "killed", "case1: 9 differ"),
        (["pass"], "equivalent", "equivalent", "so it is"),
        (["pass", "timeout"], "equivalent", "equivalent", "so it is"),
        (["fail"], "equivalent", "refuted", "case0: 9 differ; the proof said: so it is"),
        (["pass"], "needs gpu", "other row", "needs gpu: so it is"),
        (["fail"], "needs gpu", "killed", "case0: 9 differ"),
        (["pass"], "needs cpu", "survived", "1 cases pass"),
        (["pass"], "no row", "survived", "1 cases pass"),
    ],
)
def test_status_on_the_cpu(
    outcomes: Sequence[Outcome], conclusion: str, status: str, why: str
) -> None:
    """The outcomes of its cases decide, and its proof; the reason is one line."""
    named = {f"case{place}": outcome for place, outcome in enumerate(outcomes)}
    verdict = made_verdict("a", conclusion, **named)
    assert (verdict.status, verdict.why) == (status, why)


@pytest.mark.parametrize(
    ("backend", "conclusion", "of", "status"),
    [
        (CPU, "", None, "survived"),
        (CPU, "", "cuda", "other row"),
        ("cuda", "", "cuda", "survived"),
        ("hip", "", "cuda", "other row"),
        (CPU, "needs gpu", None, "other row"),
        ("cuda", "needs gpu", None, "survived"),
        ("cuda", "needs cpu", None, "other row"),
        (CPU, "needs hip", None, "other row"),
        ("cuda", "needs hip", None, "other row"),
        ("hip", "needs hip", None, "survived"),
        ("hip", "needs gpu", None, "survived"),
        ("cuda", "needs several gpus", None, "other row"),
        (CPU, "no row", None, "other row"),
    ],
)
def test_status_of_a_mutant_that_no_case_reaches(
    backend: str, conclusion: str, of: str | None, status: str
) -> None:
    """It blocks, unless its file or a proof says that another row runs it."""
    mutant = replace(made_mutant(conclusion=conclusion), backend=of)
    verdict = judge(mutant, [], backend=backend, is_reached=False)
    assert verdict.status == status
    if status == "survived":
        assert verdict.why == "no quick case reaches it: add one that does, or a question"
    elif not conclusion:
        assert verdict.why == "needs a cuda row: no other runs it"


def test_the_first_outcome_of_a_kind_is_told() -> None:
    """The first of several cases that are short of memory is told."""
    outcomes = [
        CaseOutcome(case=case, outcome="memory", reason=f"of {case}") for case in ("x", "y")
    ]
    verdict = judge(made_mutant(), outcomes, backend=CPU, is_reached=True)
    assert verdict.why == "x: of x; run it with fewer --workers"


def test_statuses_that_block() -> None:
    """All block but the killed, and those that need not be killed, here or at all."""
    blocking = {status for status in MutantStatus if status.blocks}
    assert blocking == {*MutantStatus} - {"killed", "equivalent", "other row"}


def test_score_leaves_out_proven_mutants() -> None:
    """All others count against it."""
    killed, survived = made_verdict(x="fail"), made_verdict(x="pass")
    late, broken = made_verdict(x="timeout"), made_verdict(x="import")
    proven = made_verdict(conclusion="equivalent", x="pass")
    result = score([killed, survived, late, broken, proven])
    assert (result.killed, result.of) == (1, 4)
    assert score([killed, proven]).of == 1


def test_minimal_cases_cover_every_kill() -> None:
    """The case that kills most comes first, the quicker one of equals; needless ones go."""
    verdicts = [
        made_verdict("a", x="fail", y="pass", z="fail"),
        made_verdict("b", x="fail", y="pass", z="crash"),
        made_verdict("c", x="pass", y="error", z="pass"),
        made_verdict("d", x="pass", y="pass", z="pass"),
    ]
    assert minimal_cases(verdicts, {"x": 1.0, "y": 9.0, "z": 0.5}) == ("y", "z")
    assert minimal_cases(verdicts, {"x": 0.5, "y": 9.0, "z": 1.0}) == ("x", "y")
    assert minimal_cases(verdicts[3:], {"x": 1.0}) == ()


def test_minimal_cases_drop_a_first_choice_made_in_vain() -> None:
    """The greedy first choice can be needless once the others are there."""
    verdicts = [
        made_verdict("a", x="fail", y="pass", z="fail"),
        made_verdict("b", x="fail", y="fail", z="pass"),
        made_verdict("c", x="fail", y="pass", z="fail"),
        made_verdict("d", x="fail", y="fail", z="pass"),
        made_verdict("e", x="pass", y="fail", z="pass"),
        made_verdict("f", x="pass", y="pass", z="fail"),
    ]
    assert minimal_cases(verdicts, {"x": 1.0, "y": 1.0, "z": 1.0}) == ("y", "z")


def test_killed_mutants_that_some_cases_leave_alive() -> None:
    """`left_alive` names the killed mutants that none of the given cases kills."""
    verdicts = [
        made_verdict("a", x="fail", y="pass"),
        made_verdict("b", x="pass", y="error"),
        made_verdict("c", x="pass", y="pass"),
        made_verdict("d", x="fail", y="fail"),
    ]
    alive = [left_alive(verdicts, cases) for cases in ((), ("x",), ("y",), ("x", "y"))]
    assert alive == [("a", "b", "d"), ("b",), ("a",), ()]


def test_kills_are_the_outcomes_that_show_a_mutant() -> None:
    """A case that passes, is late or is short of memory shows nothing."""
    outcomes: dict[str, Outcome] = {"p": "pass", "f": "fail", "t": "timeout", "m": "memory"}
    assert [kill.case for kill in made_verdict(**outcomes).kills] == ["f"]
    assert made_verdict(**outcomes).outcomes == tuple(made_outcomes(**outcomes))
