"""Adding a kernel, a row, a dtype and a check takes only what README.md says.

All four are added to one copy of the tree, by the files of `extending/` and the text below; then
the users' own commands run there, in processes, since they have to import the copy.
"""

import shutil
from pathlib import Path

import pytest
import torch

from kernelproof.errors import MatrixError
from kernelproof.plan import cases, matrix
from kernelproof.plan.repository import ROOT, TOOLCHAINS
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
    """Compare the outputs of every kernel with those that its SPEC announces."""
    run_cells(session, Check.FORM, rows_here(session))
'''
FORM_TEST = '''\
"""Form: the dtypes and shapes of each case's outputs."""

from kernelproof.checks.form.ask import ask as test_form

__all__ = ["test_form"]
'''
# Copies of the toy with a fault: a line of the kernel, its replacement, and what the report says.
FAULTS = {
    "toy_without_magnitude": (
        "tl.abs(values.to(tl.float32) * scale[None, :])",
        "values.to(tl.float32) * scale[None, :]",
        "peaks is not that of the reference",
    ),
    "toy_without_mask": (
        "peaks, mask=mask_t)",
        "peaks)",
        "bounds: found 8 writes outside of the kernel's arguments by program (2, 0, 0); expected "
        "none\n",
    ),
    "toy_without_stride": (
        "offs_t[:, None] * stride_vt",
        "offs_t[:, None] * N",
        "peaks is not that of the same row in its batch",
    ),
}
FAULTY_CASE = "cpu-fp32-N33-T40"
TOY_SIZES = [f"N{n}-T{t}" for n in (1, 33) for t in (0, 1, 40)]


def add_row(tree: Tree) -> None:
    """Adds a hardware row: one block."""
    tree.insert("matrix.yaml", after="\nrows:\n", text=L40S)


def add_dtype(tree: Tree) -> None:
    """Adds a dtype: one word, and the promise of the one kernel that takes it."""
    tree.insert("matrix.yaml", after="\ndtypes: [", text="fp64, ")
    tree.insert("matrix.yaml", after="  toy:\n    dtypes:\n", text="      fp64: {max_ulp: 1.5}\n")


def add_check(tree: Tree) -> None:
    """Adds a check: one folder, one test file, one session, one member; writes the schema anew."""
    copy(ADDED / "form", tree.root / "pipeline" / "kernelproof" / "checks" / "form")
    (tree.root / "tests" / "cells" / "test_form.py").write_text(FORM_TEST)
    tree.insert(
        "noxfile.py", after="run_cells(session, Check.PARITY, rows_here(session))\n", text=FORM
    )
    schema = "pipeline/kernelproof/plan/schema.py"
    tree.insert(schema, after='    PARITY = "parity"\n', text='    FORM = "form"\n')
    tree.python("kernelproof.plan.schema")


@pytest.fixture(scope="module")
def extended(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Returns a copy of the tree with all four additions, and copies of the toy with a fault."""
    tree = Tree.at(tmp_path_factory.mktemp("extended"))
    tree.add_toy()
    add_row(tree)
    add_dtype(tree)
    add_check(tree)
    for name, (line, replacement, _) in FAULTS.items():
        tree.add_toy(name)
        tree.replace(f"kernels/{name}/kernel.py", line, replacement)
    return tree


@pytest.fixture(scope="module")
def sessions(extended: Tree) -> dict[str, str]:
    """Returns the descriptions of the sessions that nox lists."""
    return extended.sessions()


@pytest.fixture(scope="module")
def parity(extended: Tree) -> Tree:
    """Returns the tree after parity of the toy, and of a case of each of its faulty copies."""
    faulty_cases = [f"{name}-{FAULTY_CASE}" for name in FAULTS]
    extended.cells("parity", *_options("toy-*", *faulty_cases))
    return extended


def _options(*case_ids: str) -> list[str]:
    return [word for case_id in case_ids for word in ("--case", case_id)]


def _plan(root: Path) -> set[str]:
    """Returns the ids of the cases that the matrix below `root` plans."""
    return {planned.case.id for planned in cases.plan(matrix.load(root / "matrix.yaml"))}


def test_a_kernel_is_one_folder_and_one_block(parity: Tree) -> None:
    """A folder and a block are all that parity and the report need."""
    done = parity.report("--check", "parity", "--row", "cpu", "--kernel", "toy")
    assert done.returncode == 0, done.stdout + done.stderr
    planned = {f"toy-cpu-{dtype}-{sizes}" for dtype in ("fp32", "bf16") for sizes in TOY_SIZES}
    assert planned < parity.verdicts().keys()
    assert set(parity.verdicts().values()) == {"pass"}


def test_a_kernel_broken_by_a_line_blocks_and_says_where(parity: Tree) -> None:
    """The report exits with 1, and each case begins with the question that was answered wrongly."""
    faulty_cases = [f"{name}-{FAULTY_CASE}" for name in FAULTS]
    done = parity.report("--check", "parity", *_options(*faulty_cases))
    assert done.returncode == 1
    assert parity.verdicts() == dict.fromkeys(faulty_cases, "fail")
    for name, (_, _, story) in FAULTS.items():
        assert f"fail {name}-{FAULTY_CASE}\n{story}" in done.stdout, done.stdout


def test_a_row_is_one_block(tmp_path: Path, sessions: dict[str, str]) -> None:
    """A block is listed and planned, less the cases that its memory is too small for."""
    assert "NVIDIA L40S" in sessions["parity(l40s)"]
    tree = Tree.at(tmp_path)
    before = _plan(tree.root)
    add_row(tree)
    added = _plan(tree.root) - before
    assert before <= _plan(tree.root)
    too_large = "gemma4_routing-a100-bf16-E128-K8-T16777344"
    a100 = {case for case in before if "-a100-" in case and "perf" not in case}
    assert {case.replace("-l40s-", "-a100-") for case in added} == a100 - {too_large}


def test_a_new_row_refuses_another_machine(extended: Tree) -> None:
    """Its session exits with 4, names the device, and keeps results from the row's own machine."""
    result = extended.root / "results" / "parity" / "gemma4_routing-l40s-fp32-E128-K8-T1.json"
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text("{}")
    done = extended.python("nox", "--no-venv", "-s", "parity(l40s)")
    assert done.returncode == 4
    assert (
        f"row l40s: found no cuda device (torch {torch.__version__}), expected NVIDIA L40S with "
        "cuda; run it on that machine, or mend the row's device in matrix.yaml"
    ) in (done.stdout + done.stderr).splitlines()
    assert list(result.parent.glob("*-l40s-*")) == [result]
    assert result.read_text() == "{}"


def test_a_row_with_a_new_toolchain_is_one_file_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The matrix names the toolchain that is missing, and is accepted once the file is there."""
    text = (ROOT / "matrix.yaml").read_text()
    block = L40S.replace("toolchain: cuda", "toolchain: cuda13")
    file = tmp_path / "matrix.yaml"
    file.write_text(text.replace("\nrows:\n", f"\nrows:\n{block}"))
    copy(ROOT / "kernels", tmp_path / "kernels")
    toolchains = tmp_path / "toolchains"
    shutil.copytree(TOOLCHAINS, toolchains)
    monkeypatch.setattr(matrix, "TOOLCHAINS", toolchains)
    with pytest.raises(
        MatrixError, match=r"rows\.l40s\.toolchain: found 'cuda13'.*did you mean 'cuda'"
    ):
        matrix.load(file)
    copy(toolchains / "cuda.txt", toolchains / "cuda13.txt")
    assert matrix.load(file).rows["l40s"].toolchain == "cuda13"


def test_a_dtype_is_one_word_and_a_promise(tmp_path: Path, parity: Tree) -> None:
    """The cases of the one kernel that promises it are added, and pass; no other changes."""
    tree = Tree.at(tmp_path)
    tree.add_toy()
    before = _plan(tree.root)
    add_dtype(tree)
    assert before <= _plan(tree.root)
    rows = matrix.load().rows
    added = {f"toy-{row}-fp64-{sizes}" for row in rows for sizes in TOY_SIZES}
    assert _plan(tree.root) - before == added
    done = parity.report("--check", "parity", "--row", "cpu", "--dtype", "fp64", "--kernel", "toy")
    assert done.returncode == 0, done.stdout + done.stderr
    assert parity.verdicts() == {f"toy-cpu-fp64-{sizes}": "pass" for sizes in TOY_SIZES}
    worst = max(case["numbers"].get("max_ulp", 0) for case in parity.cases())
    assert worst > 0.5, "fp64 rounds twice: as it becomes fp32, and in the product"


def test_a_check_is_one_folder_one_session_and_one_member(
    extended: Tree, sessions: dict[str, str]
) -> None:
    """The check is listed, runs, leaves records of its own, and is judged beside parity."""
    schema = extended.root / "pipeline" / "kernelproof" / "plan" / "matrix.schema.json"
    assert '"form"' in schema.read_text()
    parity = {name for name in sessions if name.startswith("parity")}
    assert {"form", "form(cpu)"} < sessions.keys()
    assert {name.replace("parity", "form") for name in parity} < sessions.keys()
    case_ids = [f"gemma4_routing-cpu-{dtype}-E8-K8-T1" for dtype in ("fp32", "bf16")]
    options = _options(*case_ids)
    done = extended.python("nox", "--no-venv", "-s", "form", "--", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GOOD: 2 pass at unknown (dirty)\n" in done.stdout
    assert extended.verdicts() == dict.fromkeys(case_ids, "pass")
    assert {case["check"] for case in extended.cases()} == {"form"}
    assert {case["numbers"]["outputs"] for case in extended.cases()} == {2}
    reports = {file.name for file in (extended.root / "results").glob("report.*")}
    assert reports == {"report.html", "report.json", "report.md", "report.xml"}
    assert extended.report(*options).returncode == 1, "parity was not asked"
    assert [case["verdict"] for case in extended.cases()] == ["missing", "missing", "pass", "pass"]
