"""The floors of the house: imports go down only, and what plans or judges starts in a blink."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelproof.plan.repository import ROOT

# Each module's floor; the packages kernels, kernelproof.report and tests.cells have one throughout.
# What measures is on the floor of the kernels, which it runs.
FLOORS = {
    "kernelproof.sessions.reproduce": 3,
    "noxfile": 4,
    "kernelproof.checks": 3,
    "kernelproof.report": 3,
    "kernels": 2,
    "kernelproof.checks.bench": 1,
    "kernelproof.checks.bench.__main__": 3,
    "kernelproof.measure.contestants": 2,
    "kernelproof.checks.bench.race": 2,
    "kernelproof.measure.memory_watch": 2,
    "kernelproof.measure.clock": 2,
    "kernelproof.checks.codegen": 1,
    "kernelproof.checks.codegen.__main__": 3,
    "kernelproof.checks.codegen.compile": 2,
    "kernelproof.checks.codegen.launched_code": 2,
    "kernelproof.measure.comparison": 2,
    "kernelproof.measure.digest": 2,
    "kernelproof.measure.guarded_outputs": 2,
    "kernelproof.selftest.faults": 1,
    "kernelproof.selftest.faults.__main__": 3,
    "kernelproof.selftest.faults.faulty_kernel": 2,
    "kernelproof.selftest.verdict_mutation": 1,
    "kernelproof.selftest.verdict_mutation.__main__": 3,
    "kernelproof.measure.launch_capture": 2,
    "kernelproof.measure.torch_device": 2,
    "kernelproof.machine.gpu_monitor": 1,
    "kernelproof.selftest.mutation": 1,
    "kernelproof.selftest.mutation.__main__": 3,
    "kernelproof.selftest.mutation.kernel_worker": 3,
    "kernelproof.checks.perf": 1,
    "kernelproof.checks.perf.__main__": 3,
    "kernelproof.checks.perf.calibration": 2,
    "kernelproof.checks.perf.gate_card": 3,
    "kernelproof.measure.throttle_watch": 2,
    "kernelproof.checks.perf.timing_worker": 2,
    "kernelproof.selftest.sanitize": 1,
    "kernelproof.selftest.sanitize.__main__": 3,
    "kernelproof.selftest.sanitize.case_launches": 2,
    "kernelproof.selftest.sanitize.planted_errors": 2,
    "kernelproof.selftest.sanitize.sanitize_worker": 3,
    "kernelproof.sessions.bless": 1,
    "kernelproof.records.golden": 1,
    "kernelproof.machine.hardware": 1,
    "kernelproof.sessions.proposal": 1,
    "kernelproof.records.record_files": 1,
    "kernelproof.plan.schedule": 1,
    "kernelproof.machine.revision": 1,
    "kernelproof.machine.toolchain": 1,
    "kernelproof.checks.judge_plan": 1,
    "kernelproof.machine.worktree": 1,
    "kernelproof.files.safe_read": 0,
    "kernelproof.plan.cases": 0,
    "kernelproof.doctor": 1,
    "kernelproof.machine.gpus": 1,
    "kernelproof.files.yaml_document": 0,
    "kernelproof.errors": 0,
    "kernelproof.plan.matrix": 0,
    "kernelproof.escape": 0,
    "kernelproof.plan.schema": 0,
    "kernelproof.sessions.nox_processes": 0,
    "kernelproof.plan.value_types": 0,
    "kernelproof.files.fault_messages": 0,
    "pipeline": 0,
}
HEAVY = {"torch", "triton", "numpy", "scipy"}
OURS = {"kernels", "pipeline", "tests", "noxfile"}
FOLDERS = ("kernels", "pipeline", "tests/cells")
FILES = [
    ROOT / "noxfile.py",
    *(
        file
        for part in ("kernels", "pipeline", "tests")
        for file in sorted((ROOT / part).rglob("*.py"))
    ),
]


def _name(file: Path) -> str:
    """A file's name as a module."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    _name(file): file
    for folder in FOLDERS
    for file in (ROOT / "noxfile.py", *sorted((ROOT / folder).rglob("*.py")))
}


def _imports(module: str) -> Iterator[str]:
    """What a module imports, wherever in it: modules by their names, names by their modules."""
    file = MODULES[module]
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def _floor(module: str) -> int:
    """The floor of a module, or of the package that it is in."""
    while module not in FLOORS:
        module = module.rpartition(".")[0]
    return FLOORS[module]


def test_every_module_has_a_floor() -> None:
    """A new module of pipeline/ is given one here, and none stays that is gone."""
    alone = {name for name in MODULES if re.fullmatch(r"pipeline(\.\w+)?|noxfile", name)}
    assert alone - FLOORS.keys() == set()
    assert FLOORS.keys() - MODULES.keys() == set()


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """To a lower floor, or to a neighbour on the same one."""
    ours = {name for name in _imports(module) if name.partition(".")[0] in OURS}
    assert ours <= MODULES.keys()
    upward = {name for name in ours if _floor(name) > _floor(module)}
    assert upward == set()


def test_imports_have_no_circle() -> None:
    """Neighbours on a floor stand in an order too."""
    below = {name: {one for one in _imports(name) if one in MODULES} for name in MODULES}
    settled: set[str] = set()
    while ready := {name for name in below.keys() - settled if below[name] <= settled}:
        settled |= ready
    assert below.keys() - settled == set()


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("kernels")])
def test_a_kernel_stands_by_itself(module: str) -> None:
    """It imports neither the pipeline, nor tests, nor another kernel: it can be copied out."""
    own = ".".join(module.split(".")[:2])
    strangers = {
        name
        for name in _imports(module)
        if name.partition(".")[0] in OURS and name != "kernels" and not f"{name}.".startswith(own)
    }
    assert strangers == set()


@pytest.mark.parametrize("module", [name for name in MODULES if _floor(name) != 2])
def test_only_what_measures_imports_torch(module: str) -> None:
    """Beside the cells, which run it."""
    heavy = {name.partition(".")[0] for name in _imports(module)} & HEAVY
    assert heavy <= ({"torch"} if module.startswith("kernelproof.checks") else set())


def test_the_noxfile_reads_the_matrix_alone() -> None:
    """It starts processes, and knows nothing of what they do."""
    ours = {name for name in _imports("noxfile") if name.partition(".")[0] in OURS}
    assert {name for name in ours if _floor(name) > 0} == set()


@pytest.mark.parametrize(
    "command",
    [
        ["-c", "import noxfile"],
        ["-m", "kernelproof.report", "--help"],
        ["-m", "kernelproof.machine.hardware", "--row", "cpu"],
        ["-m", "kernelproof.plan.schedule", "--row", "h200"],
        ["-m", "kernelproof.machine.toolchain", "--help"],
        ["-m", "kernelproof.checks.codegen", "--help"],
        ["-m", "kernelproof.doctor", "--row", "cpu"],
        ["-m", "kernelproof.checks.bench", "--help"],
        ["-m", "kernelproof.selftest.mutation", "--list"],
        ["-m", "kernelproof.checks.perf", "--help"],
        ["-m", "kernelproof.selftest.sanitize", "--on", "cpu"],
        ["-m", "kernelproof.selftest.faults", "--help"],
        ["-m", "kernelproof.checks", "--help"],
        ["-m", "kernelproof.checks.perf.gate_card", "--help"],
        ["-m", "nox", "-l"],
    ],
    ids=" ".join,
)
def test_planning_imports_nothing_heavy(command: list[str]) -> None:
    """Python's own list of what a process imported has neither torch, nor Triton, nor numpy."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=ROOT,
        env={**os.environ, "NOX_SCRIPT_MODE": "none"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = set(re.findall(r"^import time:[^|]*\|[^|]*\| *(\S+)", done.stderr, re.MULTILINE))
    assert {"kernelproof.plan.matrix", "yaml"} <= imported
    assert {name.partition(".")[0] for name in imported} & HEAVY == set()


def _functions(file: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Every function of a file, methods and inner ones too, and whether Triton compiles it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            yield node, any(re.match(r"(triton\.)?jit\b", mark) for mark in marks)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_sizes(file: Path) -> None:
    """250 lines a file, 45 a function, 80 a jitted one; six parameters, jitted ones excepted."""
    assert len(file.read_text().splitlines()) <= 250
    too_long, too_wide = [], []
    for function, is_jitted in _functions(file):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > (80 if is_jitted else 45):
            too_long.append(f"{function.name}: {lines} lines")
        spec = function.args
        names = [one.arg for one in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
        if len([name for name in names if name not in {"self", "cls"}]) > 6 and not is_jitted:
            too_wide.append(f"{function.name}: {len(names)} parameters")
    assert (too_long, too_wide) == ([], [])


def test_a_file_is_named_by_its_noun() -> None:
    """What goes into a file of leftovers can be found by no name."""
    assert not {"utils", "util", "common", "helpers", "misc"} & {file.stem for file in FILES}
