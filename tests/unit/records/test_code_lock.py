"""Locks of generated code: a line a comparison, and the committed one in step."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gemma4_routing.proof import SPEC
from kernelproof.checks.codegen.compile import backend_of, settings
from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.checks.codegen.judge import CodeVerdict, judge
from kernelproof.errors import BaselineError
from kernelproof.plan import matrix
from kernelproof.records import code_lock
from tests.unit.checks.codegen.codes import BUILD, lock_of
from tests.unit.records.stored_files import KINDS, reseal

NAME = f"{BUILD} sm_90"


def test_a_lock_has_a_line_for_each_comparison() -> None:
    """So that a diff shows what moved, and where."""
    lines = [line for line in code_lock.text(lock_of()).splitlines() if f'"{BUILD}' in line]
    names = [line.split('": ')[0].strip(' "') for line in lines]
    assert names == [BUILD, NAME, f"{BUILD} gfx942"]


# An edit of the file's data, to which the seal is made to fit, and what is said of it.
EDITS: dict[str, tuple[Callable[[Any], object], str]] = {
    "costs no mapping": (lambda data: data.update(costs=[]), "costs: input should be an object"),
    "a digest cut": (lambda data: data["costs"][NAME].update(sha256="ab"), "sha256: string should"),
    "a negative count": (
        lambda data: data["costs"][NAME].update(spills=-1),
        "spills: input should",
    ),
    "a count as text": (
        lambda data: data["costs"][NAME].update(spills="0"),
        "spills: input should",
    ),
    "no number": (
        lambda data: data["costs"][NAME].update(instructions_per_row=1e999),
        "finite number",
    ),
    "an unknown architecture": (
        lambda data: data["costs"].update({f"{BUILD} sm_91": data["costs"].pop(NAME)}),
        f"costs.{BUILD}.sm_91",
    ),
    "no architecture": (
        lambda data: data["costs"].update({BUILD: data["costs"].pop(NAME)}),
        f"costs.{BUILD}..",
    ),
    "other builds": (lambda data: data.update(builds={}), "costs of other builds than it lists"),
    "two lines": (lambda data: data.update(reason="a\nb"), "reason: string should match"),
}


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    """With the place of the first fault, though the seal fits."""
    wrong = []
    for name, (edit, said) in EDITS.items():
        KINDS["lock"].placed(tmp_path)
        reseal(KINDS["lock"], tmp_path, edit)
        with pytest.raises(BaselineError) as caught:
            KINDS["lock"].read(tmp_path)
        wrong += [] if said in str(caught.value) else [f"{name}: {caught.value}"]
    assert wrong == []


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
    """Those of matrix.yaml, without compiling anything; each build has one of each kind."""
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
