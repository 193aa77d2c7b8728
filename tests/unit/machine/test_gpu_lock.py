"""The lock on a GPU: one run at a time, by a name that each GPU has for itself."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernelproof.errors import NotTheRowError
from kernelproof.machine.gpu_lock import exclusive_gpu, lock_name
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT

# A process that locks the GPU, says so, and keeps it for so many seconds.
HOLDER = """\
import sys, time
from kernelproof.machine.gpu_lock import exclusive_gpu
with exclusive_gpu("the gpu"):
    print("mine", flush=True)
    time.sleep(float(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the folder of the locks, of this process and of those that it starts."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@contextmanager
def _another_run(seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A process that has the turn, for so many seconds at most."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "mine\n"
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("folder")
def test_a_second_run_waits_for_its_turn(capsys: pytest.CaptureFixture[str]) -> None:
    """It says that it waits, and begins when the first one is done."""
    with _another_run(0.4) as first, exclusive_gpu("the gpu", seconds=20):
        assert first.wait(timeout=10) == 0
    assert capsys.readouterr().out == "the gpu: another run has the GPU, waiting for it\n"


def test_a_gpu_that_is_kept_too_long_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """NotTheRowError, exit code 4, with the lock; a run that is killed leaves the GPU free."""
    with (
        _another_run(60),
        pytest.raises(NotTheRowError) as caught,
        exclusive_gpu("the gpu", seconds=1),
    ):
        pytest.fail("both have the turn")
    (lock,) = folder.glob("kernelproof-*-the-gpu.lock")
    expected = (
        "the gpu: found another run on it for 1 s, expected it free; end that run (its lock is"
    )
    assert str(caught.value) == f"{expected} {lock})"
    assert caught.value.exit == 4
    capsys.readouterr()
    with exclusive_gpu("the gpu", seconds=5):
        assert (lock.exists(), capsys.readouterr().out) == (True, "")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.usefixtures("folder")
def test_the_turn_ends_with_an_error(error: type[BaseException]) -> None:
    """An error in one run's turn frees the GPU, so that the next run does not wait."""
    with pytest.raises(error), exclusive_gpu("the gpu"):
        raise error
    with _another_run(0) as next_run:
        assert next_run.wait(timeout=10) == 0


def test_every_gpu_has_its_own_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A UUID or a number names a GPU's lock, so that two GPUs of a host are timed at once."""
    row, name = matrix.load().rows["mi300x"], "AMD Instinct MI300X"
    monkeypatch.delenv("HIP_VISIBLE_DEVICES", raising=False)
    assert lock_name(None, row) == name
    for visible, expected in (("0", name), ("all", name), ("3,4", f"{name} 3")):
        monkeypatch.setenv("HIP_VISIBLE_DEVICES", visible)
        assert lock_name(None, row) == expected
        assert lock_name("12ab", row) == "12ab"
        assert (lock_name(None, row, 0), lock_name(None, row, 5)) == (name, f"{name} 5")
