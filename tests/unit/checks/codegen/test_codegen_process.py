"""The command and the blessing, in a copy of the tree whose locked kernel is the planted one."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from kernelproof.checks.codegen.bless import bless_codegen
from kernelproof.errors import UsageError
from kernelproof.plan import matrix
from kernelproof.records import code_lock as locks
from tests.unit.extending.tree import Tree, copy

BLOCK = """\
  planted:
    dtypes:
      fp32: {max_ulp: 1}
    seconds_per_case: 1
    golden: false
    shapes: [{axes: {T: 1}}]
    codegen: [{builds: "*", max_spills: 0}]
"""
BLESSING = """\
from kernelproof.plan import matrix
from kernelproof.checks.codegen.bless import bless_codegen
from kernelproof.errors import run_command
import sys
sys.exit(run_command(lambda: print(bless_codegen("why  not", matrix.load())) or 0))
"""
KERNEL = "kernels/planted/kernel.py"


@pytest.fixture(scope="module")
def blessed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A tree whose lock is blessed."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    copy(Path(__file__).parent / "planted", tree.root / "kernels" / "planted")
    (tree.root / "kernels" / "planted" / "spec.py").rename(
        tree.root / "kernels" / "planted" / "__init__.py"
    )
    file = tree.root / "matrix.yaml"
    text = re.sub(r"    codegen:\n(      - .*\n)+", "", file.read_text())
    text = re.sub(r"^architectures:.*$", "architectures: [sm_90, gfx942]", text, flags=re.MULTILINE)
    file.write_text(text.replace("\nkernels:\n", f"\nkernels:\n{BLOCK}"))
    (tree.root / "blessing.py").write_text(BLESSING)
    pin = tree.root / "pipeline/kernelproof/machine/toolchains/codegen.txt"
    pin.write_text(f"triton=={version('triton')}\n")
    done = tree.python("blessing")
    assert (done.returncode, done.stdout) == (0, "planted: 2 new; wrote planted.json\n"), (
        done.stderr
    )
    return tree


@pytest.fixture
def tree(blessed: Tree, tmp_path: Path) -> Iterator[Tree]:
    """The blessed tree, as it was again after the test."""
    saved = tmp_path / "saved"
    parts = ("kernels/planted", "pipeline/baselines", ".nox/codegen")
    for part in parts:
        copy(blessed.root / part, saved / part)
    yield blessed
    for part in parts:
        shutil.rmtree(blessed.root / part)
        copy(saved / part, blessed.root / part)


def test_a_blessed_tree_is_good(tree: Tree) -> None:
    """From the store, line by line; a second blessing writes nothing."""
    done = tree.python("kernelproof.checks.codegen")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1:] == [
        "planted  sm_90   1 same",
        "planted  gfx942  1 same",
        "GOOD: 2 same",
    ]
    lock = locks.path_of("planted", tree.root / "pipeline" / "baselines" / "codegen")
    before = lock.stat().st_mtime_ns, lock.read_text()
    done = tree.python("blessing")
    assert (done.returncode, done.stdout) == (0, "planted: 2 same; nothing to write\n")
    assert (lock.stat().st_mtime_ns, lock.read_text()) == before
    assert '"reason": "why not"' in before[1]
    assert '"moved": "2 new"' in before[1]


def test_a_change_blocks_and_is_shown(tree: Tree) -> None:
    """Exit code 1, what moved, the disassembly's change, what to do; and what it cannot see."""
    tree.replace(KERNEL, "values * 0.7", "values * 0.7 + values")
    done = tree.python("kernelproof.checks.codegen", "--arch", "sm_90", "--diff")
    assert done.returncode == 1, done.stderr
    assert "planted  sm_90   1 changed\n" in done.stdout
    assert "\nchanged fp32-N256-cuda sm_90: the kernel, or how it is launched" in done.stdout
    assert re.search(r"^    classes\.fma +\d+ -> \d+$", done.stdout, re.MULTILINE)
    assert "\n--- blessed fp32-N256-cuda sm_90\n+++ now fp32-N256-cuda sm_90\n" in done.stdout
    assert re.search(r"^\+F(ADD|FMA|MUL) ", done.stdout, re.MULTILINE)
    assert "BLOCKED: 1 changed\n" in done.stdout
    assert "nox -s codegen -- --build fp32-N256-cuda --arch sm_90 --diff\n" in done.stdout
    assert 'nox -s bless -- codegen --reason "why the code may change"\n' in done.stdout
    assert "they see neither predicated traffic, nor how often" in done.stdout


def test_a_blessing_keeps_old_and_new(tree: Tree) -> None:
    """For each build and architecture that changed; the reason and the count beside them."""
    tree.replace(KERNEL, "values * 0.7", "values * 0.7 + values")
    done = tree.python("blessing")
    assert (done.returncode, done.stdout) == (0, "planted: 2 changed; wrote planted.json\n")
    lock = json.loads((tree.root / "pipeline/baselines/codegen/planted.json").read_text())
    assert (lock["reason"], lock["moved"]) == ("why not", "2 changed")
    names = [line.partition(":")[0] for line in lock["moves"]]
    assert names == ["changed fp32-N256-cuda sm_90", "changed fp32-N256-hip gfx942"]
    assert all(re.search(r"instructions_per_row \S+ -> \S+", line) for line in lock["moves"])
    assert tree.python("kernelproof.checks.codegen").returncode == 0


def test_a_diff_without_the_blessed_code_is_told(tree: Tree) -> None:
    """Exit code 5: it is neither in the store nor in a commit."""
    shutil.rmtree(tree.root / ".nox" / "codegen" / "text")
    tree.replace(KERNEL, "values * 0.7", "values * 0.8")
    done = tree.python("kernelproof.checks.codegen", "--arch", "gfx942", "--diff")
    assert done.returncode == 5
    assert "found no commit to compile the blessed fp32-N256-hip gfx942 from" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_diff_is_made_from_the_commit_of_the_lock(tree: Tree) -> None:
    """Where the store has not the blessed code: a fresh clone."""
    git = ["git", "-C", str(tree.root), "-c", "user.name=n", "-c", "user.email=n@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "Bless"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    shutil.rmtree(tree.root / ".nox" / "codegen" / "text")
    tree.replace(KERNEL, "values * 0.7", "values * 0.8")
    done = tree.python("kernelproof.checks.codegen", "--arch", "gfx942", "--diff")
    shutil.rmtree(tree.root / ".git")
    assert done.returncode == 1, done.stderr
    assert "\n--- blessed fp32-N256-hip gfx942\n+++ now fp32-N256-hip gfx942\n" in done.stdout
    assert re.search(r"^-.*0x3f333333$", done.stdout, re.MULTILINE), "the bits of 0.7"
    assert re.search(r"^\+.*0x3f4ccccd$", done.stdout, re.MULTILINE), "the bits of 0.8"


def test_another_toolchain_is_told(tree: Tree) -> None:
    """As the first line of the kernel; the code that is the same stays so."""
    folder = tree.root / "pipeline" / "baselines" / "codegen"
    lock = locks.read("planted", folder)
    assert lock is not None
    locks.write(lock.model_copy(update={"toolchain": {**lock.toolchain, "triton": "1.2"}}), folder)
    done = tree.python("kernelproof.checks.codegen")
    assert done.returncode == 0
    triton = lock.toolchain["triton"]
    said = f"planted: the toolchain is not the lock's: triton 1.2 -> {triton}; what moved may be"
    assert said in done.stdout
    tree.replace(KERNEL, "values * 0.7", "values * 0.8")
    done = tree.python("kernelproof.checks.codegen")
    assert done.returncode == 1
    assert f"the toolchain is another one (triton 1.2 -> {triton}); that is no" in done.stdout
    assert "mend:   nox -s codegen, without --no-venv" in done.stdout


def test_what_does_not_compile_is_an_error(tree: Tree) -> None:
    """With the compiler's words; it cannot be blessed."""
    tree.replace(KERNEL, "values * 0.7", "values * unknown_name")
    done = tree.python("kernelproof.checks.codegen", "--arch", "sm_90")
    assert done.returncode == 1
    assert "error fp32-N256-cuda sm_90: " in done.stdout
    assert "unknown_name" in done.stdout
    assert "Traceback" not in done.stderr
    assert "mend:   the kernel, or its budgets in matrix.yaml; neither can be" in done.stdout
    refused = tree.python("blessing")
    assert refused.returncode == 1
    assert refused.stderr.startswith("bless codegen: planted fp32-N256-cuda sm_90: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--arch", "sm_9"],
            "--arch: found 'sm_9', expected one of sm_90, gfx942; did you mean 'sm_90'?\n",
        ),
        (["--kernel", "gemma4_routing"], "--kernel: found 'gemma4_routing', expected one of plant"),
        (
            ["--toolchain", "codegen-3"],
            "toolchain: found 'codegen-3', expected one of browser, codegen",
        ),
        (["--workers", "none"], "argument --workers: invalid int value: 'none'\n"),
    ],
    ids=["arch", "kernel", "toolchain", "workers"],
)
def test_a_wrong_word_is_told(tree: Tree, arguments: list[str], told: str) -> None:
    """Exit code 2, before anything is compiled."""
    done = tree.python("kernelproof.checks.codegen", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_truncated_lock_ends_the_command(tree: Tree) -> None:
    """Exit code 5, before anything is compiled."""
    lock = tree.root / "pipeline" / "baselines" / "codegen" / "planted.json"
    lock.write_text(lock.read_text()[:500])
    done = tree.python("kernelproof.checks.codegen")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.startswith("pipeline/baselines/codegen/planted.json: found text that is no")
    assert done.stderr.count("\n") == 1


def test_another_triton_is_not_blessed(tree: Tree) -> None:
    """A lock is of the Triton that the requirements pin."""
    pin = tree.root / "pipeline/kernelproof/machine/toolchains/codegen.txt"
    pinned = pin.read_text()
    pin.write_text("triton==1.2.3\n")
    done = tree.python("blessing")
    pin.write_text(pinned)
    assert (done.returncode, done.stdout) == (1, "")
    triton = pinned.strip().removeprefix("triton==")
    said = f"bless codegen: found triton {triton}, expected triton==1.2.3 of pipeline/kern"
    assert done.stderr.startswith(said)


def test_an_empty_reason_is_refused(tmp_path: Path) -> None:
    """Before anything is compiled."""
    with pytest.raises(UsageError, match="found an empty reason"):
        bless_codegen(" \n", matrix.load(), tmp_path)
