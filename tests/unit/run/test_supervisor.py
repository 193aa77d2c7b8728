"""Supervised runs: what becomes of each case if workers die, hang, or are interrupted.

A script stands in for the worker. It is a process, since its ends are what is asked about.
"""

import os
import re
import signal
import threading
import time
from dataclasses import replace

import pytest

from kernelproof.machine.revision import Revision
from kernelproof.run.supervisor import ChangedFilesError
from tests.unit.run.stand_in_worker import (
    CHANGED,
    FAULTY,
    GPUS,
    IDS,
    MACHINE,
    STARTED,
    SupervisedRun,
    supervised,
)

__all__ = ["supervised"]  # a fixture
PASSES = {"T1": "pass", "T130": "pass", "T2049": "pass"}
KILLED = "os.kill(os.getpid(), 9)"
STOPPED = "os.kill(os.getpid(), signal.SIGSTOP)"


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        ("pass", []),
        (r"os.write(pipe, b'\xff\n[]\n{}\n{\"x\": 1}\nnull\n{\n')", []),
        ("write(case); send(); sys.exit(70)", [["T2049"]]),
    ],
    ids=["none", "bytes of a library on the pipe", "a lost device"],
)
def test_a_run_whose_cases_pass(
    supervised: SupervisedRun, fault: str, last: list[list[str]]
) -> None:
    """A worker is told the revision and its cases; one that lost its device leaves the others."""
    assert supervised.supervise_fault(fault) == 0
    assert supervised.outcomes() == PASSES
    assert supervised.assigned() == [["T1", "T130", "T2049"], *last]
    assert {assignment.revision for assignment in supervised.assignments()} == {STARTED}


@pytest.mark.parametrize(
    ("fault", "seconds", "outcome", "reason"),
    [
        (KILLED, 30, "crash", r"its process was ended by SIGKILL after \S+ s"),
        ("os._exit(0)", 30, "crash", r"its process ended with exit code 0 after \S+ s"),
        ("os._exit(3)", 30, "crash", r"its process ended with exit code 3 after \S+ s"),
        ("os._exit(67)", 30, "crash", r"its process ended with exit code 67 after \S+ s"),
        ("sys.exit('a word')", 30, "crash", r"its process ended with exit code 1 after .*\na word"),
        ("time.sleep(60)", 0.1, "timeout", r"its process was ended after \S+ s: its limit is 0 s"),
        (STOPPED, 0.1, "timeout", r"its process was ended after \S+ s: its limit is 0 s"),
    ],
    ids=["killed", "exit 0", "exit 3", "exit 67", "last words", "late", "frozen"],
)
def test_a_fault_costs_one_case(
    supervised: SupervisedRun, fault: str, seconds: float, outcome: str, reason: str
) -> None:
    """Another worker runs the rest; the record is of this run, machine and command."""
    assert supervised.supervise_fault(fault, seconds=seconds) == 0
    assert supervised.outcomes() == PASSES | {"T130": outcome}
    assert supervised.assigned() == [["T1", "T130", "T2049"], ["T2049"]]
    record = supervised.records()["T130"]
    assert pytest.approx(record.seconds, abs=5) == 0
    assert (record.commit, record.tree, record.device) == (STARTED.commit, STARTED.tree, "cpu")
    assert record.reproduce == f"nox -s reproduce -- {IDS[1]}"
    assert re.fullmatch(reason, record.reason.strip(), re.DOTALL), record.reason


def test_a_crash_in_the_last_case_ends_the_run(supervised: SupervisedRun) -> None:
    """A crash in the last case leaves no case for another worker, so the run ends."""
    code = FAULTY.replace("-T130", "-T2049").format(seconds=30, fault=KILLED)
    assert supervised.supervise(MACHINE + code) == 0
    assert supervised.outcomes() == PASSES | {"T2049": "crash"}
    assert len(supervised.assigned()) == 1


@pytest.mark.parametrize(
    ("fault", "seconds", "end", "error"),
    [
        ("os.kill(os.getpid(), 11)", 30, "was ended by SIGSEGV after ", "Segmentation fault"),
        ("time.sleep(60)", 0.1, "was ended after ", "Aborted"),
    ],
    ids=["crash", "late"],
)
def test_a_dump_shows_where_python_was(
    supervised: SupervisedRun, fault: str, seconds: float, end: str, error: str
) -> None:
    """Python writes one at a crash, and if it is late and hears a signal."""
    fault = f"import faulthandler; faulthandler.enable(); {fault}"
    assert supervised.supervise_fault(fault, seconds=seconds) == 0
    first, fatal, thread, _, place, *_ = supervised.records()["T130"].reason.splitlines()
    assert first.startswith(f"its process {end}")
    assert fatal == f"Fatal Python error: {error}"
    assert thread.startswith("Current thread 0x")
    assert "worker.py" in place


def test_a_device_that_does_not_answer_ends_the_run(
    supervised: SupervisedRun, capfd: pytest.CaptureFixture[str]
) -> None:
    """After some tries; a case that could not run has no record, and the exit code is not 0."""
    file = supervised.folder / "tries"
    pulse = (
        f"import sys; file = open({str(file)!r}, 'a+'); file.write('.'); "
        "print('CUDA error', file=sys.stderr); sys.exit(file.tell() != 5)"
    )
    supervised.set_pulse(pulse)
    assert supervised.supervise_fault("os._exit(1)") == 69
    assert supervised.outcomes() == {"T1": "pass", "T130": "crash"}
    assert file.read_text() == "..."
    said = "the device does not answer any more: CUDA error; 1 cases have no record"
    assert said in capfd.readouterr().out.splitlines()
    # The device comes back at its fifth check, the second of this run, and is used.
    assert supervised.supervise_fault("os._exit(1)") == 0
    assert supervised.outcomes() == PASSES | {"T130": "crash"}


@pytest.mark.parametrize(
    ("code", "exit_code", "count"),
    [
        ("sys.exit(4)", 4, 1),
        ("sys.exit(3)", 3, 1),
        ("sys.exit(67)", 67, 1),
        (KILLED, 137, 2),
        ("sys.exit(70)", 70, 2),
        (f"{MACHINE}for case in cases[:-1]: run(case)\n{KILLED}", 137, 3),
    ],
    ids=["another machine", "no results", "no test", "killed", "lost", "killed between cases"],
)
def test_workers_without_progress_end_the_run(
    supervised: SupervisedRun, code: str, exit_code: int, count: int
) -> None:
    """A user's own mistake ends it at once; after a signal, one more worker tries."""
    assert supervised.supervise(code) == exit_code
    assert len(supervised.assigned()) == count
    assert len(supervised.records()) == (2 if count > 2 else 0)


@pytest.mark.parametrize(
    ("machine", "end", "count"),
    [("", KILLED, 0), (MACHINE, KILLED, 3), ("", "sys.exit(4)", 3)],
    ids=["before it could", "after", "another machine"],
)
def test_older_records_do_not_outlive_a_death(
    supervised: SupervisedRun, machine: str, end: str, count: int
) -> None:
    """A worker removes them once it knows its machine; if it dies before, the supervisor does."""
    supervised.write_passes(supervised.plan.cases, supervised.folder)
    supervised.supervise(machine + end)
    assert len(supervised.records()) == count


@pytest.mark.parametrize("revisions", [(CHANGED,), (CHANGED, STARTED)], ids=["for good", "a while"])
def test_files_that_change_end_the_run(
    supervised: SupervisedRun, revisions: tuple[Revision, ...]
) -> None:
    """With exit code 3 and one line; no other worker starts, and records are of the start."""
    supervised.set_revisions(*revisions)
    with pytest.raises(ChangedFilesError, match=r"^results: found files that changed") as caught:
        supervised.supervise_fault(KILLED)
    assert caught.value.exit == 3
    assert supervised.outcomes() == {"T1": "pass", "T130": "crash"}
    assert {record.tree for record in supervised.records().values()} == {STARTED.tree}


def test_files_that_change_before_the_end_make_no_good_run(supervised: SupervisedRun) -> None:
    """Though every case passed; files that are as they were, dirty or not, are no change."""
    supervised.set_revisions(replace(STARTED, dirty=True))
    assert supervised.supervise_fault("pass") == 0
    for revision in (replace(STARTED, commit="b" * 40), CHANGED):
        supervised.set_revisions(revision)
        with pytest.raises(ChangedFilesError):
            supervised.supervise_fault("pass")
    assert supervised.outcomes() == PASSES


def test_each_gpu_has_a_worker_that_sees_it_alone(
    supervised: SupervisedRun, capfd: pytest.CaptureFixture[str]
) -> None:
    """With its share; its number stands before each line, on the stream of the line."""
    code = (
        "print(os.environ['CUDA_VISIBLE_DEVICES'], share, len(cases))\n"
        "print('a complaint\\n', file=sys.stderr)\n"
    )
    assert supervised.supervise(code, GPUS) == 0
    output, errors = capfd.readouterr()
    assert sorted(output.splitlines()) == ["GPU 0: GPU-0 1/2 2", "GPU 2: GPU-2 2/2 1"]
    assert sorted(errors.splitlines()) == ["GPU 0: a complaint", "GPU 2: a complaint"]
    # Nothing stands before the lines of a single worker, and empty ones stay.
    assert supervised.supervise("print('a word\\n'); print('a complaint\\n', file=sys.stderr)") == 0
    assert capfd.readouterr() == ("a word\n\n", "a complaint\n\n")


def test_a_share_that_dies_leaves_the_others(
    supervised: SupervisedRun, capfd: pytest.CaptureFixture[str]
) -> None:
    """The others run to their end, and the exit code is the worst of all shares."""
    code = f"if share == '2/2': {KILLED}\n" + FAULTY.format(seconds=30, fault="pass")
    assert supervised.supervise(code, GPUS) == 137
    assert supervised.outcomes() == {"T1": "pass", "T2049": "pass"}
    said = "GPU 2: its process was ended by SIGKILL after "
    assert [line.startswith(said) for line in capfd.readouterr().out.splitlines()] == [True, True]
    for codes in ((0, 0), (0, 4), (4, 3), (65, 2), (0, 130)):
        code = f"sys.exit({codes!r}[int(share[0]) - 1])"
        assert supervised.supervise(code, GPUS) == max(codes)


HEARING = """\
try:
    send(case=cases[0], seconds=30)
    (folder / f"{share[0]}.began").touch()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.2)
    print("heard", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_workers_once(
    supervised: SupervisedRun, capfd: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Each writes what it knows; Ctrl-C of a terminal does not reach it (see child_process)."""

    def interrupt() -> None:
        while len([*supervised.folder.glob("*.began")]) < len(GPUS):
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        supervised.supervise(HEARING, GPUS)
    assert sorted(capfd.readouterr().out.splitlines()) == ["GPU 0: heard", "GPU 2: heard"]
    assert supervised.records() == {}
