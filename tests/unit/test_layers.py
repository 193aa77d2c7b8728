"""The layers of the package: each folder imports folders below it only, and few import torch."""

import ast
from collections.abc import Iterator
from functools import cache

from kernelproof.plan.repository import ROOT
from tests.unit.python_process import lines_of

PACKAGE = ROOT / "pipeline" / "kernelproof"
KERNELS = ROOT / "kernels"
# From the bottom to the top; a loose file is a layer of its own.
LAYERS = [
    "__init__",
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
# Layers that measure; the others, and files of these names, do without torch, Triton and numpy.
HEAVY_LAYERS = {"measure", "run", "checks", "selftest"}
LIGHT_NAMES = {"__main__", "judge", "bless", "gate_card"}
HEAVY = {"torch", "triton", "numpy"}
# Commands that plan, judge or help: they run where none of the three is installed.
COMMANDS = [
    "report --help",
    "machine.hardware --row cpu",
    "machine.toolchain --help",
    "plan.schedule --row h200",
    "checks --help",
    "checks.bench --help",
    "checks.codegen --help",
    "checks.perf --help",
    "checks.perf.gate_card --help",
    "doctor --row cpu",
    "selftest.faults --help",
    "selftest.mutation --list",
    "selftest.sanitize --on cpu",
]


@cache
def imports() -> dict[str, list[str]]:
    """Returns the dotted names that each module of the package and of the kernels imports."""
    names = {}
    for source in (PACKAGE.parent, KERNELS):
        for file in sorted(source.rglob("*.py")):
            module = ".".join(file.relative_to(source).with_suffix("").parts)
            names[module] = list(_imports(ast.parse(file.read_text(encoding="utf-8"))))
    return names


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yields the names that a module imports, except for type checkers alone."""
    for_checkers = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for line in node.body
    }
    for node in ast.walk(tree):
        if node in for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def graph() -> dict[str, set[str]]:
    """Returns the modules of the package, and the heavy ones, that each of its modules imports."""
    names = {module: set(imported) for module, imported in imports().items()}
    modules = {module.removesuffix(".__init__"): module for module in names}
    edges: dict[str, set[str]] = {}
    for module, imported in names.items():
        targets = {name.rpartition(".")[0] if name not in modules else name for name in imported}
        edges[module] = {modules[name] for name in targets & modules.keys()} - {module}
        edges[module] |= {name.split(".")[0] for name in imported} & HEAVY
    return edges


@cache
def reached(module: str) -> set[str]:
    """Returns everything that importing a module imports."""
    modules, new = {module}, {module}
    while new := {name for module in new for name in graph().get(module, ())} - modules:
        modules |= new
    return modules


def layer_of(module: str) -> str:
    """Returns the folder of the package, or its loose file, that a dotted name is in."""
    return f"{module}.__init__".split(".")[1]


def is_light(module: str) -> bool:
    """Returns whether a module of the package plans, judges or reports, without torch."""
    return layer_of(module) not in HEAVY_LAYERS or module.rpartition(".")[2] in LIGHT_NAMES


def test_imports_go_down_the_layers() -> None:
    """A folder imports folders below it, and neither tests nor kernels by their names."""
    strangers = {"tests", *(folder.name for folder in KERNELS.iterdir())}
    wrong = []
    for module, names in imports().items():
        for name in names if module.startswith("kernelproof.") else ():
            top = name.split(".")[0]
            is_upward = top == "kernelproof" and (
                LAYERS.index(layer_of(name)) > LAYERS.index(layer_of(module))
            )
            if is_upward or top in strangers:
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_imports_have_no_circle() -> None:
    """No module imports itself, by whatever way."""
    circles = [
        module
        for module, below in graph().items()
        if any(module in reached(imported) for imported in below)
    ]
    assert circles == []


def test_planning_and_judging_reach_nothing_heavy() -> None:
    """No chain of imports leads from a file that plans, judges or reports to torch."""
    assert [
        f"{module} reaches {', '.join(sorted(heavy))}"
        for module in imports()
        if module.startswith("kernelproof.")
        and is_light(module)
        and (heavy := reached(module) & HEAVY)
    ] == []


def test_commands_run_without_torch() -> None:
    """Commands that plan, judge or ask for help run where torch, Triton and numpy are absent.

    They run in a process, since this one has imported all three; in one for all, to be quick.
    """
    script = f"""if True:
        import contextlib, io, runpy, sys
        sys.modules |= dict.fromkeys({sorted(HEAVY)})
        import noxfile
        for command in {COMMANDS}:
            module, *arguments = command.split()
            sys.argv[1:] = arguments
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    runpy.run_module(f"kernelproof.{{module}}", run_name="__main__")
            except SystemExit as exit:
                assert not exit.code, f"{{command}}: exit code {{exit.code}}"
    """
    lines_of(script)


def test_a_kernel_stands_by_itself() -> None:
    """A kernel imports torch, Triton and its own files; its proof imports `spec` beside them."""
    wrong = []
    for module, names in imports().items():
        kernel, *inner = module.split(".")
        for name in names if kernel != "kernelproof" else ():
            top, *parts = name.split(".")
            is_own_proof = top == kernel and parts[:1] == ["proof"]
            is_spec = top == "kernelproof" and parts[:1] == ["spec"]
            is_proof_only = top in {"kernelproof", "tests"} or is_own_proof
            if is_proof_only and not (inner[:1] == ["proof"] and (is_spec or is_own_proof)):
                wrong.append(f"{module} imports {name}")
    assert wrong == []
