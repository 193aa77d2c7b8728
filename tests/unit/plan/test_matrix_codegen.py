"""Architectures and budgets of generated code in a matrix file."""

from pathlib import Path

import pytest

from kernelproof.checks.codegen.instruction_costs import UNITS
from kernelproof.plan import matrix
from kernelproof.plan.schema import Budget
from tests.unit.plan.test_matrix import SMALL, faults, read

GOOD = SMALL.replace(
    "skips: []",
    '    codegen: [{builds: "fp32-*", max_spills: 0}]\narchitectures: [sm_90, gfx942]\nskips: []',
)
ARCHITECTURES = (
    "'sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'sm_120', 'gfx90a', 'gfx942' or 'gfx950'"
)


def test_budgets_are_read(tmp_path: Path) -> None:
    """As they stand there."""
    plan = read(tmp_path, GOOD)
    assert plan.architectures == ["sm_90", "gfx942"]
    assert plan.kernels["toy"].codegen == [Budget(builds="fp32-*", max_spills=0)]


def test_a_kernel_needs_no_budgets(tmp_path: Path) -> None:
    """Then its code is not locked."""
    plan = read(tmp_path, SMALL)
    assert (plan.architectures, plan.kernels["toy"].codegen) == ([], None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "[sm_90, gfx942]",
            "[sm_90, gfx941]",
            f"32:24: architectures[1]: found text 'gfx941', expected {ARCHITECTURES}; "
            "did you mean 'gfx942'?",
        ),
        (
            "max_spills: 0",
            "max_spills: -1",
            "31:46: kernels.toy.codegen[0].max_spills: found int '-1', expected at least 0",
        ),
        (
            "max_spills: 0",
            "max_spils: 0",
            "31:34: kernels.toy.codegen[0].max_spils: found unknown key 'max_spils', expected one "
            "of builds, max_spills, max_instructions_per_row; did you mean 'max_spills'?",
        ),
    ],
    ids=["architecture", "budget", "key"],
)
def test_a_fault_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """With its place and the likely word."""
    assert faults(tmp_path, GOOD.replace(old, new)) == told


@pytest.mark.parametrize(
    ("builds", "covered"),
    [("*", True), ("fp32-E128-*", True), ("[bf]*16-E128-*", False), ("fp32-E128", False)],
)
def test_a_budget_covers_builds_of_its_pattern(builds: str, *, covered: bool) -> None:
    """The whole name."""
    assert Budget(builds=builds).covers("fp32-E128-K8-T2048") is covered


def test_every_architecture_has_its_unit() -> None:
    """The bound on resident warps is known for each that a matrix may name."""
    assert list(UNITS) == matrix.load().architectures
