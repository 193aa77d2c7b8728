"""The cells as a process: what it leaves behind, however it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.repository import python_path
from kernelproof.records import record_files
from kernelproof.report.report_file import Report
from tests.unit.extending.tree import Tree
from tests.unit.records.made_records import record_of

SMALL = [f"gemma4_routing-cpu-{dtype}-E8-K8-T130" for dtype in ("fp32", "fp16", "bf16")]
SMALL += ["gemma4_routing-cpu-fp32-E128-K8-T0", "gemma4_routing-cpu-fp32-E1-K1-T2049"]
# A quick one, then seconds of work, in which to end the process.
LONG = ["gemma4_routing-cpu-fp32-E128-K8-T128"]
LONG += [f"gemma4_routing-cpu-{d}-E128-K8-T65535" for d in ("fp32", "fp16", "bf16")]
OLD = 1234.5  # seconds that no case takes: marks records that were there before


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A copy of the repository, in which nobody edits a file meanwhile."""
    return Tree.without_golden(tmp_path_factory.mktemp("tree"))


def _plan(ids: Sequence[str]) -> tuple[Planned, ...]:
    return cases.plan(matrix.load(), Selection(case=tuple(ids)))


def _named(ids: Sequence[str], folder: Path) -> list[str]:
    return ["--results", str(folder), *(f"--case={name}" for name in ids)]


def _fill(tree: Tree, folder: Path, ids: Sequence[str]) -> None:
    """Records of an earlier run of the same source, marked."""
    state = revision.current(tree.root)
    for planned in _plan(ids):
        record = record_of(planned, commit=state.commit, tree=state.tree, seconds=OLD)
        record_files.write(folder, planned, record)


def _seconds(folder: Path, ids: Sequence[str]) -> dict[str, float]:
    """What the valid records there say, by case; one that is not valid raises."""
    records = {planned.case.id: record_files.read(folder, planned) for planned in _plan(ids)}
    return {name: record.seconds for name, record in records.items() if record}


def _report(tree: Tree, folder: Path, ids: Sequence[str]) -> tuple[int, dict[str, str]]:
    """The exit code of the report, and its verdicts."""
    code = tree.report(*_named(ids, folder)).returncode
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    return code, {case.id: case.verdict for case in report.cases}


def test_a_run_leaves_a_record_a_case(tree: Tree, tmp_path: Path) -> None:
    """Of this source, with digests, numbers, the machine, and the command that repeats it."""
    done = tree.python("kernelproof.checks", "parity", "--on", "cpu", *_named(SMALL, tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    state = revision.current(tree.root)
    for planned in _plan(SMALL):
        record = record_files.read(tmp_path, planned)
        assert record is not None
        assert (record.outcome, record.reason) == ("pass", "")
        assert (record.commit, record.tree, record.dirty) == (state.commit, state.tree, True)
        assert len(record.digest or "") == len(record.input_digest or "") == 64
        assert record.reproduce == f"nox -s reproduce -- {planned.case.id}"
        assert record.machine["packages"].keys() >= {"torch", "triton"}
        assert record.machine["environment"]["TRITON_INTERPRET"] == "1"
    assert len(list((tmp_path / "parity").iterdir())) == len(SMALL)
    assert _report(tree, tmp_path, SMALL) == (0, dict.fromkeys(SMALL, "pass"))


def test_resuming_runs_what_has_no_valid_record(tree: Tree, tmp_path: Path) -> None:
    """No record, half a record, one of other files; a valid one stays, be it of a failure."""
    _fill(tree, tmp_path, SMALL)
    gone, cut, stale, failed, kept = _plan(SMALL)
    record_files.discard(tmp_path, [gone])
    file = record_files.path_of(tmp_path, cut)
    file.write_bytes(file.read_bytes()[:200])
    state = revision.current(tree.root)
    ours = {"commit": state.commit, "seconds": OLD}
    record_files.write(tmp_path, stale, record_of(stale, tree="0" * 64, **ours))
    failure = record_of(failed, tree=state.tree, outcome="fail", reason="wrong", **ours)
    record_files.write(tmp_path, failed, failure)
    options = ["--resume", *_named(SMALL, tmp_path)]
    done = tree.python("kernelproof.checks", "parity", "--on", "cpu", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    old = {name for name, seconds in _seconds(tmp_path, SMALL).items() if seconds == OLD}
    assert old == {failed.case.id, kept.case.id}
    code, verdicts = _report(tree, tmp_path, SMALL)
    bad = {name: verdict for name, verdict in verdicts.items() if verdict != "pass"}
    assert (code, bad) == (1, {failed.case.id: "fail"})


@contextmanager
def _interruptible() -> Iterator[None]:
    """Processes started within hear SIGINT, even where this one was told to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begun(folder: Path) -> bool:
    return any(seconds != OLD for seconds in _seconds(folder, LONG).values())


def _ended(tree: Tree, folder: Path, by: signal.Signals, *command: str) -> tuple[int, str]:
    """Exit code and output of a command whose processes get a signal after their first record."""
    environment = {
        **os.environ,
        "TRITON_INTERPRET": "1",
        "NOX_SCRIPT_MODE": "none",
        "PYTHONPATH": python_path(tree.root),
    }
    with (folder.parent / "output").open("w+") as output:
        with _interruptible():
            process = subprocess.Popen(
                [sys.executable, "-m", *command, *_named(LONG, folder)],
                cwd=tree.root,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while process.poll() is None and not _begun(folder):
                time.sleep(0.02)
            os.killpg(process.pid, by)
            code = process.wait(timeout=60)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        output.seek(0)
        return code, output.read()


@pytest.mark.parametrize(
    ("by", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)], ids=["ctrl-c", "kill"]
)
def test_a_run_that_is_ended_leaves_valid_records(
    tree: Tree, tmp_path: Path, by: signal.Signals, code: int
) -> None:
    """Its own alone: what it did not reach is missing, older passes of these cases included."""
    folder = tmp_path / "results"
    _fill(tree, folder, LONG)
    ended, output = _ended(tree, folder, by, "kernelproof.checks", "parity", "--on", "cpu")
    assert ended == code, output
    assert "Traceback" not in output
    done = _seconds(folder, LONG)
    assert 0 < len(done) < len(LONG)
    assert OLD not in done.values()
    wanted = {name: "pass" if name in done else "missing" for name in LONG}
    assert _report(tree, folder, LONG) == (1, wanted)


def test_ctrl_c_in_the_session_is_judged(tree: Tree, tmp_path: Path) -> None:
    """The report of what there is comes at once, and says missing for the rest."""
    folder = tmp_path / "results"
    session = ["nox", "--no-venv", "-s", "parity(cpu)", "--"]
    code, output = _ended(tree, folder, signal.SIGINT, *session)
    assert code not in {0, -signal.SIGKILL}, output
    done = _seconds(folder, LONG)
    assert 0 < len(done) < len(LONG)
    said = f"BLOCKED: {len(LONG) - len(done)} missing, {len(done)} pass at unknown (dirty)"
    assert said in output
    report = Report.model_validate_json((folder / "report.json").read_bytes())
    assert report.summary == {"pass": len(done), "missing": len(LONG) - len(done)}


@pytest.mark.parametrize(
    ("row", "code", "said"),
    [
        ("h20", 2, r"--on: found 'h20', expected one of cpu, .*; did you mean 'h200'\?"),
        (
            "h200",
            4,
            r"row h200: found no cuda device \(torch \S+\), expected NVIDIA H200 with cuda; "
            r"run it on that machine, or mend the row's device in matrix\.yaml",
        ),
    ],
    ids=["no row", "another machine"],
)
def test_a_row_that_is_not_here(tree: Tree, tmp_path: Path, row: str, code: int, said: str) -> None:
    """One clear line; the records that the right machine left are still there."""
    theirs = [name.replace("-cpu-", "-h200-") for name in SMALL[:3]]
    _fill(tree, tmp_path, theirs)
    done = tree.python("kernelproof.checks", "parity", "--on", row, "--results", str(tmp_path))
    assert (done.returncode, done.stdout) == (code, "")
    assert re.fullmatch(said + "\n", done.stderr)
    assert _seconds(tmp_path, theirs) == dict.fromkeys(theirs, OLD)
