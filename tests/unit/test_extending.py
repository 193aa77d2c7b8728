"""What it takes to add a kernel, a row, a dtype, a check: each is added to a copy of the tree.

The files that are added are in `extending/`; the commands are the users' own, a process each.
"""

from pathlib import Path

import pytest
import torch

from tests.unit.extending.tree import ADDED, Tree, copy

L40S = """\
  l40s:
    backend: cuda
    device: NVIDIA L40S
    arch: sm_89
    memory_gb: 48
    toolchain: cuda
    runner: [self-hosted, linux, x64, gpu, l40s]
"""
FORM = '''

@nox.session
def form(session: nox.Session) -> None:
    """Compare the outputs of every kernel with what its SPEC announces."""
    _cells(session, "form", _rows_here(session))
'''
# A line of the toy's kernel, what is written there instead, and what the report says first.
BREAKS = {
    "no magnitude": (
        "tl.abs(values.to(tl.float32) * scale[None, :])",
        "values.to(tl.float32) * scale[None, :]",
        "peaks is not that of the reference",
    ),
    "no mask": (
        "peaks, mask=mask_t)",
        "peaks)",
        "bounds: found 8 writes outside of the kernel's arguments by program (2, 0, 0); expected "
        "none\n",
    ),
    "no stride": (
        "offs_t[:, None] * stride_vt",
        "offs_t[:, None] * N",
        "peaks is not that of the same row in its batch",
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A fresh copy of the repository."""
    return Tree.at(tmp_path)


def test_a_kernel_is_one_folder_and_one_block(tree: Tree) -> None:
    """A folder and a block are all that parity and the report need."""
    tree.add_toy()
    tree.cells("parity", "--kernel", "toy")
    done = tree.report("--row", "cpu", "--kernel", "toy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tree.verdicts() == {
        f"toy-cpu-{dtype}-N{n}-T{t}": "pass"
        for dtype in ("fp32", "bf16")
        for n in (1, 33)
        for t in (0, 1, 40)
    }


@pytest.mark.parametrize("broken", BREAKS)
def test_a_kernel_broken_by_a_line_blocks_and_says_where(tree: Tree, broken: str) -> None:
    """The report exits with 1 and begins with the question that was answered wrongly."""
    line, replacement, story = BREAKS[broken]
    tree.add_toy()
    tree.replace("kernels/toy/kernel.py", line, replacement)
    tree.cells("parity", "--case", "toy-cpu-fp32-N33-T40")
    done = tree.report("--case", "toy-cpu-fp32-N33-T40")
    assert done.returncode == 1
    assert tree.verdicts() == {"toy-cpu-fp32-N33-T40": "fail"}
    assert f"fail toy-cpu-fp32-N33-T40\n{story}" in done.stdout, done.stdout


def test_a_row_is_one_block(tree: Tree) -> None:
    """A block is listed and planned, less the cases that its memory is too small for."""
    tree.insert("matrix.yaml", after="\nrows:\n", text=L40S)
    assert "NVIDIA L40S" in tree.sessions()["parity(l40s)"]
    assert tree.report("--row", "l40s", "--row", "a100").returncode == 1
    assert set(tree.verdicts().values()) == {"missing"}
    l40s, a100 = (
        {case["id"].replace(row, "ROW") for case in tree.cases() if case["row"] == row}
        for row in ("l40s", "a100")
    )
    assert l40s < a100
    assert a100 - l40s == {"gemma4_routing-ROW-bf16-E128-K8-T16777344"}, "it needs 80 GB"


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["kernelproof.checks", "parity", "--on", "l40s"], id="cells"),
        pytest.param(["nox", "--no-venv", "-s", "parity(l40s)"], id="session"),
    ],
)
def test_a_new_row_refuses_another_machine(tree: Tree, command: list[str]) -> None:
    """Its cells exit with 4, name the device, and leave no result."""
    tree.insert("matrix.yaml", after="\nrows:\n", text=L40S)
    done = tree.python(*command)
    assert done.returncode == 4
    assert (
        f"row l40s: found no cuda device (torch {torch.__version__}), expected NVIDIA L40S with "
        "cuda; run it on that machine, or mend the row's device in matrix.yaml"
    ) in (done.stdout + done.stderr).splitlines()
    assert not (tree.root / "results").exists()


def test_a_refused_row_keeps_the_results_of_its_own_machine(tree: Tree) -> None:
    """A result that was copied here from the row's machine is still there after exit 4."""
    tree.insert("matrix.yaml", after="\nrows:\n", text=L40S)
    result = tree.root / "results" / "parity" / "gemma4_routing-l40s-fp32-E128-K8-T1.json"
    result.parent.mkdir(parents=True)
    result.write_text("{}")
    assert tree.python("kernelproof.checks", "parity", "--on", "l40s").returncode == 4
    assert result.exists()


def test_a_row_with_a_new_toolchain_is_one_file_more(tree: Tree) -> None:
    """The matrix names the toolchain that is missing, and is whole once it is there."""
    block = L40S.replace("toolchain: cuda", "toolchain: cuda13")
    tree.insert("matrix.yaml", after="\nrows:\n", text=block)
    done = tree.python("nox", "-l")
    assert done.returncode == 2
    assert "rows.l40s.toolchain: found 'cuda13', expected one of pipeline/req" in done.stderr
    requirements = tree.root / "pipeline" / "requirements"
    copy(requirements / "cuda.txt", requirements / "cuda13.txt")
    assert "parity(l40s)" in tree.sessions()


def test_a_dtype_is_one_word_and_a_promise(tree: Tree) -> None:
    """The cases of the one kernel that promises it are added, and pass; no other changes."""
    tree.add_toy()
    tree.report("--row", "cpu")
    before = tree.verdicts().keys()
    tree.insert("matrix.yaml", after="\ndtypes: [", text="fp64, ")
    tree.insert("matrix.yaml", after="  toy:\n    dtypes:\n", text="      fp64: {max_ulp: 1.5}\n")
    tree.report("--row", "cpu")
    added = tree.verdicts().keys() - before
    assert added == {f"toy-cpu-fp64-N{n}-T{t}" for n in (1, 33) for t in (0, 1, 40)}
    assert not before - tree.verdicts().keys()
    tree.cells("parity", "--dtype", "fp64")
    done = tree.report("--row", "cpu", "--dtype", "fp64")
    assert done.returncode == 0, done.stdout + done.stderr
    assert tree.verdicts() == dict.fromkeys(added, "pass")
    worst = max(case["numbers"].get("max_ulp", 0) for case in tree.cases())
    assert worst > 0.5, "fp64 rounds twice: as it becomes fp32, and in the product"


def test_a_check_is_one_file_one_session_and_one_member(tree: Tree) -> None:
    """The check is listed, runs, leaves records of its own, and is judged beside parity.

    What is generated from the models, the schema that editors use, is written anew.
    """
    copy(ADDED / "form.py", tree.root / "tests" / "cells" / "test_form.py")
    tree.insert("noxfile.py", after='_cells(session, "parity", _rows_here(session))\n', text=FORM)
    tree.insert(
        "pipeline/kernelproof/plan/schema.py",
        after='    PARITY = "parity"\n',
        text='    FORM = "form"\n',
    )
    tree.python("kernelproof.plan.schema")
    assert '"form"' in (tree.root / "pipeline" / "matrix.schema.json").read_text()
    names = tree.sessions().keys()
    parity = {name for name in names if name.startswith("parity")}
    assert {"form", "form(cpu)"} < names
    assert {name.replace("parity", "form") for name in parity} < names
    cases = [f"gemma4_routing-cpu-{dtype}-E8-K8-T1" for dtype in ("fp32", "bf16")]
    options = [part for case in cases for part in ("--case", case)]
    done = tree.python("nox", "--no-venv", "-s", "form", "--", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tree.verdicts() == dict.fromkeys(cases, "pass")
    assert {case["check"] for case in tree.cases()} == {"form"}
    assert {case["numbers"]["outputs"] for case in tree.cases()} == {2}
    assert tree.report("--check", "form", *options).returncode == 0
    assert tree.report(*options).returncode == 1, "parity was not asked"
    assert [case["verdict"] for case in tree.cases()] == ["missing", "missing", "pass", "pass"]
