"""The noxfile: sessions that matrix.yaml decides on, exit codes that come through, no waiting."""

import itertools
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Selection
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.verdict import session_of
from kernelproof.report.report_file import Report
from tests.unit.extending.tree import Tree
from tests.unit.records.test_record_files import record_of
from tests.unit.report.test_report_process import plain_tree

CASE = "gemma4_routing-cpu-fp32-E8-K8-T130"
TRIVIAL = '''\
import nox


@nox.session
def nothing(session: nox.Session) -> None:
    """Do nothing."""
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy of the repository."""
    return plain_tree(tmp_path_factory.mktemp("tree"))


def _session(
    tree: Tree, name: str, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """One session, in the Python that runs this test."""
    options = ["--", "--results", str(folder), *arguments]
    return tree.python("nox", "--no-venv", "-s", name, *options)


def test_the_sessions_are_listed_with_the_rows(tree: Tree) -> None:
    """Each check by itself and on each row that it has; each session says what it does."""
    sessions = tree.sessions()
    rows = matrix.load().rows
    for check, row in itertools.product(Check, rows):
        if (check, row) != (Check.PERF, "cpu"):
            assert sessions[f"{session_of(check)}({row})"] == f"The same on {rows[row].device}."
    assert "perf-regress(cpu)" not in sessions
    assert {
        *map(session_of, Check),
        "gate-card",
        "mutants",
        "judge",
        "sanitize",
        "bench",
        "report",
        "tests",
        "fuzz",
        "lint",
    } <= sessions.keys()
    assert all(text.endswith(".") for text in sessions.values())


@pytest.mark.parametrize(
    "name",
    ["parity", "perf-regress", "codegen", "bench", "gate-card", "mutants", "faults", "sanitize"],
)
def test_help_is_of_the_session(tree: Tree, name: str) -> None:
    """Its options, whatever machine this is; nothing runs."""
    done = tree.python("nox", "--no-venv", "-s", name, "--", "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("usage: ") == 1
    assert f"usage: nox -s {name} -- [-h]" in done.stdout
    assert "--on" not in done.stdout


def test_bare_nox_runs_the_tests(tree: Tree) -> None:
    """And nothing else: it is green on a laptop."""
    listed = tree.python("nox", "-l").stdout.splitlines()
    assert [line.split()[1] for line in listed if line.startswith("* ")] == ["tests"]


def test_a_row_that_is_added_is_a_session(tmp_path: Path) -> None:
    """Without a change to the noxfile."""
    grown = Tree.at(tmp_path)
    grown.replace("matrix.yaml", "\n  h200:\n", "\n  h200b:\n")
    sessions = grown.sessions()
    assert sessions["parity(h200b)"] == "The same on NVIDIA H200."
    assert "parity(h200)" not in sessions


def _seconds_to_list(noxfile: Path) -> float:
    """The median of three times that ``nox -l`` takes."""
    command = [sys.executable, "-m", "nox", "-l", "-f", str(noxfile)]
    environment = {**os.environ, "NOX_SCRIPT_MODE": "none"}
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            command, cwd=noxfile.parent, env=environment, capture_output=True, check=True
        )
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def test_listing_takes_little_more_than_nox_itself(tree: Tree, tmp_path: Path) -> None:
    """Within a second of a noxfile that has nothing to read."""
    trivial = tmp_path / "noxfile.py"
    trivial.write_text(TRIVIAL)
    more = _seconds_to_list(tree.root / "noxfile.py") - _seconds_to_list(trivial)
    assert more < 1.0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "backend: interpreter",
            "backend: interpretor",
            ":14: rows.cpu.backend: found text 'interpretor', expected 'interpreter', 'cuda', "
            "'hip' or 'xpu'; did you mean 'interpreter'?",
        ),
        ("skips: []", "skips: [", ": the file: found text that is no YAML ("),
    ],
    ids=["a wrong word", "no yaml"],
)
def test_a_wrong_matrix_ends_every_session(tmp_path: Path, old: str, new: str, said: str) -> None:
    """With exit code 2 and its faults, whatever was asked of nox; no traceback."""
    broken = Tree.at(tmp_path)
    broken.replace("matrix.yaml", old, new)
    for arguments in (["-l"], ["--no-venv", "-s", "report"]):
        done = broken.python("nox", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("matrix.yaml:")
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_parity_of_one_case(tree: Tree, tmp_path: Path) -> None:
    """Runs it, judges it, leaves the report, and exits with 0."""
    done = _session(tree, "parity", tmp_path, "--case", CASE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "GOOD: 1 pass at unknown (dirty)\n" in done.stdout
    report = Report.model_validate_json((tmp_path / "report.json").read_bytes())
    assert [(case.id, case.verdict) for case in report.cases] == [(CASE, "pass")]


@pytest.mark.parametrize(
    ("session", "arguments", "code", "said"),
    [
        ("report", ["--row", "cpu"], 1, "BLOCKED: "),
        ("report", ["--row", "cpuu"], 2, "--row: found 'cpuu'"),
        ("parity", ["--case", f"{CASE}0"], 2, f"--case: found '{CASE}0'"),
        ("parity(h200)", ["--dtype", "fp32"], 4, "row h200: found no cuda device"),
        ("parity(cpu)", ["--case", CASE, "--resume"], 1, "BLOCKED: 1 fail at "),
        ("bench", ["--case", "*-T2048"], 4, "bench needs a GPU: found row cpu"),
    ],
    ids=["a bad report", "no row", "no case", "another machine", "a bad parity", "no GPU"],
)
def test_the_exit_code_comes_through(
    tree: Tree, tmp_path: Path, session: str, arguments: list[str], code: int, said: str
) -> None:
    """That of the process which said why, after which nothing else is said."""
    state = revision.current(tree.root)
    (planned,) = cases.plan(matrix.load(), Selection(case=(CASE,)))
    record = record_of(planned, commit=state.commit, tree=state.tree, outcome="fail")
    record_files.write(tmp_path, planned, record)
    done = _session(tree, session, tmp_path, *arguments)
    printed = done.stdout + done.stderr
    assert done.returncode == code, printed
    assert printed.count(said) == 1
    assert "Traceback" not in printed
    assert ("BLOCKED" in printed) == (code == 1)
