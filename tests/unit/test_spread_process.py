"""Spread runs as processes: stand-in commands on stand-in GPUs."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline import spread
from pipeline.matrix import ROOT
from pipeline.spread import Gpu

GPUS = tuple(
    Gpu(number=number, variable="CUDA_VISIBLE_DEVICES", value=f"GPU-{number}") for number in (0, 2)
)


def _python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_each_gpu_has_a_process_that_sees_it_alone(capfd: pytest.CaptureFixture[str]) -> None:
    """With its share, and its number before each line, on the stream that it was said on."""
    code = (
        "import os, sys; print(os.environ['CUDA_VISIBLE_DEVICES'], *sys.argv[1:]); "
        "print('a complaint', file=sys.stderr)"
    )
    assert spread.run([*_python(code), "word"], GPUS) == 0
    said, complaints = capfd.readouterr()
    assert sorted(said.splitlines()) == [
        "GPU 0: GPU-0 word --share 1/2",
        "GPU 2: GPU-2 word --share 2/2",
    ]
    assert sorted(complaints.splitlines()) == ["GPU 0: a complaint", "GPU 2: a complaint"]


@pytest.mark.parametrize(
    ("codes", "worst"),
    [((0, 0), 0), ((0, 4), 4), ((4, 3), 4), ((65, 2), 65), ((0, 130), 130)],
)
def test_the_exit_code_is_the_worst(codes: tuple[int, int], worst: int) -> None:
    """Of all processes, whichever ended last."""
    code = f"import sys; sys.exit({codes!r}[int(sys.argv[-1][0]) - 1])"
    assert spread.run(_python(code), GPUS) == worst


def test_one_that_dies_leaves_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    """They are waited for; it is told, and its code is a shell's for the signal."""
    code = (
        "import os, sys, time\n"
        "if sys.argv[-1] == '1/2': os.kill(os.getpid(), 9)\n"
        "time.sleep(0.5); print('done')"
    )
    assert spread.run(_python(code), GPUS) == 137
    assert capfd.readouterr().out == (
        "GPU 2: done\nGPU 0: its process was ended by SIGKILL: its share is missing\n"
    )


def _interruptible(folder: Path, code: str) -> subprocess.Popen[str]:
    """A spread run of `code`, in a session of its own, whose Ctrl-C is heard."""
    script = (
        "import signal, sys\n"
        "from pipeline import spread\n"
        "from pipeline.errors import run_command\n"
        "from pipeline.spread import Gpu\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "gpus = [Gpu(number=n, variable='A_GPU', value=str(n)) for n in (0, 1)]\n"
        "command = [sys.executable, *sys.argv[1:]]\n"
        "sys.exit(run_command(lambda: spread.run(command, gpus)))\n"
    )
    file = folder / "share.py"
    file.write_text(code)
    return subprocess.Popen(
        [*_python(script), str(file), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


HEARING = """\
import sys, time
from pathlib import Path
from pipeline import spread
folder, share = Path(sys.argv[1]), sys.argv[-1].replace("/", "of")
spread.hear_the_parent()
try:
    (folder / f"{share}.began").touch()
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.5)
    (folder / f"{share}.wrote").touch()
    print("heard", flush=True)
    sys.exit(130)
"""


@pytest.mark.parametrize("whom", ["all", "the parent"])
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_all_once(tmp_path: Path, by: signal.Signals, whom: str) -> None:
    """Each writes what it knows, undisturbed, whether the terminal told it too or not."""
    if (by, whom) == (signal.SIGTERM, "all"):
        by = signal.SIGINT  # a terminal sends no other to all
    with _interruptible(tmp_path, HEARING) as process:
        try:
            deadline = time.monotonic() + 30
            while len(list(tmp_path.glob("*.began"))) < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            (os.killpg if whom == "all" else os.kill)(process.pid, by)
            said, _ = process.communicate(timeout=30)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, sorted(said.splitlines())) == (
        130,
        ["GPU 0: heard", "GPU 1: heard"],
    )
    assert {file.name for file in tmp_path.glob("*.wrote")} == {"1of2.wrote", "2of2.wrote"}
