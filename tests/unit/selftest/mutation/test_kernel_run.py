"""A run of the toy kernel's mutants: statuses, the record, what blocks, and wrong command lines.

One worker, which imports torch once, answers for all these tests: a mutant has to run in a process
of its own, and that process in an environment without this one's kernels.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import MatrixError, UsageError
from kernelproof.plan import matrix
from kernelproof.selftest.mutation import kernel_run
from kernelproof.selftest.mutation.__main__ import main
from kernelproof.selftest.mutation.kernel_run import RedKernelError
from kernelproof.selftest.mutation.mutant_pool import MutantPool
from tests.unit.extending.tree import Tree

LIST = """\
mutated:
  - {file: kernel.py, functions: [toy]}
faults:
  - name: signs-kept
    operator: arithmetic
    source: made up
    file: kernel.py
    edits: [{before: "tl.abs(values.to(tl.float32) * scale[None, :])",
             after: "values.to(tl.float32) * scale[None, :]"}]
  - name: other-name
    operator: nothing
    source: made up
    file: kernel.py
    edits: [{before: "values.stride(0),", after: "values.stride(0) + 0,"}]
  - name: dies
    operator: crash
    source: made up
    file: kernel.py
    edits: [{before: "num_tokens, num_values = values.shape",
             after: "num_tokens, num_values = values.shape; import os; os.abort()"}]
  - name: hangs
    operator: loop
    source: made up
    file: kernel.py
    edits: [{before: "num_tokens, num_values = values.shape",
             after: "num_tokens, num_values = values.shape; import time; time.sleep(99)"}]
  - name: does-not-import
    operator: build
    source: made up
    file: kernel.py
    edits: [{before: "_BLOCK_T = 16", after: "_BLOCK_T = sixteen"}]
"""
BLOCK = """\
    mutants:
      seconds_per_mutant: 4
      cases: ["*-N33-T40", "*-fp32-N33-T0"]
      enough: ["*-N33-T40"]
"""
CASE = "toy-cpu-fp32-N33-T40"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Returns a copy of the repository with the toy kernel and its mutants."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    tree.add_toy()
    tree.insert("matrix.yaml", after="T: [0, 1, 40], N: [1, 33]}\n", text=BLOCK)
    (tree.root / "kernels" / "toy" / "proof").mkdir(exist_ok=True)
    (tree.root / "kernels" / "toy" / "proof" / "mutants.yaml").write_text(LIST)
    return tree


@pytest.fixture(scope="module")
def pool(tree: Tree) -> Iterator[MutantPool]:
    """Returns the one worker, in the copy."""
    row = matrix.load().rows["cpu"]
    with MutantPool(name="cpu", row=row, workers=1, root=tree.root) as pool:
        yield pool


@pytest.fixture(autouse=True)
def _in_the_tree(tree: Tree, pool: MutantPool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the command work in the copy, with the worker."""

    @contextmanager
    def shared_pool(**_: Any) -> Iterator[MutantPool]:
        yield pool

    monkeypatch.setattr(kernel_run, "ROOT", tree.root)
    monkeypatch.setattr(kernel_run, "MutantPool", shared_pool)


@contextmanager
def _replaced(tree: Tree, file: str, old: str, new: str) -> Iterator[None]:
    """Replaces a text of the copy for a while."""
    tree.replace(file, old, new)
    try:
        yield
    finally:
        tree.replace(file, new, old)


def _run(*arguments: str, results: Path) -> int:
    return main(["--kernel", "toy", "--results", str(results), *arguments])


def test_each_mutant_gets_its_status(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed, crashed, hung, not built, survived; the tree is as before, and nothing is stored."""
    files = sorted((tree.root / "kernels").rglob("*.py"))
    before = [file.read_bytes() for file in files]
    statuses = {
        "signs-kept": "killed",
        "other-name": "survived",
        "dies": "killed",
        "hangs": "timed out",
        "does-not-import": "no build",
    }
    options = [option for name in statuses for option in ("--mutant", f"fault.{name}")]
    assert _run(*options, results=tmp_path) == 1
    lines = capsys.readouterr().out
    for name, status in statuses.items():
        assert f"\n{status} fault.{name} (" in lines
    assert "SIGABRT" in lines
    assert "no answer within 4 s" in lines
    assert lines.count("\n  timeout ") == 1
    assert "row 0 (" in lines or "row 1 (" in lines
    assert lines.rstrip().splitlines()[-2].startswith("score: 2 of 5 killed")
    assert [file.read_bytes() for file in files] == before
    assert [*tmp_path.iterdir()] == []


def test_a_whole_run_is_recorded(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A survivor blocks, with its diff and its command; the record has every mutant."""
    others = LIST[LIST.index("  - name: dies") :]
    with _replaced(tree, "kernels/toy/proof/mutants.yaml", others, "# no other\n"):
        assert _run(results=tmp_path) == 1
    assert "alone: nox -s mutants -- --mutant fault.other-name" in capsys.readouterr().out
    run = json.loads((tmp_path / "mutants.json").read_text())
    status = {mutant["id"]: mutant["status"] for mutant in run["mutants"]}
    assert (status["fault.signs-kept"], status["fault.other-name"]) == ("killed", "survived")
    assert (run["row"], len(run["enough"])) == ("cpu", 1)
    assert run["enough"][0].endswith("-N33-T40")
    assert any(name.startswith("kernel.toy.") for name in status)


def test_a_quick_run_asks_the_cases_that_are_enough(
    tree: Tree, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks none behind the first that kills; a whole run says if they are too few."""
    mutant = "--mutant", "fault.signs-kept"
    assert _run("--quick", *mutant, results=tmp_path) == 0
    lines = capsys.readouterr().out
    case_ids = [line.split()[1] for line in lines.splitlines() if line[:6] in {"  fail", "  pass"}]
    assert len(case_ids) == 1
    enough = 'enough: ["*-N33-T40"]', 'enough: ["*-fp32-N33-T0"]'
    with _replaced(tree, "matrix.yaml", *enough):
        assert _run(*mutant, results=tmp_path) == 1
    message = "matrix.yaml: kernels.toy.mutants.enough: found cases that leave 1 of the killed "
    assert message in capsys.readouterr().out


def test_a_red_kernel_has_no_mutants(tree: Tree, tmp_path: Path) -> None:
    """Cases that fail without a fault would kill every mutant."""
    with (
        _replaced(tree, "kernels/toy/kernel.py", "tl.max(products", "tl.min(products"),
        pytest.raises(RedKernelError) as caught,
    ):
        _run("--mutant", "fault.signs-kept", results=tmp_path)
    assert str(caught.value).startswith(f"mutants: found {CASE} to be red without any: peaks is ")


def test_patterns_without_a_case_are_told(tree: Tree) -> None:
    """Each with its place in matrix.yaml."""
    patterns = {"cases": "*-fp32-N34-T40", "enough": "*-N9-*", "compiled_cases": "*-T9"}
    lines = [f'      {name}: ["{pattern}"]\n' for name, pattern in patterns.items()]
    old, new = BLOCK.partition("4\n")[2], "".join(lines)
    with _replaced(tree, "matrix.yaml", old, new), pytest.raises(MatrixError) as caught:
        main(["--list"])
    for name, pattern in patterns.items():
        message = f"kernels.toy.mutants.{name}[0]: found '{pattern}', expected parity"
        assert message in str(caught.value)


def test_wrong_command_lines_are_told() -> None:
    """With what was meant; nothing runs."""
    for line, message in {
        "--kernel toy --mutant fault.sign-kept": "did you mean 'fault.signs-kept'?",
        "--kernel toi": "did you mean 'toy'?",
        "--row gpu": "--row: found 'gpu', expected one of cpu, ",
        "--kernel toy --own": "--own: found no mutant that only cpu runs",
        "--list --file a.py": "--file: found it with --of kernels, expected it with --of verdicts",
        "--list --of verdicts --quick": "--quick: found it with --of verdicts, expected it ",
    }.items():
        with pytest.raises(UsageError, match=re.escape(message)):
            main(line.split())


def test_mutants_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, without a run."""
    assert main(["--kernel", "toy", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "fault.other-name  'values.stride(0),' -> 'values.stride(0) + 0,'" in lines
