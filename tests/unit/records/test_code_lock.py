"""Locks of generated code: a line a comparison, and the committed one in step."""

from pathlib import Path

from gemma4_routing.proof import SPEC
from kernelproof.checks.codegen.compile import backend_of, settings
from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.checks.codegen.judge import CodeVerdict, judge
from kernelproof.plan import matrix
from kernelproof.records import code_lock
from tests.unit.checks.codegen.codes import BUILD, COSTS, lock_of
from tests.unit.records.stored_files import Edit, wrong_refusals

NAME = f"{BUILD} sm_90"


def test_a_lock_has_a_line_for_each_comparison() -> None:
    """A lock has a line a build, and one for each of its architectures, so that diffs are clear."""
    lines = [line for line in code_lock.text(lock_of()).splitlines() if f'"{BUILD}' in line]
    names = [line.split('": ')[0].strip(' "') for line in lines]
    assert names == [BUILD, NAME, f"{BUILD} gfx942"]


PLACE = f"costs.{BUILD}.sm_90"
EDITS: list[Edit] = [
    (("costs",), [], "costs: input should be an object"),
    (("costs", NAME, "sha256"), "ab", f"{PLACE}.sha256: string should"),
    (("costs", NAME, "spills"), -1, f"{PLACE}.spills: input should"),
    (("costs", NAME, "spills"), "0", f"{PLACE}.spills: input should"),
    (("costs", NAME, "instructions_per_row"), 1e999, f"{PLACE}.instructions_per_row: input should"),
    (("costs", f"{BUILD} sm_91"), COSTS, f"costs.{BUILD}.sm_91"),
    (("costs", BUILD), COSTS, f"costs.{BUILD}.."),
    (("builds",), {}, "found costs of other builds than it lists"),
    (("reason",), "a\nb", "reason: string should match"),
]


def test_a_file_that_is_no_lock_is_refused(tmp_path: Path) -> None:
    """With the place of the first fault, though the seal fits."""
    assert wrong_refusals("lock", tmp_path, EDITS) == []


def test_the_committed_lock_is_in_step() -> None:
    """Each build of the SPEC, as it is launched, on each architecture of its backend."""
    lock = code_lock.read("gemma4_routing")
    assert lock is not None
    assert lock.builds == {build.name: settings(build) for build in SPEC.builds}
    architectures = matrix.load().architectures
    assert {name: set(costs) for name, costs in lock.costs.items()} == {
        build.name: {name for name in architectures if backend_of(name) == build.backend}
        for build in SPEC.builds
    }


def test_the_committed_lock_is_within_the_budgets() -> None:
    """The committed lock meets matrix.yaml's budgets; each E128 build has both kinds of budget."""
    lock = code_lock.read("gemma4_routing")
    budgets = matrix.load().kernels["gemma4_routing"].codegen
    assert lock is not None
    assert budgets is not None
    compiled = [
        CompiledBuild(
            kernel=lock.kernel,
            build=build,
            architecture=architecture,
            toolchain=lock.toolchain,
            settings=lock.builds[build],
            costs=costs,
        )
        for build, by_architecture in lock.costs.items()
        for architecture, costs in by_architecture.items()
    ]
    assert {judged.verdict for judged in judge(compiled, lock, budgets)} == {CodeVerdict.SAME}
    for build in (name for name in lock.builds if "-E128-" in name):
        covering = [budget for budget in budgets if budget.covers(build)]
        assert any(budget.max_spills is not None for budget in covering)
        assert any(budget.max_instructions_per_row is not None for budget in covering)
