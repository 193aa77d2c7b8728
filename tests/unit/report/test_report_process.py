"""The report as a process: its exit codes, its files, its terminal, and what a deletion does."""

import itertools
import os
import pty
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.errors import run_command
from kernelproof.machine import hardware, revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Selection
from kernelproof.records import record_files
from kernelproof.report.__main__ import main
from kernelproof.report.report_file import Report, report_of
from tests.unit.extending.tree import Tree
from tests.unit.records.test_record_files import record_of

# The records here are made up: their bits are not the blessed ones, and need not be.
PLAN = tuple(
    replace(planned, golden=False) for planned in cases.plan(matrix.load(), Selection(row=("cpu",)))
)
COLOUR = re.compile(rb"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7])[0-9;]*m")


def plain_tree(root: Path) -> Tree:
    """A copy of the repository at `root`, whose matrix asks for no blessed bits."""
    tree = Tree.at(root)
    file = root / "matrix.yaml"
    file.write_text(file.read_text().replace("golden: true", "golden: false"))
    return tree


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy of the repository, in which nobody edits a file meanwhile."""
    return plain_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def folder(tree: Tree, tmp_path: Path) -> Path:
    """Results in which every case of the cpu row passes, at the state that the copy is in."""
    state = revision.current(tree.root)
    for planned in PLAN:
        record = record_of(planned, commit=state.commit, tree=state.tree, dirty=state.dirty)
        record_files.write(tmp_path / "results", planned, record)
    return tmp_path / "results"


def _report(tree: Tree, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tree.report("--row", "cpu", "--results", str(folder), *arguments)


def _read(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_bytes())


def test_all_passes_are_good(tree: Tree, folder: Path) -> None:
    """Exit code 0; the conclusion is the last line, and nothing is said on stderr."""
    done = _report(tree, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == f"GOOD: {len(PLAN)} pass at unknown (dirty)"
    report = _read(folder)
    assert (report.blocks, report.rows, report.summary) == (False, ["cpu"], {"pass": len(PLAN)})
    assert [case.id for case in report.cases] == [planned.case.id for planned in PLAN]


def test_the_files_say_the_same(tree: Tree, folder: Path) -> None:
    """The page, JSON, JUnit XML and Markdown beside the records, whole, with no draft left."""
    (folder / "parity" / f"{PLAN[3].case.id}.json").write_text("{")
    _report(tree, folder)
    assert sorted(file.name for file in folder.iterdir() if file.is_file()) == [
        "report.html",
        "report.json",
        "report.md",
        "report.xml",
    ]
    root = ET.parse(folder / "report.xml").getroot()  # noqa: S314  (the project's own output)
    assert sum(int(suite.attrib["errors"]) for suite in root) == 1
    assert sum(int(suite.attrib["tests"]) for suite in root) == len(PLAN)
    conclusion = f"BLOCKED: 1 error, {len(PLAN) - 1} pass at unknown (dirty)"
    assert (folder / "report.md").read_text().startswith(f"### {conclusion}\n")
    assert conclusion in (folder / "report.html").read_text()
    assert _read(folder).summary == {"pass": len(PLAN) - 1, "error": 1}


@pytest.mark.parametrize("place", [0, len(PLAN) // 2, -1], ids=["first", "middle", "last"])
def test_a_deleted_record_is_missing(tree: Tree, folder: Path, place: int) -> None:
    """The report says so and exits with 1, with the command that runs just that case."""
    deleted = PLAN[place].case.id
    (folder / "parity" / f"{deleted}.json").unlink()
    done = _report(tree, folder)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith(
        f"\nmissing {deleted}\n"
        "no result: it did not run, or died before it could say\n"
        f"reproduce: nox -s parity -- --case {deleted}\n\n"
        f"BLOCKED: 1 missing, {len(PLAN) - 1} pass at unknown (dirty)\n"
    )
    bad = {case.id: case.verdict for case in _read(folder).blocking}
    assert bad == {deleted: "missing"}


def test_each_record_is_missed(tree: Tree, folder: Path) -> None:
    """Whichever one is deleted, just that one is missing, and it blocks."""
    state = revision.current(tree.root)
    for planned in PLAN:
        file = record_files.path_of(folder, planned)
        kept = file.rename(folder / "kept")
        report = report_of(judge(PLAN, folder, state), state)
        blocking = [(case.id, case.verdict) for case in report.blocking]
        assert (blocking, report.blocks) == ([(planned.case.id, "missing")], True)
        kept.rename(file)


def test_other_files_make_every_record_missing(folder: Path, tmp_path: Path) -> None:
    """A kernel edited after its run is not proved by that run."""
    edited = plain_tree(tmp_path / "edited")
    with (edited.root / "kernels" / "__init__.py").open("a") as file:
        file.write("# edited\n")
    done = _report(edited, folder)
    assert done.returncode == 1
    assert _read(folder).summary == {"missing": len(PLAN)}
    told = f"missing {PLAN[0].case.id} and {len(PLAN) - 1} more\nits result is of other files"
    assert told in done.stdout


@pytest.mark.parametrize("below", ["", "/below"], ids=["itself", "below"])
def test_a_file_for_results_is_exit_code_3(tree: Tree, tmp_path: Path, below: str) -> None:
    """One line on stderr, no traceback, and the file as it was."""
    (tmp_path / "file").write_text("mine")
    done = _report(tree, Path(f"{tmp_path}/file{below}"))
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"{tmp_path}/file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--row", "cpuu"], "--row: found 'cpuu', expected a row of matrix.yaml; did you mean 'cp"),
        (["--case", "x"], "--case: found 'x', expected a case of matrix.yaml; such as gemma4_r"),
        (["--check", "parady"], "usage: nox -s report --"),
        (["--nonsense"], "usage: nox -s report --"),
    ],
    ids=["row", "case", "check", "option"],
)
def test_a_wrong_command_line_is_exit_code_2(
    tree: Tree, folder: Path, arguments: list[str], said: str
) -> None:
    """What was found and what is known; nothing is judged."""
    done = _report(tree, folder, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert not (folder / "report.json").exists()


def test_a_wrong_matrix_is_exit_code_2(tmp_path: Path) -> None:
    """Every fault, each with its place; no traceback."""
    broken = Tree.at(tmp_path)
    broken.replace("matrix.yaml", "backend: interpreter", "backend: interpretor")
    broken.replace("matrix.yaml", "memory_gb: 141", "memory_gb: 1e3")
    done = broken.report()
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert re.match(r"matrix\.yaml:\d+:\d+: rows\.cpu\.backend: found .*'interpreter'\?$", lines[0])
    assert re.match(r"matrix\.yaml:\d+:\d+: rows\.h200\.memory_gb: found .*'1e3'", lines[1])


def test_a_machine_that_is_no_row_is_exit_code_4(tmp_path: Path) -> None:
    """One whose matrix knows only a machine that nobody has."""
    strange = Tree.at(tmp_path)
    text = (strange.root / "matrix.yaml").read_text()
    rows = (
        "rows:\n  moon:\n    backend: cuda\n    device: Moon 1\n    arch: sm_1\n"
        "    memory_gb: 80\n    toolchain: cuda\n    runner: [moon]\n\nkernels:"
    )
    changed = re.sub(r"^rows:$.*^kernels:$", rows, text, flags=re.MULTILINE | re.DOTALL)
    (strange.root / "matrix.yaml").write_text(changed)
    done = strange.report()
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("this machine ")
    assert "Traceback" not in done.stderr
    assert strange.report("--row", "moon").returncode == 1


def test_a_stranger_is_exit_code_4(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GPU that matrix.yaml does not know is told what to add, and no report is written."""
    stranger = hardware.Accelerator(backend="cuda", name="Moon 1", arch="sm_1")
    monkeypatch.setattr(hardware, "accelerators", lambda: (stranger,))
    assert run_command(lambda: main(["--results", str(tmp_path)])) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("this machine is no row of matrix.yaml: found Moon 1 (cuda, sm_1")
    assert "\n  my_row:\n    backend: cuda\n    device: Moon 1\n" in printed.err
    assert list(tmp_path.iterdir()) == []


def test_a_cell_is_one_line_however_much_it_holds(tree: Tree, folder: Path) -> None:
    """In a log, which has no width: the table is not folded."""
    state = revision.current(tree.root)
    lines: dict[tuple[str, str], Counter[str]] = {}
    for planned, outcome in zip(PLAN, itertools.cycle(("pass", "fail", "error", "timeout"))):
        record = record_of(planned, commit=state.commit, tree=state.tree, outcome=outcome)
        record_files.write(folder, planned, record)
        lines.setdefault((planned.case.cell, planned.case.kernel), Counter())[outcome] += 1
    printed = _report(tree, folder).stdout
    for (cell, kernel), counts in lines.items():
        verdicts = ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))
        line = rf"^parity  {cell} +{kernel} +{counts.total()}  {verdicts}  .* s$"
        assert len(re.findall(line, printed, re.MULTILINE)) == 1


def _on_a_terminal(tree: Tree, folder: Path, **variables: str) -> bytes:
    """What the report writes to a terminal."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **variables}
    command = [sys.executable, "-m", "kernelproof.report", "--row=cpu", f"--results={folder}"]
    ours, its = pty.openpty()
    with subprocess.Popen(command, cwd=tree.root, env=environment, stdout=its, stderr=its):
        os.close(its)
        written = b""
        try:
            while part := os.read(ours, 65536):
                written += part
        except OSError:  # the end of a terminal whose last writer is gone
            os.close(ours)
    return written


def test_colours(tree: Tree, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that has them; not where NO_COLOR is set, nor in a file, nor on a dumb one."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    (folder / "parity" / f"{PLAN[0].case.id}.json").unlink()
    assert COLOUR.search(_on_a_terminal(tree, folder))
    assert not COLOUR.search(_on_a_terminal(tree, folder, NO_COLOR="1"))
    assert b"\x1b" not in _on_a_terminal(tree, folder, TERM="dumb")
    assert "\x1b" not in _report(tree, folder).stdout
