"""Compiled code: a refactoring stays `same`; each planted change of the code is caught.

One worker compiles the planted kernel and all its changed copies, a package each.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, judge
from kernelproof.plan.schema import Budget
from kernelproof.records.code_lock import CodeLock
from tests.unit.extending.tree import Tree, copy

PLANTED = Path(__file__).parent / "planted"
BACKENDS = {"sm_90": "cuda", "gfx942": "hip"}
ARCHITECTURES = [*BACKENDS]
LOAD = "        values = tl.load(values_ptr + row * stride_v + offs)\n"
# Edits of kernel.py that change no instruction.
REFACTORED = {
    "same": [],
    "renamed": [("_planted_kernel", "_other_kernel"), ("total", "accumulated"), ("offs", "o")],
    "commented": [(LOAD, f"        # every value once\n\n{LOAD}")],
    "moved": [("import triton\n", '_A = 1\n_B = """\n\n\n"""\n\nimport triton\n')],
    "wrapped": [
        ("@triton.jit\n", "@triton.jit\ndef _tied(bits, offs):\n    return (bits & -1024) | offs\n"
         "\n\n@triton.jit\n"),
        ("(total.to(tl.int32, bitcast=True) & -1024) | offs",
         "_tied(total.to(tl.int32, bitcast=True), offs)"),
    ],
}  # fmt: skip
# Edits of the kernel and its SPEC, and what must have moved by them.
PLANTS = {
    "load": ([("values * 0.7", "values * 0.7 + tl.load(sums_ptr + row * stride_v + offs)")],
             "classes.global_loads"),
    "wide": ([("(total.to(tl.int32, bitcast=True) & -1024) | offs",
               "(total.to(tl.int32, bitcast=True).to(tl.int64) << 32) | offs")],
             "instructions"),
    "doubled": ([("        total += values * 0.7\n",
                  "        total += values * 0.7\n        total += values * 0.3\n")],
                "instructions_per_row"),
    "spill": ([('"block": 256', '"block": 8192')], "spills"),
    "scalar": ([("stride_v + offs)", "stride_v + offs * 2)")], "load_widths.16"),
    "warps": ([('"num_warps": 1', '"num_warps": 2')], "num_warps"),
    "fused": ([('"fusion": False', '"fusion": True')], "settings.options.enable_fp_fusion"),
}  # fmt: skip


def _plant(tree: Tree, name: str, edits: list[tuple[str, str]]) -> None:
    """A package of the planted kernel with these edits, each of which must find its place."""
    folder = tree.root / "kernels" / name
    copy(PLANTED, folder)
    (folder / "spec.py").rename(folder / "__init__.py")
    files = [folder / "kernel.py", folder / "__init__.py"]
    for old, new in edits:
        assert any(old in file.read_text() for file in files), old
        for file in files:
            file.write_text(file.read_text().replace(old, new))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], CompiledBuild]:
    """What a worker answers, by package and architecture."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    for name, edits in REFACTORED.items():
        _plant(tree, name, edits)
    for name, (edits, _) in PLANTS.items():
        _plant(tree, name, edits)
    request = CompileRequest(
        kernels=[*REFACTORED, *PLANTS], architectures=ARCHITECTURES, store=str(tree.root / "store")
    )
    found = ask(request, root=tree.root, workers=2)
    return {(one.kernel, one.architecture): one for one in found}


def _judged(
    answers: dict[tuple[str, str], CompiledBuild], name: str, architecture: str, *budgets: Budget
) -> JudgedBuild:
    """The verdict on a copy, by the lock of the original."""
    original = answers["same", architecture]
    lock = CodeLock.model_validate(
        {
            "kernel": "planted",
            "reason": "the original",
            "date": "2026-11-23",
            "moved": "1 new",
            "moves": [],
            "toolchain": original.toolchain,
            "builds": {original.build: original.settings},
            "costs": {original.build: {architecture: original.costs}},
        }
    )
    (judged,) = judge([answers[name, architecture]], lock, budgets)
    return judged


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", REFACTORED)
def test_a_refactoring_is_same(
    answers: dict[tuple[str, str], CompiledBuild], name: str, architecture: str
) -> None:
    """Other names, comments, lines, a helper of its own; and every copy is in another folder."""
    judged = _judged(answers, name, architecture)
    build = answers["same", architecture].build
    assert build == f"fp32-N256-{BACKENDS[architecture]}"
    assert judged == JudgedBuild(build=build, architecture=architecture, verdict=CodeVerdict.SAME)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", [name for name in PLANTS if name != "spill"])
def test_a_change_is_caught(
    answers: dict[tuple[str, str], CompiledBuild], name: str, architecture: str
) -> None:
    """With the count that it moved, and upwards."""
    judged = _judged(answers, name, architecture)
    assert judged.verdict == CodeVerdict.CHANGED
    moved = {move.name: move for move in judged.moves}
    move = moved[PLANTS[name][1]]
    if name == "scalar":
        assert move == Move(name="load_widths.16", old=move.old, new=None)
    else:
        assert (move.new or 0) > (move.old or 0)  # type: ignore[operator]
    if name != "warps":
        assert "sha256" in moved


def test_a_spill_is_over_budget(answers: dict[tuple[str, str], CompiledBuild]) -> None:
    """More values than registers: stack, and loads and stores of local memory."""
    judged = _judged(answers, "spill", "sm_90", Budget(builds="*", max_spills=0))
    assert judged.verdict == CodeVerdict.OVER_BUDGET
    assert "spills, expected at most 0" in judged.reason
    moved = {move.name: move for move in judged.moves}
    assert moved["spills"].old == 0
    assert moved["classes.local"].new == moved["spills"].new


def test_twice_the_work_is_over_budget(answers: dict[tuple[str, str], CompiledBuild]) -> None:
    """Where the budget is what the kernel needs."""
    costs = answers["same", "sm_90"].costs
    assert costs is not None
    budget = Budget(builds="*", max_instructions_per_row=costs.instructions_per_row)
    assert _judged(answers, "same", "sm_90", budget).verdict == CodeVerdict.SAME
    assert _judged(answers, "doubled", "sm_90", budget).verdict == CodeVerdict.OVER_BUDGET


def test_line_info_and_the_folder_change_nothing(
    answers: dict[tuple[str, str], CompiledBuild], tmp_path: Path
) -> None:
    """A launch on a GPU has line info: its code is the locked one all the same."""
    tree = Tree.at(tmp_path / "elsewhere")
    _plant(tree, "same", [])
    request = CompileRequest(
        kernels=["same"], architectures=ARCHITECTURES, store=str(tmp_path / "store")
    )
    environment = {**os.environ, "TRITON_INTERPRET": "0", "TRITON_DISABLE_LINE_INFO": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "kernelproof.checks.codegen.compile", request.model_dump_json()],
        cwd=tree.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = [CompiledBuild.model_validate(json.loads(line)) for line in done.stdout.splitlines()]
    assert [one.costs for one in found] == [
        answers["same", architecture].costs for architecture in ARCHITECTURES
    ]
    assert all(one.costs for one in found)
