"""The noxfile: sessions that matrix.yaml decides on, exit codes that come through, no waiting."""

import importlib
import itertools
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nox.registry
import pytest
from nox.command import CommandFailed

import noxfile
from kernelproof.errors import run_command
from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Selection
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.verdict import session_of
from tests.unit.extending.tree import Tree
from tests.unit.records.made_records import record_of

CASE = "gemma4_routing-cpu-fp32-E8-K8-T1"
TRIVIAL = '''\
import nox


@nox.session
def nothing(session: nox.Session) -> None:
    """Do nothing."""
'''


class SessionHere:
    """A nox session whose commands, all of this project, run in this process, or are faked."""

    def __init__(
        self, capsys: pytest.CaptureFixture[str], *posargs: str, backend: str = "none"
    ) -> None:
        self.posargs, self._capsys = posargs, capsys
        self._runner = SimpleNamespace(global_config=SimpleNamespace(force_venv_backend=backend))
        self.fakes: dict[str, Any] = {}
        self.log = print
        self.commands: list[tuple[str, ...]] = []

    def run(self, *command: str, silent: bool = False, **_: Any) -> str:
        """Calls the main function of ``python -m MODULE``; returns what it prints if `silent`."""
        self.commands.append(command)
        name, arguments = command[2], command[3:]
        if name in self.fakes:
            raise self.fakes[name]
        is_package = (ROOT / "pipeline" / name.replace(".", "/")).is_dir()
        module = importlib.import_module(f"{name}.__main__" if is_package else name)
        before = self._capsys.readouterr() if silent else None
        try:
            code = run_command(partial(module.main, arguments))
        except SystemExit as end:  # argparse's
            code = int(end.code or 0)
        if code:
            raise CommandFailed(return_code=code)
        if before is None:
            return ""
        printed = self._capsys.readouterr()
        sys.stdout.write(before.out)
        sys.stderr.write(before.err + printed.err)
        return printed.out


def _code(session: SessionHere, name: str) -> int:
    """Runs a session of the noxfile; returns the exit code that nox ends with."""
    try:
        nox.registry.get()[name].func(session)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_sessions_are_those_of_the_rows() -> None:
    """Each check has a session, and one for each of its rows; each session says what it does."""
    assert noxfile.ROOT == ROOT
    sessions = {name: function.__doc__ or "" for name, function in nox.registry.get().items()}
    rows = matrix.load().rows
    for check, row in itertools.product(Check, rows):
        if (check, row) != (Check.PERF, "cpu"):
            assert sessions[f"{session_of(check)}({row})"] == f"The same on {rows[row].device}."
    assert "perf-regress(cpu)" not in sessions
    others = {"gate-card", "mutants", "sanitize", "bench", "report", "tests", "fuzz", "lint"}
    assert {*map(session_of, Check), *others} <= sessions.keys()
    assert [name for name, text in sessions.items() if not text.strip().endswith(".")] == []


def test_help_is_of_the_session(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each session prints its options on any machine; its command takes the row it is given."""

    def parse_with_and_without_help(parser: ArgumentParser, words: list[str]) -> None:
        parse(parser, [word for word in words if word != "--help"])
        parse(parser, words)

    parse = ArgumentParser.parse_args
    monkeypatch.setattr(ArgumentParser, "parse_args", parse_with_and_without_help)
    measuring = ("perf-regress", "bench", "gate-card")
    for name in ("parity", *measuring, "codegen", "mutants", "faults", "sanitize"):
        assert _code(SessionHere(capsys, "--help"), name) == 0
        printed = capsys.readouterr().out
        assert printed.count("usage: ") == 1, name
        assert f"usage: nox -s {name} -- [-h]" in printed
        assert "--on" not in printed


def test_the_exit_code_comes_through(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The exit code is that of the process which said why; a session ends there."""
    state = revision.current()
    (planned,) = cases.plan(matrix.load(), Selection(case=(CASE,)))
    record = record_of(planned, commit=state.commit, tree=state.tree, outcome="fail")
    record_files.write(tmp_path, planned, record)
    for name, arguments, code, message in (
        ("report", ["--row", "cpu"], 1, "BLOCKED: "),
        ("report", ["--row", "cpuu"], 2, "--row: found 'cpuu'"),
        ("parity", ["--case", f"{CASE}0"], 2, f"--case: found '{CASE}0'"),
        ("parity(cpu)", ["--case", CASE, "--resume"], 1, "BLOCKED: 1 fail at "),
        ("bench", ["--case", "*-T2048"], 4, "bench needs a GPU: found row cpu"),
    ):
        session = SessionHere(capsys, "--results", str(tmp_path), *arguments)
        assert _code(session, name) == code
        printed = "".join(capsys.readouterr())
        assert printed.count(message) == 1, printed
        assert ("BLOCKED" in printed) == (code == 1)


def test_another_machine_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A session of a GPU that is not here ends with 4, before any environment is made for it."""
    session = SessionHere(capsys, "--dtype", "fp32", backend="")
    assert _code(session, "parity(h200)") == 4
    assert "row h200: found " in capsys.readouterr().err
    assert [command[2] for command in session.commands] == ["kernelproof.machine.hardware"]


def test_a_run_on_another_machine_is_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """A user's error ends the session, since there is nothing to judge."""
    session = SessionHere(capsys, "--case", CASE)
    session.fakes = {"kernelproof.checks": CommandFailed(return_code=4)}
    assert _code(session, "parity(cpu)") == 4
    assert "kernelproof.report" not in [command[2] for command in session.commands]


def test_an_interrupted_run_is_judged(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Ctrl-C leaves a report, on which the cases that did not run are missing."""
    session = SessionHere(capsys, "--case", CASE, "--results", str(tmp_path))
    session.fakes = {"kernelproof.checks": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        _code(session, "parity")
    assert "BLOCKED: 1 missing at " in capsys.readouterr().out


def test_modules_of_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    """perf-regress compares generated code on the cpu row, or two commits if they are named.

    Mutants of verdicts need no row, those of kernels do.
    """
    hardware, mutation = "kernelproof.machine.hardware", "kernelproof.selftest.mutation"
    checks = "kernelproof.checks"
    for name, words, modules in (
        ("perf-regress", ["--row=cpu"], [f"{checks}.codegen"]),
        ("perf-regress", ["--row=cpu", "--against=main"], [f"{checks}.perf"]),
        ("perf-regress", ["--row=cpu", "--bisect", "a"], [f"{checks}.perf"]),
        ("mutants", ["--mutant=x"], [hardware, mutation]),
        ("mutants", ["--mutant=x", "--of=verdicts"], [mutation]),
    ):
        session = SessionHere(capsys, *words)
        session.fakes = {modules[-1]: CommandFailed(return_code=5)}
        assert _code(session, name) == 5
        commands = [command[2] for command in session.commands]
        assert commands[-len(modules) :] == modules
        assert name != "mutants" or commands == modules


def test_the_matrix_decides(tmp_path: Path) -> None:
    """A row that is added is a session; a wrong matrix ends every session with 2: in processes.

    Only processes read another matrix.yaml than this one has.
    """
    tree = Tree.at(tmp_path)
    tree.replace("matrix.yaml", "\n  h200:\n", "\n  h200b:\n")
    listed = tree.python("nox", "-l").stdout.splitlines()
    assert [line.split()[1] for line in listed if line.startswith("* ")] == ["tests"]
    assert "- parity(h200b) -> The same on NVIDIA H200." in listed
    assert not any("parity(h200)" in line for line in listed)
    lines = (tree.root / "matrix.yaml").read_text().splitlines()
    line = lines.index("    backend: interpreter") + 1
    typo = ("backend: interpreter", "backend: interpretor")
    for old, new, start, end in (
        (
            *typo,
            f":{line}:14: rows.cpu.backend: found text 'interpretor', expected",
            "'interpreter'?",
        ),
        (
            "skips: []",
            "skips: [",
            f":{len(lines) + 1}:1: the file: found text that is no YAML (",
            "expected YAML",
        ),
    ):
        tree.replace("matrix.yaml", old, new)
        for arguments in (["-l"], ["--no-venv", "-s", "report"]):
            done = tree.python("nox", *arguments)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr.startswith(f"matrix.yaml{start}")
            assert done.stderr.rstrip().endswith(end)
            assert "Traceback" not in done.stderr
        tree.replace("matrix.yaml", new, old)


def test_listing_takes_little_more_than_nox_itself(tmp_path: Path) -> None:
    """The noxfile is read within a second more than one that has nothing to read."""
    trivial = tmp_path / "noxfile.py"
    trivial.write_text(TRIVIAL)
    assert _seconds_to_list(ROOT / "noxfile.py") - _seconds_to_list(trivial) < 1.0


def _seconds_to_list(file: Path) -> float:
    """Returns the shortest of the times that three runs of ``nox -l`` take."""
    command = [sys.executable, "-m", "nox", "-l", "-f", str(file)]
    environment = {**os.environ, "NOX_SCRIPT_MODE": "none"}
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, cwd=file.parent, env=environment, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return min(times)
