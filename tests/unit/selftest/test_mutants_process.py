"""Mutants of the toy kernel, run as a user runs them, in a copy of the repository."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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
      seconds_per_mutant: 6
      cases: ["*-fp32-N33-T40"]
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy with the toy kernel, its list, and the routing kernel without its mutants."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    tree.add_toy()
    tree.insert("matrix.yaml", after="T: [0, 1, 40], N: [1, 33]}\n", text=BLOCK)
    (tree.root / "kernels" / "toy" / "mutants.yaml").write_text(LIST)
    return tree


def _digest(tree: Tree) -> dict[str, bytes]:
    files = sorted((tree.root / "kernels").rglob("*.py"))
    return {str(file): file.read_bytes() for file in files}


def test_each_mutant_gets_its_status(tree: Tree, tmp_path: Path) -> None:
    """Killed, crashed, hung, not built, survived; the tree is as before, and nothing is left."""
    before = _digest(tree)
    names = ["signs-kept", "other-name", "dies", "hangs", "does-not-import"]
    named = [part for name in names for part in ("--mutant", f"fault.{name}")]
    done = tree.python("kernelproof.selftest.mutation", "--kernel", "toy", "--workers", "2", *named)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    told = {line.split(": ")[0] for line in lines if " fault." in line and line[0].isalpha()}
    assert {
        "killed fault.signs-kept",
        "survived fault.other-name",
        "killed fault.dies",
        "timed out fault.hangs",
        "no build fault.does-not-import",
    } <= told
    assert "SIGABRT" in done.stdout
    assert "row 0 (" in done.stdout or "row 1 (" in done.stdout
    assert _digest(tree) == before
    assert not (tmp_path / "results").exists()


def test_whole_run_is_recorded(tree: Tree, tmp_path: Path) -> None:
    """A survivor blocks, with its diff and its command; the record has every mutant."""
    (tree.root / "kernels" / "toy" / "mutants.yaml").write_text(LIST.partition("  - name: dies")[0])
    done = tree.python(
        "kernelproof.selftest.mutation", "--kernel", "toy", "--results", str(tmp_path)
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "alone: nox -s mutants -- --mutant fault.other-name" in done.stdout
    whole = json.loads((tmp_path / "mutants.json").read_text())
    status = {one["id"]: one["status"] for one in whole["mutants"]}
    assert (status["fault.signs-kept"], status["fault.other-name"]) == ("killed", "survived")
    assert whole["enough"] == ["toy-cpu-fp32-N33-T40"]
    assert any(name.startswith("kernel.toy.") for name in status)


def test_quick_run_asks_what_is_enough(tree: Tree, tmp_path: Path) -> None:
    """No more of them once one has killed; a whole run says where they are too few."""
    few = 'cases: ["*-N33-T40", "*-fp32-N33-T0"]\n      enough: ["*-fp32-N33-T0"]\n'
    tree.replace("matrix.yaml", 'cases: ["*-fp32-N33-T40"]\n', few)
    try:
        whole = tree.python(
            "kernelproof.selftest.mutation", "--kernel", "toy", "--results", str(tmp_path)
        )
        tree.replace("matrix.yaml", 'enough: ["*-fp32-N33-T0"]', 'enough: ["*-N33-T40"]')
        options = ["--quick", "--mutant", "fault.signs-kept"]
        quick = tree.python("kernelproof.selftest.mutation", "--kernel", "toy", *options)
    finally:
        text = (tree.root / "matrix.yaml").read_text()
        few = few.replace('enough: ["*-fp32-N33-T0"]', 'enough: ["*-N33-T40"]')
        (tree.root / "matrix.yaml").write_text(text.replace(few, 'cases: ["*-fp32-N33-T40"]\n'))
    assert whole.returncode == 1
    assert "matrix.yaml: kernels.toy.mutants.enough: found cases that leave " in whole.stdout
    assert quick.returncode == 0, quick.stdout + quick.stderr
    asked = [line for line in quick.stdout.splitlines() if line.startswith("  fail ")]
    assert len(asked) == 1, quick.stdout


def test_red_kernel_has_no_mutants(tree: Tree) -> None:
    """Cases that fail without a fault would kill every one."""
    tree.replace("kernels/toy/kernel.py", "tl.max(products", "tl.min(products")
    try:
        done = tree.python("kernelproof.selftest.mutation", "--kernel", "toy")
    finally:
        tree.replace("kernels/toy/kernel.py", "tl.min(products", "tl.max(products")
    assert done.returncode == 1
    said = "mutants: found toy-cpu-fp32-N33-T40 to be red without any: peaks is not that of"
    assert done.stderr.startswith(said), done.stderr


def test_cases_that_are_none_are_told(tree: Tree) -> None:
    """A pattern in matrix.yaml that no parity case has, with its line."""
    wrong = '["*-fp32-N34-T40"]\n      enough: ["*-N9-*"]\n      compiled_cases: ["*-T9"]\n'
    tree.replace("matrix.yaml", '["*-fp32-N33-T40"]\n', wrong)
    try:
        done = tree.python("kernelproof.selftest.mutation", "--list")
    finally:
        tree.replace("matrix.yaml", wrong, '["*-fp32-N33-T40"]\n')
    assert done.returncode == 2
    wrong_ones = {"cases": "*-fp32-N34-T40", "enough": "*-N9-*", "compiled_cases": "*-T9"}
    for place, found in wrong_ones.items():
        assert f"kernels.toy.mutants.{place}[0]: found '{found}', expected parity" in done.stderr


def test_interrupt_leaves_nothing_behind(tree: Tree, tmp_path: Path) -> None:
    """Neither a process of the run's nor a file of it."""
    variables = {"TRITON_INTERPRET": "1", "TMPDIR": str(tmp_path)}
    command = [
        sys.executable,
        "-m",
        "kernelproof.selftest.mutation",
        "--kernel",
        "toy",
        "--workers",
        "2",
    ]
    with subprocess.Popen(
        command, cwd=tree.root, env={**os.environ, **variables}, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert "mutants are reached" in run.stdout.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=20) == 130
    assert list(tmp_path.iterdir()) == []
    workers = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, check=False)
    assert workers.stdout == b""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--mutant", "fault.sign-kept"], "did you mean 'fault.signs-kept'?"),
        (["--kernel", "toi"], "did you mean 'toy'?"),
        (["--row", "gpu"], "--row: found 'gpu', expected one of cpu, "),
    ],
)
def test_unknown_names_are_told(tree: Tree, arguments: list[str], said: str) -> None:
    """With what was meant."""
    done = tree.python("kernelproof.selftest.mutation", *arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
