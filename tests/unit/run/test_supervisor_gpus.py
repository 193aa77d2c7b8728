"""Workers of several GPUs, and their supervisor's end: what each hears, and says."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from kernelproof.plan.repository import ROOT
from tests.unit.run.process_end import has_ended
from tests.unit.run.supervised import FAULTY, GPUS, HERE, PRELUDE, Runs, runs

__all__ = ["runs"]  # a fixture


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
from kernelproof.errors import run_command
from kernelproof.machine.revision import Revision
from kernelproof.machine.gpus import Gpu, Share
from kernelproof.run import run_plan, supervisor
from kernelproof.run.supervisor import Supervised, supervise
signal.signal(signal.SIGINT, signal.default_int_handler)
supervisor._PULSE = ("-c", "")
words = sys.argv[2:]
cells = run_plan.parse(words)
every = [
    Supervised(worker=(sys.argv[1],), words=words, cells=cells, share=Share(number=n, of=2), plan=cells.plan[n - 1 :: 2],
               gpu=Gpu(number=n, variable="A_GPU", value=str(n)),
               source=Revision(commit="c" * 40, dirty=False, tree="d" * 64))
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
    assert all(map(has_ended, workers))
