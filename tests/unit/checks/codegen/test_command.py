"""The command and the blessing of generated code, with a compiler of made-up code.

The compiler's worker processes are those of `test_compile`; here they would add nothing.
"""

import json
import re
import shutil
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.codegen import __main__ as command
from kernelproof.checks.codegen import bless, code_diff
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest
from kernelproof.checks.codegen.disassembly import Disassembly
from kernelproof.errors import RefusedError, UsageError, run_command
from kernelproof.machine import toolchain
from kernelproof.plan import matrix
from kernelproof.records import code_lock as locks
from tests.unit.checks.codegen.codes import BUILD, TOOLS, compiled
from tests.unit.machine.git_commands import git

ARCHITECTURES = ["sm_90", "gfx942"]
KERNEL = "kernels/toy/kernel.py"
PLAN = matrix.load()
Capture = pytest.CaptureFixture[str]


class Compiler:
    """A repository with one kernel, whose file is its code: a line for each instruction.

    It stands in for the worker processes: a call compiles the file for each architecture. An
    `error` or a tool of another version may be planted.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.locks = root / "locks"
        self.store = root / "store"
        self.error: str | None = None
        self.tools = TOOLS
        self.pythons: list[Path] = []
        self.edit("MUL 0.7")

    def edit(self, code: str) -> None:
        """Replaces the kernel's file."""
        (self.root / KERNEL).parent.mkdir(parents=True, exist_ok=True)
        (self.root / KERNEL).write_text(f"LOAD\n{code}\n")

    def __call__(
        self, request: CompileRequest, *, python: Path, root: Path | None = None, **_: object
    ) -> list[CompiledBuild]:
        """Returns the builds of a request, and keeps their text in the store."""
        self.pythons.append(python)
        if "nothing" in request.builds:
            return []
        lines = ((root or self.root) / KERNEL).read_text().splitlines()
        return [self._compiled(architecture, lines) for architecture in request.architectures]

    def _compiled(self, architecture: str, lines: list[str]) -> CompiledBuild:
        code = Disassembly(lines=(architecture, *lines), registers=1, stack=0, bytes=0)
        text = self.store / "text" / f"{code.sha256}.z"
        text.parent.mkdir(parents=True, exist_ok=True)
        text.write_bytes(zlib.compress(code.text.encode()))
        costs = {"sha256": code.sha256, "instructions_per_row": float(len(lines))}
        changes: dict[str, Any] = {"toolchain": self.tools}
        if self.error:
            changes |= {"costs": None, "error": self.error}
        return compiled(architecture, **costs).model_copy(update=changes)


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compiler:
    """A repository whose lock is not blessed yet."""
    made = Compiler(tmp_path)
    kernel = PLAN.kernels["gemma4_routing"]
    budgets = [{"builds": "*", "max_spills": 0, "max_instructions_per_row": 9.0}]
    toy = type(kernel).model_validate({**kernel.model_dump(), "codegen": budgets})
    plan = PLAN.model_copy(update={"kernels": {"toy": toy}, "architectures": ARCHITECTURES})
    monkeypatch.setattr(matrix, "load", lambda: plan)
    for module in (command, bless, code_diff):
        monkeypatch.setattr(module, "ask", made)
    for function in (locks.read, locks.write, locks.path_of):
        monkeypatch.setattr(function, "__defaults__", (made.locks,))
    monkeypatch.setattr(code_diff, "ROOT", tmp_path)
    monkeypatch.setattr(code_diff, "STORE", made.store)
    return made


def _bless(compiler: Compiler) -> str:
    return bless.bless_codegen("why  not", matrix.load(), compiler.locks)


def _run(*arguments: str) -> int:
    return run_command(lambda: command.main(arguments))


def test_blessed_code_is_good(compiler: Compiler, capsys: Capture) -> None:
    """Its lines are missing until it is blessed; a second blessing writes nothing."""
    assert _run() == 1
    output = capsys.readouterr().out
    assert "missing: 2 lines of the lock" in output
    assert "BLOCKED: 2 missing" in output
    assert "accept: nox -s bless -- codegen" in output
    assert compiler.pythons == [Path(sys.executable)]
    assert _bless(compiler) == "toy: 2 new; wrote toy.json"
    assert _run() == 0
    assert capsys.readouterr().out.splitlines() == [
        "compiled with triton 3.6.0, ptxas 12.8",
        "toy  sm_90   1 same",
        "toy  gfx942  1 same",
        "GOOD: 2 same",
    ]
    file = locks.path_of("toy", compiler.locks)
    before = file.stat().st_mtime_ns
    assert _bless(compiler) == "toy: 2 same; nothing to write"
    assert file.stat().st_mtime_ns == before
    lock = json.loads(file.read_text())
    assert (lock["reason"], lock["moved"], lock["moves"]) == ("why not", "2 new", [])


def test_a_change_blocks_until_it_is_blessed(compiler: Compiler, capsys: Capture) -> None:
    """Exit code 1, the moves, the diff of the code, and the commands to look and to accept.

    The new lock says for each build and architecture what moved, with the reason and a count.
    """
    _bless(compiler)
    compiler.edit("MUL 0.7\nADD 1")
    assert _run("--arch", "sm_90", "--diff") == 1
    output = capsys.readouterr().out
    assert re.search(r"^    instructions_per_row +2\.0 +-> 3\.0$", output, re.MULTILINE)
    for words in (
        "toy  sm_90   1 changed\n",
        f"\nchanged {BUILD} sm_90: the kernel, or how it is launched",
        f"\n--- blessed {BUILD} sm_90\n+++ now {BUILD} sm_90\n",
        "\n MUL 0.7\n+ADD 1\n",
        "BLOCKED: 1 changed\n",
        f"nox -s codegen -- --build {BUILD} --arch sm_90 --diff\n",
        'nox -s bless -- codegen --reason "why the code may change"\n',
        "they see neither predicated traffic, nor how often",
    ):
        assert words in output
    assert _bless(compiler) == "toy: 2 changed; wrote toy.json"
    lock = json.loads(locks.path_of("toy", compiler.locks).read_text())
    assert (lock["reason"], lock["moved"]) == ("why not", "2 changed")
    assert lock["moves"] == [
        f"changed {BUILD} {architecture}: instructions_per_row 2.0 -> 3.0"
        for architecture in ARCHITECTURES
    ]
    assert _run() == 0


def test_a_diff_from_the_commit_of_the_lock(compiler: Compiler, capsys: Capture) -> None:
    """A fresh clone has no store: the code is compiled from the commit that wrote the lock.

    Exit code 5 if there is no such commit.
    """
    _bless(compiler)
    shutil.rmtree(compiler.store)
    compiler.edit("MUL 0.8")
    assert _run("--arch", "gfx942", "--diff") == 5
    message = f"found no commit to compile the blessed {BUILD} gfx942 from"
    assert message in capsys.readouterr().err
    compiler.edit("MUL 0.7")
    for words in (["init", "-q"], ["add", "kernels", "locks"], ["commit", "-q", "-m", "Bless"]):
        git(compiler.root, *words)
    compiler.edit("MUL 0.8")
    assert _run("--arch", "gfx942", "--diff") == 1
    output = capsys.readouterr().out
    assert f"\n--- blessed {BUILD} gfx942\n+++ now {BUILD} gfx942\n" in output
    assert "\n-MUL 0.7\n+MUL 0.8\n" in output


def test_another_toolchain(compiler: Compiler, capsys: Capture) -> None:
    """The kernel's first line names it; the same code stays so, and other code is its doing."""
    _bless(compiler)
    compiler.tools = {**TOOLS, "triton": "9.9"}
    assert _run() == 0
    assert "toy: the toolchain is not the lock's: triton 3.6.0 -> 9.9" in capsys.readouterr().out
    compiler.edit("MUL 0.8")
    assert _run() == 1
    output = capsys.readouterr().out
    assert "the toolchain is another one (triton 3.6.0 -> 9.9); that is no fault" in output
    assert "mend:   nox -s codegen, without --no-venv" in output


def test_the_drift_of_a_named_toolchain(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The workers are its Python over this one; what it changes blocks only if it is an error."""
    _bless(compiler)
    compiler.tools = {**TOOLS, "triton": "9.9"}
    compiler.edit("MUL 0.7\nADD 1")
    over = lambda name, *, over: over.with_name(f"over-{name}")  # noqa: E731
    monkeypatch.setattr(toolchain, "python_of", over)
    capsys.readouterr()
    arguments = ["--toolchain", "codegen-3.9", "--arch", "sm_90"]
    assert _run(*arguments) == 0
    assert compiler.pythons[-1] == Path(sys.executable).with_name("over-codegen-3.9")
    assert capsys.readouterr().out.splitlines()[1:3] == [
        "toy: triton 3.6.0 -> 9.9: 1 changed",
        f"  changed {BUILD} sm_90: instructions_per_row 2.0 -> 3.0",
    ]
    compiler.error = "no"
    assert _run(*arguments) == 1


def test_what_cannot_be_blessed(
    compiler: Compiler, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Errors, code over budget, of another Triton than the pinned one, or of no builds in SPEC.

    Nor does a first lock make an exception. Nothing is compiled for an empty reason. An error
    blocks, and its reason is the compiler's message.
    """
    none: Callable[..., list[CompiledBuild]] = lambda *_, **__: []  # noqa: E731
    with pytest.raises(UsageError, match="found an empty reason"):
        bless.bless_codegen(" \n", PLAN, compiler.locks)
    assert compiler.pythons == []
    triton = r"found triton 1\.2\.3, expected triton==3\.6\.0 of pipeline/.*/codegen\.txt; run it"
    refused: tuple[tuple[Callable[[], object], str], ...] = (
        (lambda: setattr(compiler, "tools", {**TOOLS, "triton": "1.2.3"}), triton),
        (lambda: compiler.edit("ADD 1\n" * 9), "instructions per row, expected at most 9"),
        (lambda: setattr(compiler, "error", "no"), f"^bless codegen: toy {BUILD} sm_90: no"),
        (lambda: monkeypatch.setattr(bless, "ask", none), "toy: found no builds, expected some in"),
    )
    for change, message in refused:
        change()
        with pytest.raises(RefusedError, match=message):
            _bless(compiler)
        assert not compiler.locks.exists()
    assert _run("--arch", "sm_90") == 1
    output = capsys.readouterr().out
    assert f"error {BUILD} sm_90: no" in output
    assert "mend:   the kernel, or its budgets in matrix.yaml; neither can be" in output
    compiler.error = None
    assert _run() == 1
    assert "instructions per row, expected at most 9" in capsys.readouterr().out


def test_a_lock_that_cannot_be_read_is_blessed_anew(compiler: Compiler, capsys: Capture) -> None:
    """The command ends with exit code 5 before it compiles; a blessing replaces the lock."""
    _bless(compiler)
    file = locks.path_of("toy", compiler.locks)
    file.write_text(file.read_text()[:500])
    count = len(compiler.pythons)
    assert _run() == 5
    printed = capsys.readouterr()
    assert (printed.out, len(compiler.pythons)) == ("", count)
    assert "toy.json: found text that is no" in printed.err
    assert printed.err.count("\n") == 1
    assert _bless(compiler) == "toy: 2 new; wrote toy.json"


def test_a_wrong_name(compiler: Compiler, capsys: Capture) -> None:
    """Exit code 2, and one line that says which names there are."""
    _bless(compiler)
    for option, message in {
        "--arch=sm_9": "--arch: found 'sm_9', expected one of sm_90, gfx942; did you mean",
        "--kernel=gemma4": "--kernel: found 'gemma4', expected one of toy",
        "--toolchain=codegen-3": "toolchain: found 'codegen-3', expected one of browser, ",
        "--workers=none": "argument --workers: invalid int value: 'none'\n",
        "--build=nothing": "--build: found nothing, expected names of builds; known: ",
    }.items():
        try:
            code = _run(option)
        except SystemExit as end:  # argparse's
            code = int(end.code or 0)
        printed = capsys.readouterr()
        assert (code, printed.out) == (2, "")
        assert message in printed.err
