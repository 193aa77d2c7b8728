"""The layers of the package: each folder imports folders below it only, and few import torch."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from kernelproof.plan.repository import ROOT

PACKAGE = ROOT / "pipeline" / "kernelproof"
# From the bottom to the top; a loose file is a layer of its own.
LAYERS = [
    "escape",
    "errors",
    "files",
    "spec",
    "plan",
    "machine",
    "records",
    "measure",
    "run",
    "checks",
    "report",
    "doctor",
    "selftest",
    "sessions",
]
HEAVY = {"torch", "triton", "numpy"}
# Code that may import torch and Triton: a folder, or a file of one.
MEASURES = re.compile(
    r"measure/|run/(plugin|worker|device_pulse)|checks/parity/|checks/bench/race"
    r"|checks/worker|checks/perf/(ask|calibration|timing_worker)"
    r"|checks/codegen/(compile|launched_code)|selftest/.*(worker|kernel|launches|planted_errors)"
)


def imports_of(file: Path) -> Iterator[str]:
    """Yields the dotted names that a file imports outside of type checking."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_go_down_the_layers() -> None:
    """A folder imports folders below it; neither tests nor a kernel, whose proof it finds by name."""
    wrong = []
    for file in sorted(PACKAGE.rglob("*.py")):
        layer = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for name in imports_of(file):
            top, *inner = name.split(".")
            upward = top == "kernelproof" and LAYERS.index(inner[0]) > LAYERS.index(layer)
            if layer != "__init__" and (upward or top in {"tests", "gemma4_routing"}):
                wrong.append(f"{file.relative_to(PACKAGE)} imports {name}")
    assert wrong == []


def test_imports_have_no_circle() -> None:
    """The files of the package stand in an order in which each imports files before it."""
    files = {file: f"{file.relative_to(PACKAGE.parent).with_suffix('')}" for file in PACKAGE.rglob("*.py")}
    names = {file: name.replace("/", ".").removesuffix(".__init__") for file, name in files.items()}
    below = {
        name: {found for found in names.values() if found != name and _imports(file, found)}
        for file, name in names.items()
    }
    settled: set[str] = set()
    while ready := {name for name in below.keys() - settled if below[name] <= settled}:
        settled |= ready
    assert below.keys() - settled == set()


def _imports(file: Path, module: str) -> bool:
    return any(name == module or name.rpartition(".")[0] == module for name in imports_of(file))


def test_only_what_measures_imports_torch() -> None:
    """Planning, judging and reporting run on a machine without torch, Triton and numpy."""
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in sorted(PACKAGE.rglob("*.py"))
        for name in imports_of(file)
        if name.split(".")[0] in HEAVY and not MEASURES.match(str(file.relative_to(PACKAGE)))
    ]
    assert wrong == []


def test_a_kernel_stands_by_itself() -> None:
    """A kernel imports torch, Triton and its own files; its proof imports `spec` beside them."""
    wrong = []
    for file in sorted((ROOT / "kernels").rglob("*.py")):
        kernel, *inner = file.relative_to(ROOT / "kernels").parts
        is_proof = inner[0].removesuffix(".py") == "proof"
        for name in imports_of(file):
            is_stranger = name.split(".")[0] in {"kernelproof", "tests"}
            is_own_proof = name.startswith(f"{kernel}.proof")
            is_spec = name.startswith("kernelproof.spec.")
            if (is_stranger or is_own_proof) and not (is_proof and (is_spec or is_own_proof)):
                wrong.append(f"{file.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_commands_import_nothing_heavy() -> None:
    """Commands that plan, judge or ask for help import neither torch, nor Triton, nor numpy.

    In processes of their own, since this one has imported all three; all at once.
    """
    commands = [
        "-m noxfile",
        "-m kernelproof.report --help",
        "-m kernelproof.machine.hardware --row cpu",
        "-m kernelproof.plan.schedule --row h200",
        "-m kernelproof.machine.toolchain --help",
        "-m kernelproof.checks.codegen --help",
        "-m kernelproof.doctor --row cpu",
        "-m kernelproof.checks.bench --help",
        "-m kernelproof.selftest.mutation --list",
        "-m kernelproof.checks.perf --help",
        "-m kernelproof.selftest.sanitize --on cpu",
        "-m kernelproof.selftest.faults --help",
        "-m kernelproof.checks --help",
        "-m kernelproof.checks.perf.gate_card --help",
        "-m nox -l",
    ]
    path = os.pathsep.join(map(str, (PACKAGE.parent, ROOT / "kernels", ROOT)))
    processes = {
        command: subprocess.Popen(
            [sys.executable, "-X", "importtime", *command.split(" ")],
            cwd=ROOT,
            env={**os.environ, "NOX_SCRIPT_MODE": "none", "PYTHONPATH": path},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command in commands
    }
    wrong = []
    for command, process in processes.items():
        _, told = process.communicate(timeout=60)
        imported = set(re.findall(r"^import time:[^|]*\|[^|]*\| *(\S+)", told, re.MULTILINE))
        heavy = {name.partition(".")[0] for name in imported} & HEAVY
        if process.returncode or heavy or "kernelproof.plan.matrix" not in imported:
            wrong.append((command, process.returncode, heavy))
    assert wrong == []
