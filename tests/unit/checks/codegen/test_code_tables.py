"""Verdicts on generated code as text: the lines of architectures, moves and drift."""

from kernelproof.checks.codegen.code_tables import drift_lines, report_lines, summary
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, judge
from tests.unit.checks.codegen.codes import BUILD, compiled, lock_of


def test_the_lines_of_a_change() -> None:
    """A line for each architecture, then the reason and a table of the moves, or missing lines."""
    judged = judge([compiled(registers=64), compiled("gfx942")], lock_of(), [])
    assert list(report_lines("toy", judged)) == [
        "toy  sm_90   1 changed",
        "toy  gfx942  1 same",
        f"\nchanged {BUILD} sm_90: the kernel, or how it is launched, compiles to other code",
        "    registers  62  -> 64",
    ]
    assert list(drift_lines(judged)) == [f"changed {BUILD} sm_90: registers 62 -> 64"]
    assert summary(judged) == "1 same, 1 changed"
    lines = list(report_lines("toy", judge([compiled(), compiled("sm_80")], None, [])))
    assert lines[-1] == f"missing: 2 lines of the lock, the first {BUILD} sm_90"


def _changed(count: int) -> list[JudgedBuild]:
    moves = (Move(name="bytes", old=1, new=2), Move(name="kinds.FADD", old=1, new=None))
    return [
        JudgedBuild(f"build{place}", "sm_90", CodeVerdict.CHANGED, "why", moves)
        for place in range(count)
    ]


def test_many_changes_are_short() -> None:
    """Single instructions are in two tables at most, and after six tables a build is a line."""
    two, three, eight = (list(report_lines("toy", _changed(count))) for count in (2, 3, 8))
    assert two.count("    kinds.FADD  1  -> none") == 2
    assert "kinds.FADD" not in "".join(three)
    assert eight.count("    bytes  1  -> 2") == 6
    assert eight[-3:] == ["", *(f"changed build{place} sm_90: bytes 1 -> 2" for place in (6, 7))]
