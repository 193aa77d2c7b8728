"""Workers that die, hang and speak, with stand-ins for what they run: what becomes of each case."""

import re

import pytest

from tests.unit.run.supervised import FAULTY, HERE, IDS, STATE, Runs, runs, write

__all__ = ["runs"]  # a fixture


def test_a_run_without_faults_is_one_worker(runs: Runs) -> None:
    """Its exit code is 0."""
    assert runs.of(FAULTY.format(seconds=30, fault="pass")) == 0
    assert runs.outcomes() == {"T1": "pass", "T130": "pass", "T2049": "pass"}
    assert runs.began() == 1


@pytest.mark.parametrize(
    ("fault", "seconds", "outcome", "said"),
    [
        ("os.kill(os.getpid(), 9)", 30, "crash", r"its process was ended by SIGKILL after \S+ s"),
        ("os._exit(0)", 30, "crash", r"its process ended with exit code 0 after \S+ s"),
        ("os._exit(67)", 30, "crash", r"its process ended with exit code 67 after \S+ s"),
        ("sys.exit('a word')", 30, "crash", r"its process ended with exit code 1 after .*\na word"),
        ("time.sleep(60)", 0.3, "timeout", r"its process was ended after \S+ s: its limit is 0 s"),
        (
            "os.kill(os.getpid(), signal.SIGSTOP)",
            0.3,
            "timeout",
            r"its process was ended after \S+ s: its limit is 0 s",
        ),
    ],
    ids=["killed", "exit 0", "exit 67", "last words", "late", "frozen"],
)
def test_a_fault_costs_one_case(
    runs: Runs, fault: str, seconds: float, outcome: str, said: str
) -> None:
    """The rest is run by another worker; the record is of this source, machine and command."""
    assert runs.of(FAULTY.format(seconds=seconds, fault=fault)) == 0
    assert runs.outcomes() == {"T1": "pass", "T130": outcome, "T2049": "pass"}
    assert runs.began() == 2
    record = runs.records()["T130"]
    assert pytest.approx(record.seconds, abs=5) == 0
    assert (record.commit, record.tree, record.device) == (STATE.commit, STATE.tree, "cpu")
    assert record.reproduce == f"nox -s reproduce -- {IDS[1]}"
    assert re.fullmatch(said, record.reason.strip(), re.DOTALL), record.reason


def test_a_dump_is_told_without_what_is_not_ours(runs: Runs) -> None:
    """Where Python was, in the thread that ran the case."""
    code = "import faulthandler; faulthandler.enable()\n" + FAULTY.format(
        seconds=30, fault="os.kill(os.getpid(), signal.SIGSEGV)"
    )
    assert runs.of(code) == 0
    first, fatal, thread, place, *_ = runs.records()["T130"].reason.splitlines()
    assert first.startswith("its process was ended by SIGSEGV after ")
    assert fatal == "Fatal Python error: Segmentation fault"
    assert thread.startswith("Current thread 0x")
    assert "worker.py" in place
    assert "_end_with_the_supervisor" not in runs.records()["T130"].reason


def test_a_lost_device_is_left_to_another_worker(runs: Runs) -> None:
    """Its own record stays: what a worker has recorded is not told twice."""
    fault = "write(folder, one); teller.tell(telling.Told()); sys.exit(telling.LOST)"
    assert runs.of(FAULTY.format(seconds=30, fault=fault)) == 0
    assert runs.outcomes() == {"T1": "pass", "T130": "pass", "T2049": "pass"}
    assert runs.began() == 2


def test_a_device_that_does_not_answer_ends_the_run(
    runs: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    """After some tries; what could not run has no record, and the exit code is not 0."""
    runs.pulse(
        f"import sys, pathlib; pathlib.Path({str(runs.folder)!r}, 'asked').open('a').write('.'); "
        "print('CUDA error', file=sys.stderr); sys.exit(1)"
    )
    assert runs.of(FAULTY.format(seconds=30, fault="os._exit(1)")) == 69
    assert runs.outcomes() == {"T1": "pass", "T130": "crash"}
    assert (runs.folder / "asked").read_text() == "..."
    said = "the device does not answer any more: CUDA error; 1 cases have no record"
    assert said in capfd.readouterr().out.splitlines()


def test_a_device_that_comes_back_is_used(runs: Runs) -> None:
    """It is asked again before it is given up."""
    asked_ = str(runs.folder / "asked")
    runs.pulse(
        f"import sys, pathlib; file = pathlib.Path({asked_!r}); known = file.exists(); "
        "file.touch(); sys.exit(not known)"
    )
    assert runs.of(FAULTY.format(seconds=30, fault="os._exit(1)")) == 0
    assert runs.outcomes() == {"T1": "pass", "T130": "crash", "T2049": "pass"}


@pytest.mark.parametrize(
    ("code", "exit_code", "workers"),
    [
        ("sys.exit(4)", 4, 1),
        ("sys.exit(3)", 3, 1),
        ("sys.exit(67)", 67, 1),
        ("os.kill(os.getpid(), 9)", 137, 2),
    ],
    ids=["another machine", "no results", "no test", "killed"],
)
def test_one_that_does_not_begin_is_not_followed_for_ever(
    runs: Runs, code: str, exit_code: int, workers: int
) -> None:
    """A user's own mistake at once; one that a signal ended is tried once more."""
    assert runs.of(code) == exit_code
    assert (runs.records(), runs.began()) == ({}, workers)


@pytest.mark.parametrize(
    ("here", "code", "left"),
    [
        ("", "os.kill(os.getpid(), 9)", 0),
        (HERE, "os.kill(os.getpid(), 9)", 3),
        ("", "sys.exit(4)", 3),
    ],
    ids=["before it could", "after", "another machine"],
)
def test_older_records_do_not_outlive_a_death(runs: Runs, here: str, code: str, left: int) -> None:
    """A worker takes them away, once it knows its machine; where it dies before, they go, too."""
    for one in runs.cells.plan:
        write(runs.folder, one)
    runs.of(code, here=here)
    assert len(runs.records()) == left
