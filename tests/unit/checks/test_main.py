"""The command that runs a check's cases: its shares, what is resumed, and its exit codes.

A script stands in for the worker, but for two real runs: of parity, and of a session.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kernelproof.checks import __main__ as command
from kernelproof.errors import run_command
from kernelproof.machine import revision
from kernelproof.machine.gpus import Gpu
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Selection
from kernelproof.plan.repository import python_path
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.sensitivity import LimitError
from kernelproof.report.report_file import Report
from kernelproof.run import benchmark_files
from tests.unit.extending.tree import Tree
from tests.unit.records.made_records import record_of
from tests.unit.run.stand_in_worker import (
    CHANGED,
    FAULTY,
    GPUS,
    MACHINE,
    STARTED,
    SupervisedRun,
    supervised,
)

__all__ = ["supervised"]  # a fixture
PASSES = {"T1": "pass", "T130": "pass", "T2049": "pass"}
TIMED = [f"gemma4_routing-h200-bf16-E128-K8-T{tokens}" for tokens in (1, 128, 2048)]


class Command:
    """The command on a host with these GPUs, with a script in the place of its worker."""

    def __init__(self, run: SupervisedRun, gpus: tuple[Gpu, ...]) -> None:
        self.run = run
        run.monkeypatch.setattr(command, "gpus_of", lambda _: gpus)

    def code(self, *words: str, script: str = FAULTY.format(seconds=30, fault="pass")) -> int:
        """Returns the exit code; `words` follow the command line of the run."""
        worker = self.run.write_script(MACHINE + script)
        self.run.monkeypatch.setattr(command, "_WORKER", worker)
        return run_command(lambda: command.main([*self.run.words, *words]))


@pytest.fixture
def pair(supervised: SupervisedRun) -> Command:
    """Returns the command on a host with two GPUs that are the row."""
    return Command(supervised, GPUS)


def test_the_cases_of_a_row_are_shared(pair: Command, capfd: pytest.CaptureFixture[str]) -> None:
    """Every case is one worker's or the other's; the first line says how many there are."""
    assert pair.code(script="print(share)\n" + FAULTY.format(seconds=30, fault="pass")) == 0
    assert pair.run.outcomes() == PASSES
    assert sorted(pair.run.assigned()) == [["T1", "T2049"], ["T130"]]
    first, *lines = capfd.readouterr().out.splitlines()
    assert first == "3 cases on 2 GPUs: 0, 2"
    assert sorted(lines) == ["GPU 0: 1/2", "GPU 2: 2/2"]
    # Fewer GPUs can be asked for.
    assert pair.code("--gpus", "1") == 0
    assert pair.run.assigned()[2:] == [["T1", "T130", "T2049"]]


def test_resuming_runs_what_has_no_valid_record(
    pair: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not what passed or failed at this revision; a case is of the same share whatever is left."""
    run = pair.run
    first, second, third = run.plan.cases
    source = {"commit": STARTED.commit, "tree": STARTED.tree}
    run.write_passes([first], run.folder)
    failure = record_of(second, outcome="fail", reason="wrong", **source)
    record_files.write(run.folder, second, failure)
    kept = record_files.path_of(run.folder, first).stat().st_mtime_ns
    assert pair.code("--resume") == 0
    assert run.assigned() == [["T2049"]]
    assert run.outcomes() == PASSES | {"T130": "fail"}
    assert record_files.path_of(run.folder, first).stat().st_mtime_ns == kept
    assert capfd.readouterr().out == "1 cases on 2 GPUs: 0, 2\n"
    # Nothing is left to run, and nothing is said.
    assert pair.code("--resume") == 0
    assert len(run.assigned()) == 1
    assert capfd.readouterr().out == ""
    # Half a record, a record of other files, and one of another commit are none.
    file = record_files.path_of(run.folder, first)
    file.write_bytes(file.read_bytes()[:200])
    record_files.write(run.folder, second, record_of(second, **source | {"tree": "0" * 64}))
    record_files.write(run.folder, third, record_of(third, **source | {"commit": "0" * 40}))
    assert pair.code("--resume") == 0
    assert sorted(run.assigned()[1:]) == [["T1", "T2049"], ["T130"]]
    assert run.outcomes() == PASSES


def test_files_that_change_end_the_command(
    supervised: SupervisedRun, capfd: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 3, with one line of error, and a case that crashed does not run again."""
    supervised.set_revisions(STARTED, CHANGED)
    script = FAULTY.format(seconds=30, fault="os.kill(os.getpid(), 9)")
    assert Command(supervised, ()).code(script=script) == 3
    assert supervised.assigned() == [["T1", "T130", "T2049"]]
    assert supervised.outcomes() == {"T1": "pass", "T130": "crash"}
    assert {record.tree for record in supervised.records().values()} == {STARTED.tree}
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("results: found files that changed while the run lasted")


def test_samples_of_all_shares_are_one_file(pair: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though a share has none; of parity nothing is merged."""
    merged: list[tuple[list[str], str]] = []

    def merge(parts: list[Path], file: Path) -> None:
        merged.append(([part.name for part in parts], file.name))

    monkeypatch.setattr(benchmark_files, "merge", merge)
    monkeypatch.setattr(command, "require_visible", lambda *_: None)
    assert pair.code() == 0
    assert merged == []
    names = [f"--case={name}" for name in TIMED]
    words = ["perf", "--on", "h200", "--results", str(pair.run.folder), *names]
    assert command.main(words) == 0
    parts = [f"h200.benchmark.{number}of2.json" for number in (1, 2)]
    assert merged == [(parts, "h200.benchmark.json")]


def test_a_limit_below_what_is_visible_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is timed; exit code 2, as for a fault of matrix.yaml."""

    def require_visible(row: str, case: str, limit: float) -> None:
        assert (row, case, limit) == ("h200", TIMED[0], 3)
        raise LimitError("too small")

    monkeypatch.setattr(command, "require_visible", require_visible)
    monkeypatch.setattr(command, "supervise", lambda *_: pytest.fail("timed"))
    words = ["perf", "--on", "h200", "--results", str(tmp_path), f"--case={TIMED[0]}"]
    assert run_command(lambda: command.main(words)) == 2
    assert capsys.readouterr() == ("", "too small\n")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_row_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """In one line, with the likely correction."""
    assert run_command(lambda: command.main(["parity", "--on", "h20"])) == 2
    message = r"--on: found 'h20', expected one of cpu, .*; did you mean 'h200'\?\n"
    assert re.fullmatch(message, capsys.readouterr().err)


def test_a_run_leaves_a_record_a_case(shared_tree: Tree, tmp_path: Path) -> None:
    """A real worker runs a real kernel: the record is of this source, machine and command.

    It is a process, since everything between the command line and a record is asked about.
    """
    names = ["toy-cpu-fp32-N33-T40", "toy-cpu-bf16-N33-T40"]
    options = ["--results", str(tmp_path), *(f"--case={name}" for name in names)]
    done = shared_tree.python("kernelproof.checks", "parity", "--on", "cpu", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    source = revision.current(shared_tree.root)
    records = [record_files.read_file(tmp_path / "parity" / f"{name}.json") for name in names]
    for name, record in zip(names, records, strict=True):
        assert (record.case, record.outcome, record.reason) == (name, "pass", "")
        assert (record.commit, record.tree, record.dirty) == (source.commit, source.tree, True)
        assert len(record.digest or "") == len(record.input_digest or "") == 64
        assert record.reproduce == f"nox -s reproduce -- {name}"
        assert record.machine["packages"].keys() >= {"torch", "triton"}
        assert record.machine["environment"]["TRITON_INTERPRET"] == "1"
    assert len(list((tmp_path / "parity").iterdir())) == len(names)


# A quick case, then seconds of work, in which to interrupt it.
LONG = ["gemma4_routing-cpu-fp32-E128-K8-T0"]
LONG += [f"gemma4_routing-cpu-{dtype}-E128-K8-T65535" for dtype in ("fp32", "fp16", "bf16")]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Processes started within hear SIGINT, even if this one was told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(tree: Tree, folder: Path) -> tuple[int, str]:
    """Returns exit code and output of a session whose group gets Ctrl-C after its first record."""
    variables = {"TRITON_INTERPRET": "1", "NOX_SCRIPT_MODE": "none"}
    names = [f"--case={name}" for name in LONG]
    session = ["nox", "--no-venv", "-s", "parity(cpu)", "--", "--results", str(folder), *names]
    with (folder.parent / "output").open("w+") as output:
        with _interruptible():
            process = subprocess.Popen(
                [sys.executable, "-m", *session],
                cwd=tree.root,
                env={**os.environ, **variables, "PYTHONPATH": python_path(tree.root)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while process.poll() is None and not any(_seconds(folder)):
                time.sleep(0.02)
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        output.seek(0)
        return code, output.read()


OLD = 1234.5  # seconds that no case takes: marks records that were there before


def _seconds(folder: Path) -> list[float]:
    """Returns the seconds of the valid records of this run; raises if one is not valid."""
    plan = cases.plan(matrix.load(), Selection(case=tuple(LONG)), [Check.PARITY])
    records = [record_files.read(folder, planned) for planned in plan]
    return [record.seconds for record in records if record and record.seconds != OLD]


def test_ctrl_c_in_a_session_is_judged(shared_tree: Tree, tmp_path: Path) -> None:
    """The report of what there is comes at once; what was not reached is missing.

    Older passes of those cases do not count. It is a process, since nox and its own end with it.
    """
    folder = tmp_path / "results"
    source = revision.current(shared_tree.root)
    for planned in cases.plan(matrix.load(), Selection(case=tuple(LONG)), [Check.PARITY]):
        old = record_of(planned, commit=source.commit, tree=source.tree, seconds=OLD)
        record_files.write(folder, planned, old)
    code, output = _interrupt(shared_tree, folder)
    assert code not in {0, -signal.SIGKILL}, output
    count = len(_seconds(folder))
    assert 0 < count < len(LONG)
    assert f"BLOCKED: {len(LONG) - count} missing, {count} " in output
    assert "Traceback" not in output
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    assert report.summary["missing"] == len(LONG) - count
