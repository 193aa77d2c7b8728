"""Compiled code: a refactoring stays `same`, and each planted change of the code is caught.

Workers compile the planted kernel and all its changed copies, a package each, at once. They are
processes, since the kernels of this one are interpreted.
"""

import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from gemma4_routing.proof import SPEC
from kernelproof.checks.codegen import compile as compile_worker
from kernelproof.checks.codegen.compile_request import CompileRequest, ask
from kernelproof.checks.codegen.disassembly import Disassembly
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, Move, judge
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Budget
from kernelproof.records.code_lock import CodeCosts
from kernelproof.spec import Build
from tests.unit.checks.codegen.codes import COSTS, TOOLS, lock_of

PLANTED = Path(__file__).parent / "planted"
ARCHITECTURES = ["sm_90", "gfx942"]
LOAD = "        values = tl.load(values_ptr + row * stride_v + offs)\n"
Edits = Sequence[tuple[str, str]]
# Edits of kernel.py that change no instruction.
REFACTORED: dict[str, Edits] = {
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
# Edits of the kernel and its SPEC, and the count that they move.
CHANGED: dict[str, tuple[Edits, str]] = {
    "load": ([("values * 0.7", "values * 0.7 + tl.load(sums_ptr + row * stride_v + offs)")],
             "classes.global_loads"),
    "wide": ([("(total.to(tl.int32, bitcast=True) & -1024) | offs",
               "(total.to(tl.int32, bitcast=True).to(tl.int64) << 32) | offs")],
             "instructions"),
    "doubled": ([("        total += values * 0.7\n",
                  "        total += values * 0.7\n        total += values * 0.3\n")],
                "instructions_per_row"),
    "scalar": ([("stride_v + offs)", "stride_v + offs * 2)")], "load_widths.16"),
    "warps": ([('"num_warps": 1', '"num_warps": 2')], "num_warps"),
    "fused": ([('"fusion": False', '"fusion": True')], "settings.options.enable_fp_fusion"),
}  # fmt: skip
SPILL: Edits = [('"block": 256', '"block": 8192')]
BROKEN: Edits = [("values * 0.7", "values * unknown_name")]


def _plant(root: Path, name: str, edits: Edits) -> None:
    """Writes a package of the planted kernel with these edits, each of which must fit."""
    folder = root / "kernels" / name
    shutil.copytree(PLANTED, folder, ignore=shutil.ignore_patterns("__pycache__"))
    files = [folder / "kernel.py", folder / "proof.py"]
    for old, new in edits:
        assert any(old in file.read_text() for file in files), old
        for file in files:
            file.write_text(file.read_text().replace(old, new))


class Workers:
    """The compiled builds of all packages, by package and architecture."""

    def __init__(self, root: Path) -> None:
        (root / "pipeline").symlink_to(ROOT / "pipeline")
        changed = {name: edits for name, (edits, _) in CHANGED.items()}
        packages = REFACTORED | changed | {"spill": SPILL, "broken": BROKEN}
        for name, edits in packages.items():
            _plant(root, name, edits)
        request = CompileRequest(
            kernels=[*packages], architectures=ARCHITECTURES, store=str(root / "store")
        )
        compiled = ask(request, root=root, workers=2)
        self.compiled = {(build.kernel, build.architecture): build for build in compiled}

    def judged(self, name: str, architecture: str, *budgets: Budget) -> JudgedBuild:
        """Returns the verdict on a package by the lock of the original."""
        original = self.compiled["same", architecture]
        lock = lock_of(
            toolchain=original.toolchain,
            builds={original.build: original.settings},
            costs={original.build: {architecture: original.costs}},
        )
        (judged,) = judge([self.compiled[name, architecture]], lock, budgets)
        return judged


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Workers:
    """All packages, compiled once."""
    return Workers(tmp_path_factory.mktemp("planted"))


def test_a_refactoring_is_same(workers: Workers) -> None:
    """Other names, comments, lines, folders and a helper function change no instruction."""
    for architecture, backend in zip(ARCHITECTURES, ("cuda", "hip"), strict=True):
        same = JudgedBuild(f"fp32-N256-{backend}", architecture, CodeVerdict.SAME)
        verdicts = {name: workers.judged(name, architecture) for name in REFACTORED}
        assert verdicts == dict.fromkeys(REFACTORED, same)


def _faults(workers: Workers, name: str, architecture: str) -> Iterator[str]:
    """Yields what is wrong with the verdict on a planted change: its count has to grow."""
    judged = workers.judged(name, architecture)
    moves = {move.name: move for move in judged.moves}
    count = CHANGED[name][1]
    move = moves.get(count, Move(name=count, old=0, new=0))
    if judged.verdict != CodeVerdict.CHANGED:
        yield f"{name} {architecture}: {judged.verdict}"
    old, new = (move.new, move.old) if name == "scalar" else (move.old, move.new)
    if not (new or 0) > (old or 0):  # type: ignore[operator]
        yield f"{name} {architecture}: {move}"
    if name != "warps" and "sha256" not in moves:
        yield f"{name} {architecture}: the same hash"


def test_a_change_is_caught(workers: Workers) -> None:
    """The count that it moves is among its moves."""
    wrong = [
        fault
        for name in CHANGED
        for architecture in ARCHITECTURES
        for fault in _faults(workers, name, architecture)
    ]
    assert wrong == []


def test_budgets_and_errors(workers: Workers) -> None:
    """More values than registers need stack, and loads and stores of local memory.

    A budget of just what the kernel needs is less than twice the work. An error has the compiler's
    message; the other kernels are compiled all the same.
    """
    judged = workers.judged("spill", "sm_90", Budget(builds="*", max_spills=0))
    assert judged.verdict == CodeVerdict.OVER_BUDGET
    assert "spills, expected at most 0" in judged.reason
    moves = {move.name: move for move in judged.moves}
    assert moves["spills"].old == 0
    assert moves["classes.local"].new == moves["spills"].new
    costs = workers.compiled["same", "sm_90"].costs
    assert costs is not None
    budget = Budget(builds="*", max_instructions_per_row=costs.instructions_per_row)
    assert workers.judged("same", "sm_90", budget).verdict == CodeVerdict.SAME
    assert workers.judged("doubled", "sm_90", budget).verdict == CodeVerdict.OVER_BUDGET
    judged = workers.judged("broken", "sm_90")
    assert judged.verdict == CodeVerdict.ERROR
    assert "unknown_name" in judged.reason


def test_compiled_code_comes_from_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found by source, settings and toolchain, and only if its text is there, too."""
    calls = []

    def compiled(build: Build, architecture: str) -> tuple[Disassembly, CodeCosts]:
        calls.append((build.name, architecture))
        return code, CodeCosts.model_validate({**COSTS, "sha256": code.sha256})

    code = Disassembly(lines=("EXIT",), registers=1, stack=0, bytes=16)
    monkeypatch.setattr(compile_worker, "compiled", compiled)
    build = replace(SPEC.builds[0], function=SimpleNamespace(cache_key="source"))
    edited = replace(build, function=SimpleNamespace(cache_key="other source"))
    for requested, tools in ((build, TOOLS), (build, TOOLS), (edited, TOOLS), (build, {})):
        costs = compile_worker.stored_or_compiled(requested, "sm_90", tools, tmp_path)
        assert costs.sha256 == code.sha256
    assert len(calls) == 3
    text = compile_worker.text_file(tmp_path, code.sha256)
    assert zlib.decompress(text.read_bytes()) == b"EXIT\n"
    text.unlink()
    compile_worker.stored_or_compiled(build, "sm_90", TOOLS, tmp_path)
    assert (len(calls), text.is_file()) == (4, True)
