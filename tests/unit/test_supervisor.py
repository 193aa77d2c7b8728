"""Workers that die, hang and speak, with stand-ins for what they run: what becomes of each case."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import results
from pipeline.cases import Planned
from pipeline.matrix import ROOT
from pipeline.results import Record
from pipeline.source import Source
from pipeline.spread import Gpu, Share
from tests.cells import asked, process, supervisor
from tests.cells.supervisor import Supervised, supervise
from tests.unit.test_results import record_of

IDS = [f"gemma4_routing-cpu-fp32-E8-K8-T{tokens}" for tokens in (1, 130, 2049)]
STATE = Source(commit="c" * 40, dirty=False, tree="d" * 64)
GPUS = tuple(
    Gpu(number=number, variable="CUDA_VISIBLE_DEVICES", value=f"GPU-{number}") for number in (0, 2)
)
# What a stand-in is made of: `tell`, `write` a record of a case that passed, and `left` to run.
PRELUDE = """\
import json, os, signal, sys, time
from pathlib import Path
from tests.cells import asked, telling
from tests.unit.test_supervisor import STATE, write
cells = asked.parse(sys.argv[1:])
teller = telling.Teller(cells.tell)
telling.obey()
folder = cells.folder
number = len(list(folder.glob("*.began")))
(folder / f"{number}.{cells.share.number}.began").touch()
left = [one for one in cells.share.take(cells.plan) if not
        (cells.is_resumed and (folder / "parity" / f"{one.case.id}.json").exists())]
def begin(one, seconds=30):
    teller.tell(telling.Told(case=one.case.id, seconds=seconds))
def end(one):
    write(folder, one)
    teller.tell(telling.Told())
"""
# It has taken older records away, and is about to run.
HERE = 'teller.tell(telling.Told(machine={"device": {"name": "cpu"}}))\n'
# Every case passes, but for the second, at which it does `{fault}`.
FAULTY = """\
for one in left:
    begin(one, {seconds})
    if one.case.id.endswith("-T130"):
        {fault}
    end(one)
"""


def write(folder: Path, planned: Planned) -> None:
    """A record of a case that passed."""
    record = record_of(planned, commit=STATE.commit, tree=STATE.tree, dirty=STATE.dirty)
    results.write(folder, planned, record)


@dataclass
class Runs:
    """Supervised runs of a stand-in for the worker, in a folder of results."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def of(self, code: str, *, gpus: Sequence[Gpu | None] = (None,), here: str = HERE) -> int:
        """The exit code of a run whose workers are `code`."""
        file = self.folder / "worker.py"
        file.write_text(PRELUDE + here + code)
        self.monkeypatch.setattr(supervisor, "_WORKER", (str(file),))
        return supervise(
            [
                Supervised(
                    words=self.words,
                    cells=self.cells,
                    share=Share(number=number, of=len(gpus)),
                    plan=Share(number=number, of=len(gpus)).take(self.cells.plan),
                    gpu=gpu,
                    source=STATE,
                )
                for number, gpu in enumerate(gpus, start=1)
            ]
        )

    @property
    def words(self) -> list[str]:
        """The command line of the cells."""
        named = [f"--case={name}" for name in IDS]
        return ["parity", "--on", "cpu", "--results", str(self.folder), *named]

    @property
    def cells(self) -> asked.Asked:
        """The same, parsed."""
        return asked.parse(self.words)

    def records(self) -> dict[str, Record]:
        """The valid records, by the end of the case's id."""
        found = {one.case.id: results.read(self.folder, one) for one in self.cells.plan}
        return {name.rpartition("-")[2]: one for name, one in found.items() if one}

    def outcomes(self) -> dict[str, str]:
        """Their outcomes."""
        return {name: record.outcome for name, record in self.records().items()}

    def began(self) -> int:
        """How many workers there were."""
        return len([*self.folder.glob("*.began")])

    def pulse(self, code: str) -> None:
        """What a check of the device does."""
        self.monkeypatch.setattr(supervisor, "_PULSE", ("-c", code))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """A fresh folder; what is not told takes no long time, and the device is well."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(process, "SECONDS_OF_GRACE", 0.2)
    monkeypatch.setattr(process, "_SECONDS_TO_SPEAK", 2)
    monkeypatch.setattr(supervisor, "_SECONDS_BETWEEN", 0.01)
    made = Runs(tmp_path, monkeypatch)
    made.pulse("")
    return made


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


def test_each_gpu_has_a_worker_that_sees_it_alone(
    runs: Runs, capfd: pytest.CaptureFixture[str]
) -> None:
    """With its share, and its number before each line, on the stream that it was said on."""
    code = (
        "print(os.environ['CUDA_VISIBLE_DEVICES'], cells.share, len(left))\n"
        "print('a complaint', file=sys.stderr)\n"
    )
    assert runs.of(code, gpus=GPUS) == 0
    said, complaints = capfd.readouterr()
    assert sorted(said.splitlines()) == ["GPU 0: GPU-0 1/2 2", "GPU 2: GPU-2 2/2 1"]
    assert sorted(complaints.splitlines()) == ["GPU 0: a complaint", "GPU 2: a complaint"]


def test_alone_it_says_what_it_says(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """With nothing before, empty lines included: it may have the terminal."""
    assert runs.of("print('a word\\n'); print('a complaint\\n', file=sys.stderr)") == 0
    assert capfd.readouterr() == ("a word\n\n", "a complaint\n\n")


@pytest.mark.parametrize(
    ("codes", "worst"),
    [((0, 0), 0), ((0, 4), 4), ((4, 3), 4), ((65, 2), 65), ((0, 130), 130)],
)
def test_the_exit_code_is_the_worst(runs: Runs, codes: tuple[int, int], worst: int) -> None:
    """Of all shares, whichever ended last."""
    assert runs.of(f"sys.exit({codes!r}[cells.share.number - 1])", gpus=GPUS) == worst


def test_a_share_that_dies_leaves_the_others(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """They run to their end; it is told, with the number of the GPU."""
    code = "if cells.share.number == 2: os.kill(os.getpid(), 9)\n"
    assert runs.of(code + FAULTY.format(seconds=30, fault="pass"), gpus=GPUS) == 137
    assert runs.outcomes() == {"T1": "pass", "T2049": "pass"}
    (first, second) = capfd.readouterr().out.splitlines()
    assert first.startswith("GPU 2: its process was ended by SIGKILL after ")
    assert second.startswith("GPU 2: its process was ended by SIGKILL after ")


SUPERVISING = """\
import signal, sys
from pipeline.errors import run_command
from pipeline.source import Source
from pipeline.spread import Gpu, Share
from tests.cells import asked, supervisor
from tests.cells.supervisor import Supervised, supervise
signal.signal(signal.SIGINT, signal.default_int_handler)
supervisor._WORKER = (sys.argv[1],)
supervisor._PULSE = ("-c", "")
words = sys.argv[2:]
cells = asked.parse(words)
every = [
    Supervised(words=words, cells=cells, share=Share(number=n, of=2), plan=cells.plan[n - 1 :: 2],
               gpu=Gpu(number=n, variable="A_GPU", value=str(n)),
               source=Source(commit="c" * 40, dirty=False, tree="d" * 64))
    for n in (1, 2)
]
sys.exit(run_command(lambda: supervise(every)))
"""
HEARING = """\
try:
    begin(left[0])
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    (folder / f"{cells.share.number}.wrote").touch()
    print("heard", flush=True)
    sys.exit(130)
"""


def _supervising(runs: Runs, code: str) -> subprocess.Popen[str]:
    """A supervised run of `code` on two GPUs, in a session of its own, whose Ctrl-C is heard."""
    file = runs.folder / "worker.py"
    file.write_text(PRELUDE + HERE + code)
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISING, str(file), *runs.words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while runs.began() < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)
    return process


@pytest.mark.parametrize("whom", ["all", "the parent"])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_once(runs: Runs, by: signal.Signals, whom: str) -> None:
    """Each writes what it knows, undisturbed, whether the terminal told it too or not."""
    with _supervising(runs, HEARING) as process:
        try:
            (os.killpg if whom == "all" else os.kill)(process.pid, by)
            said, _ = process.communicate(timeout=30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, sorted(said.splitlines())) == (
        130,
        ["GPU 1: heard", "GPU 2: heard"],
    )
    assert {file.name for file in runs.folder.glob("*.wrote")} == {"1.wrote", "2.wrote"}


def test_workers_do_not_outlive_the_supervisor(runs: Runs) -> None:
    """Though it can tell them nothing any more, and they are busy in C code."""
    code = "begin(left[0]); (folder / f'{os.getpid()}.pid').touch(); time.sleep(60)"
    with _supervising(runs, code) as process:
        process.kill()
        process.communicate(timeout=30)
    workers = [int(file.stem) for file in runs.folder.glob("*.pid")]
    assert len(workers) == 2
    deadline = time.monotonic() + 10
    while any(map(_lives, workers)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(_lives, workers))


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
