"""Verdicts on generated code, from planted answers and locks."""

from typing import Any

import pytest

from kernelproof.checks.codegen.code_tables import drift_lines, report_lines, summary
from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, drift, judge
from kernelproof.plan.schema import Budget
from kernelproof.records.code_lock import BuildSettings, CodeCosts, CodeLock

TOOLS = {"triton": "3.6.0", "ptxas": "12.8"}
COSTS: dict[str, Any] = {
    "rows": 4,
    "num_warps": 1,
    "registers": 62,
    "stack": 0,
    "spills": 0,
    "shared": 256,
    "resident_warps": 32,
    "instructions": 1784,
    "instructions_per_row": 446.0,
    "bytes": 28544,
    "load_widths": {"16": 2},
    "store_widths": {"4": 2},
    "classes": {"alu": 813, "fma": 735},
    "kinds": {"FADD": 700, "FFMA": 35},
    "sha256": "a" * 64,
}
SETTINGS: dict[str, Any] = {
    "pointers": {"gating_ptr": "bf16"},
    "integers": {"num_tokens": 2048},
    "constants": {"E": 128, "IS_WIDE": False},
    "options": {"num_warps": 1, "enable_fp_fusion": False},
}
BUILD = "bf16-E128-K8-T2048"


def lock_of(**other: Any) -> CodeLock:
    """A lock of one build on two architectures."""
    return CodeLock.model_validate(
        {
            "kernel": "toy",
            "reason": "the first",
            "date": "2026-11-23",
            "moved": "2 new",
            "moves": [],
            "toolchain": TOOLS,
            "builds": {BUILD: SETTINGS},
            "costs": {BUILD: {"sm_90": COSTS, "gfx942": COSTS}},
            **other,
        }
    )


def found(architecture: str = "sm_90", **other: Any) -> CompiledBuild:
    """An answer of what is in the lock, but for some of its costs."""
    return CompiledBuild(
        kernel="toy",
        build=BUILD,
        architecture=architecture,
        toolchain=TOOLS,
        settings=BuildSettings.model_validate(SETTINGS),
        costs=CodeCosts.model_validate({**COSTS, **other}),
    )


def judged_one(
    answer: CompiledBuild, *budgets: Budget, lock: CodeLock | None = None
) -> JudgedBuild:
    """The verdict on one answer, by the whole lock where no other is given."""
    (judged,) = judge([answer], lock or lock_of(), budgets, is_whole=False)
    return judged


def test_the_same_is_same() -> None:
    """And nothing moved."""
    judged = judged_one(found(), Budget(builds="*", max_spills=0, max_instructions_per_row=446))
    assert (judged.verdict, judged.reason, judged.moves) == (CodeVerdict.SAME, "", ())


@pytest.mark.parametrize(
    ("costs", "moves"),
    [
        ({"registers": 64}, [Move(name="registers", old=62, new=64)]),
        ({"spills": 2}, [Move(name="spills", old=0, new=2)]),
        ({"num_warps": 4}, [Move(name="num_warps", old=1, new=4)]),
        (
            {"load_widths": {"4": 8}},
            [
                Move(name="load_widths.4", old=None, new=8),
                Move(name="load_widths.16", old=2, new=None),
            ],
        ),
        (
            {"kinds": {"FADD": 699, "FFMA": 36}},
            [Move(name="kinds.FADD", old=700, new=699), Move(name="kinds.FFMA", old=35, new=36)],
        ),
    ],
    ids=["registers", "spills", "warps", "widths", "kinds"],
)
def test_a_count_that_moved_is_changed(costs: dict[str, Any], moves: list[Move]) -> None:
    """With its name, old and new."""
    judged = judged_one(found(**costs))
    assert judged.verdict == CodeVerdict.CHANGED
    assert judged.reason == "the kernel, or how it is launched, compiles to other code"
    assert list(judged.moves) == moves


def test_other_code_of_the_same_counts_is_changed() -> None:
    """The hash alone tells."""
    judged = judged_one(found(sha256="b" * 64))
    assert judged.verdict == CodeVerdict.CHANGED
    assert judged.reason == "the same counts, but other instructions or another order"


def test_another_setting_is_changed() -> None:
    """Although the code is the same: False is not 0 either."""
    settings = {**SETTINGS, "constants": {"E": 128, "IS_WIDE": 0}}
    answer = found().model_copy(update={"settings": BuildSettings.model_validate(settings)})
    moved = [(move.name, move.old, move.new) for move in judged_one(answer).moves]
    assert moved == [("settings.constants.IS_WIDE", False, 0)]


def test_another_toolchain_is_told() -> None:
    """Instead of blaming the kernel; the same code stays the same."""
    lock = lock_of(toolchain={"triton": "3.5.1", "ptxas": "12.8"})
    assert judged_one(found(), lock=lock).verdict == CodeVerdict.SAME
    judged = judged_one(found(registers=64), lock=lock)
    assert judged.verdict == CodeVerdict.CHANGED
    said = "the toolchain is another one (triton 3.5.1 -> 3.6.0); that is no fault of the kernel"
    assert judged.reason == said


@pytest.mark.parametrize(
    ("budget", "costs", "reason"),
    [
        ({"max_spills": 0}, {"spills": 2}, "found 2 spills, expected at most 0"),
        (
            {"max_instructions_per_row": 445.5},
            {},
            "found 446 instructions per row, expected at most 445.5",
        ),
        (
            {"max_spills": 1, "max_instructions_per_row": 1},
            {"spills": 2},
            "found 2 spills, expected at most 1; "
            "found 446 instructions per row, expected at most 1",
        ),
    ],
    ids=["spills", "instructions", "both"],
)
def test_over_budget(budget: dict[str, Any], costs: dict[str, Any], reason: str) -> None:
    """Whatever the lock says, and only for the builds that the budget names."""
    answer = found(**costs)
    judged = judged_one(answer, Budget(builds="bf16-*", **budget))
    assert (judged.verdict, judged.reason) == (CodeVerdict.OVER_BUDGET, reason)
    other = judged_one(answer, Budget(builds="fp32-*", **budget))
    assert other.verdict == (CodeVerdict.CHANGED if costs else CodeVerdict.SAME)


def test_an_error_is_told() -> None:
    """In the compiler's words."""
    answer = found().model_copy(update={"costs": None, "error": "CompilationError: at 3:4"})
    judged = judged_one(answer)
    assert (judged.verdict, judged.reason) == (CodeVerdict.ERROR, "CompilationError: at 3:4")


def test_an_answer_of_nothing_is_an_error() -> None:
    """It has neither costs nor words."""
    judged = judged_one(found().model_copy(update={"costs": None}))
    assert (judged.verdict, judged.reason) == (CodeVerdict.ERROR, "no costs and no error")


def test_every_tool_that_is_another_is_told() -> None:
    """By name, those that came and those that went among them."""
    old = {"triton": "3.5.1", "ptxas": "12.8", "llvm": "19"}
    new = {"triton": "3.6.0", "ptxas": "12.8", "amdgcn": "7"}
    told = "amdgcn none -> 7, llvm 19 -> none, triton 3.5.1 -> 3.6.0"
    assert drift(old, new) == told
    assert drift(old, old) == ""


def test_the_words_of_the_verdicts() -> None:
    """As the README and the tables have them."""
    assert [*CodeVerdict] == ["same", "changed", "over-budget", "error", "missing"]


def test_no_line_is_missing() -> None:
    """Of one architecture, or of the whole lock."""
    assert judged_one(found("sm_80")).verdict == CodeVerdict.MISSING
    (judged,) = judge([found()], None, [])
    assert (judged.verdict, judged.reason) == (CodeVerdict.MISSING, "the lock has no line for it")


def test_a_line_that_nothing_answers_is_changed() -> None:
    """But not where only some were asked for."""
    same, gone = judge([found()], lock_of(), [])
    assert (same.verdict, gone.verdict) == (CodeVerdict.SAME, CodeVerdict.CHANGED)
    assert (gone.build, gone.architecture) == (BUILD, "gfx942")
    said = "it is in the lock, but no longer among the builds and architectures"
    assert gone.reason == said


def test_the_report_lines_a_change() -> None:
    """One an architecture, then the reason and the table."""
    judged = judge([found(registers=64), found("gfx942")], lock_of(), [])
    assert list(report_lines("toy", judged)) == [
        "toy  sm_90   1 changed",
        "toy  gfx942  1 same",
        f"\nchanged {BUILD} sm_90: the kernel, or how it is launched, compiles to other code",
        "    registers  62  -> 64",
    ]
    assert list(drift_lines(judged)) == [f"changed {BUILD} sm_90: registers 62 -> 64"]
    assert summary(judged) == "1 same, 1 changed"
