"""Verdicts on generated code, from planted builds and locks."""

from typing import Any

from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, drift, judge
from kernelproof.plan.schema import Budget
from kernelproof.records.code_lock import BuildSettings, CodeLock
from tests.unit.checks.codegen.codes import BUILD, COSTS, SETTINGS, compiled, lock_of


def judged_by(lock: CodeLock | None, *budgets: Budget, **costs: Any) -> JudgedBuild:
    """Returns the verdict on one build with these costs."""
    (judged,) = judge([compiled(**costs)], lock, budgets, is_whole=False)
    return judged


def test_the_same_code() -> None:
    """It has no reason and no moves; counts may be as high as their budgets."""
    budget = Budget(builds="*", max_spills=0, max_instructions_per_row=446)
    assert judged_by(lock_of(), budget) == JudgedBuild(BUILD, "sm_90", CodeVerdict.SAME)


def test_a_count_that_moved() -> None:
    """The code is changed; each move has its name, old and new."""
    moved: tuple[tuple[dict[str, Any], list[tuple[str, Any, Any]]], ...] = (
        ({"registers": 64}, [("registers", 62, 64)]),
        ({"spills": 2}, [("spills", 0, 2)]),
        ({"num_warps": 4}, [("num_warps", 1, 4)]),
        ({"load_widths": {"4": 8}}, [("load_widths.4", None, 8), ("load_widths.16", 2, None)]),
        ({"kinds": {"FADD": 699, "FFMA": 36}}, [("kinds.FADD", 700, 699), ("kinds.FFMA", 35, 36)]),
    )
    for costs, moves in moved:
        judged = judged_by(lock_of(), **costs)
        assert judged.verdict == CodeVerdict.CHANGED
        assert judged.reason == "the kernel, or how it is launched, compiles to other code"
        assert judged.moves == tuple(Move(name=name, old=old, new=new) for name, old, new in moves)


def test_other_code_of_the_same_counts() -> None:
    """The hash alone shows it, or a setting that moved: False is not 0 either."""
    judged = judged_by(lock_of(), sha256="b" * 64)
    assert judged.verdict == CodeVerdict.CHANGED
    assert judged.reason == "the same counts, but other instructions or another order"
    settings = {**SETTINGS, "constants": {"E": 128, "IS_WIDE": 0}}
    build = compiled().model_copy(update={"settings": BuildSettings.model_validate(settings)})
    (judged,) = judge([build], lock_of(), [], is_whole=False)
    assert judged.moves == (Move(name="settings.constants.IS_WIDE", old=False, new=0),)
    assert judged.moves[0].old is False


def test_another_toolchain() -> None:
    """It is to blame for other code, and not the kernel; the same code stays the same.

    Every tool of another version is named; a tool may also come or go.
    """
    lock = lock_of(toolchain={"triton": "3.5.1", "ptxas": "12.8"})
    assert judged_by(lock).verdict == CodeVerdict.SAME
    judged = judged_by(lock, registers=64)
    assert judged.verdict == CodeVerdict.CHANGED
    assert "(triton 3.5.1 -> 3.6.0); that is no fault of the kernel" in judged.reason
    assert judged.reason.startswith("the toolchain is another one ")
    old = {"triton": "3.5.1", "ptxas": "12.8", "llvm": "19"}
    new = {"triton": "3.6.0", "ptxas": "12.8", "amdgcn": "7"}
    assert drift(old, new) == "amdgcn none -> 7, llvm 19 -> none, triton 3.5.1 -> 3.6.0"
    assert drift(old, old) == ""
    changes = drift({}, dict.fromkeys("hgfedcba", "1")).split(", ")
    assert changes == [f"{name} none -> 1" for name in "abcdefgh"]


def test_over_budget() -> None:
    """It outweighs the lock, and holds only for the builds that the budget names."""
    spills = "found 2 spills, expected at most"
    rows = "found 446 instructions per row, expected at most"
    over: tuple[tuple[dict[str, Any], dict[str, int], str], ...] = (
        ({"max_spills": 0}, {"spills": 2}, f"{spills} 0"),
        ({"max_instructions_per_row": 445.5}, {}, f"{rows} 445.5"),
        ({"max_spills": 1, "max_instructions_per_row": 1}, {"spills": 2}, f"{spills} 1; {rows} 1"),
    )
    for budget, costs, reason in over:
        judged = judged_by(lock_of(), Budget(builds="fp32-*", **budget), **costs)
        assert (judged.verdict, judged.reason) == (CodeVerdict.OVER_BUDGET, reason)
        assert [move.name for move in judged.moves] == list(costs)
        without = judged_by(lock_of(), Budget(builds="bf16-*", **budget), **costs)
        assert without.verdict == (CodeVerdict.CHANGED if costs else CodeVerdict.SAME)


def test_an_error() -> None:
    """The reason is the compiler's message; a build with neither costs nor message is one, too."""
    errors = {"CompilationError: at 3:4": "CompilationError: at 3:4", None: "no costs and no error"}
    for error, reason in errors.items():
        build = compiled().model_copy(update={"costs": None, "error": error})
        (judged,) = judge([build], lock_of(), [], is_whole=False)
        assert (judged.verdict, judged.reason) == (CodeVerdict.ERROR, reason)


def test_the_words_of_the_verdicts() -> None:
    """The README and the tables have the same."""
    assert [*CodeVerdict] == ["same", "changed", "over-budget", "error", "missing"]


def test_no_line_is_missing() -> None:
    """The lock may lack the line of an architecture, or there may be no lock."""
    for lock in (lock_of(costs={BUILD: {"gfx942": COSTS}}), lock_of(costs={BUILD: {}}), None):
        judged = judged_by(lock)
        assert judged.verdict == CodeVerdict.MISSING
        assert judged.reason == "the lock has no line for it"


def test_a_line_without_a_build() -> None:
    """The code is changed, unless only some builds were requested."""
    same, gone = judge([compiled()], lock_of(), [])
    assert (same.verdict, gone.verdict) == (CodeVerdict.SAME, CodeVerdict.CHANGED)
    assert (gone.build, gone.architecture) == (BUILD, "gfx942")
    assert "in the lock, but no longer among the builds" in gone.reason
    assert [build.architecture for build in judge([compiled()], None, [])] == ["sm_90"]
