"""Why a mutant has its status: the very words, which tell what to do next."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest

from kernelproof.records.mutation_run import Outcome, Status
from kernelproof.selftest.mutation.exchange_messages import Answer
from kernelproof.selftest.mutation.mutant_status import Judged, judge, left_alive
from tests.unit.selftest.test_mutants_judge import _planted


def _judged(
    answers: Sequence[Answer],
    proof: Literal["equivalent", "needs gpu"] | None = None,
    *,
    of: str | None = None,
    is_reached: bool = True,
) -> Judged:
    planted = replace(_planted(proof=proof), backend=of)
    return judge(planted, answers, backend="interpreter", is_reached=is_reached)


def _answer(outcome: Outcome) -> Answer:
    return Answer(case="one", outcome=outcome, reason="9 differ")


@pytest.mark.parametrize(
    ("answers", "of", "why"),
    [
        (["pass", "pass"], {}, "2 cases pass"),
        (["fail"], {}, "one: 9 differ"),
        (["import"], {}, "9 differ"),
        (["pass", "timeout"], {}, "one: 9 differ"),
        (["pass", "memory"], {}, "one: 9 differ; run it with fewer --workers"),
        (["fail"], {"proof": "equivalent"}, "one: 9 differ; the proof said: so it is"),
        (["pass"], {"proof": "equivalent"}, "so it is"),
        (["pass"], {"proof": "needs gpu"}, "needs gpu: so it is"),
        ([], {"of": "cuda", "is_reached": False}, "needs a cuda row: no other runs it"),
        (
            [],
            {"is_reached": False},
            "no quick case reaches it: add one that does, or a question",
        ),
    ],
)
def test_why(answers: list[Outcome], of: dict[str, Any], why: str) -> None:
    """In one line."""
    assert _judged([_answer(outcome) for outcome in answers], **of).why == why


def test_what_some_cases_leave_alive() -> None:
    """Of what is killed at all, by its id: those that none of them kills."""
    answers: dict[str, tuple[Outcome, Outcome]] = {
        "a": ("fail", "pass"),
        "b": ("pass", "error"),
        "c": ("pass", "pass"),
        "d": ("fail", "fail"),
    }
    found = [
        judge(
            _planted(name),
            [Answer(case="x", outcome=x), Answer(case="y", outcome=y)],
            backend="interpreter",
            is_reached=True,
        )
        for name, (x, y) in answers.items()
    ]
    alive = [left_alive(found, cases) for cases in ((), ("x",), ("y",), ("x", "y"))]
    assert alive == [("a", "b", "d"), ("b",), ("a",), ()]


@pytest.mark.parametrize("status", Status, ids=str)
def test_what_blocks(status: Status) -> None:
    """All but what was killed, and what need not be, here or at all."""
    assert status.blocks == (status not in {"killed", "equivalent", "other row"})
