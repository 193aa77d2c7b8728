"""The monitor of a GPU, with a stand-in for its driver, and the turn that a run takes on it."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pynvml
import pytest

from kernelproof.errors import NotTheRowError
from kernelproof.machine.gpu_monitor import Monitor, State, turn_on
from kernelproof.plan.repository import ROOT

HELD_BACK = ["SwPowerCap", "HwSlowdown", "SwThermalSlowdown", "HwThermalSlowdown"]
HELD_BACK += ["HwPowerBrakeSlowdown"]
AT_EASE = ["None", "GpuIdle", "ApplicationsClocksSetting", "SyncBoost"]
ASKED = ["ClockInfo", "Temperature", "CurrentClocksThrottleReasons"]
# A process that takes a turn, says so, and keeps it for as long as it is told to.
HOLDER = """\
import sys, time
from kernelproof.machine.gpu_monitor import turn_on
with turn_on("the gpu"):
    print("mine", flush=True)
    time.sleep(float(sys.argv[1]))
"""

Driver = Callable[..., Monitor]


def _refuse(*_: object) -> NoReturn:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


def _reason(name: str) -> int:
    return int(getattr(pynvml, f"nvmlClocksThrottleReason{name}"))


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """A monitor of a GPU at 1980 MHz and 54 degrees, whose driver gives `reasons`."""

    def made(reasons: int = 0, refused: tuple[str, ...] = ()) -> Monitor:
        answers: dict[str, Any] = {
            "ClockInfo": lambda gpu, kind: {("gpu", pynvml.NVML_CLOCK_SM): 1980}[gpu, kind],
            "Temperature": lambda gpu, kind: {("gpu", pynvml.NVML_TEMPERATURE_GPU): 54}[gpu, kind],
            "CurrentClocksThrottleReasons": lambda gpu: {"gpu": reasons}[gpu],
        }
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        handles = {"GPU-12ab": "gpu"}
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", handles.__getitem__)
        for name, ask in answers.items():
            monkeypatch.setattr(pynvml, f"nvmlDeviceGet{name}", _refuse if name in refused else ask)
        return Monitor("12ab")

    return made


def test_the_state_is_what_the_driver_says(driver: Driver) -> None:
    """The clock of the multiprocessors, the temperature, and nothing that holds it back."""
    assert driver().read() == State(sm_clock_mhz=1980, temperature_c=54, is_held_back=False)


@pytest.mark.parametrize("name", HELD_BACK)
def test_what_holds_a_clock_back(driver: Driver, name: str) -> None:
    """Power, heat and brakes, whatever harmless reason stands beside them."""
    assert driver(_reason(name)).read().is_held_back
    assert driver(_reason(name) | _reason("GpuIdle")).read().is_held_back


@pytest.mark.parametrize("name", AT_EASE)
def test_what_does_not(driver: Driver, name: str) -> None:
    """Idleness, and clocks that somebody asked for: rounds are not discarded for them."""
    assert not driver(_reason(name)).read().is_held_back


@pytest.mark.parametrize("name", ASKED)
def test_what_the_driver_refuses_is_none(driver: Driver, name: str) -> None:
    """One answer that is refused leaves the others as they are."""
    state = driver(_reason("HwSlowdown"), (name,)).read()
    assert (state.sm_clock_mhz is None) == (name == "ClockInfo")
    assert (state.temperature_c is None) == (name == "Temperature")
    assert state.is_held_back == (name != "CurrentClocksThrottleReasons")


def test_of_another_gpu_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a UUID the driver is not even started."""
    monkeypatch.setattr(pynvml, "nvmlInit", _refuse)
    assert Monitor(None).read() == State()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the locks are, for this process and for those that it starts."""
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
    with _another_run(0.4) as first, turn_on("the gpu", seconds=20):
        assert first.wait(timeout=10) == 0
    assert capsys.readouterr().out == "the gpu: another run has the GPU, waiting for it\n"


def _lock(folder: Path) -> Path:
    (file,) = folder.glob("kernelproof-*-the-gpu.lock")
    return file


def test_a_gpu_that_is_kept_too_long_is_told(folder: Path) -> None:
    """NotTheRowError, exit code 4, with the lock of the run to end."""
    with _another_run(60), pytest.raises(NotTheRowError) as caught, turn_on("the gpu", seconds=1):
        pytest.fail("both have the turn")
    told = "the gpu: found another run on it for 1 s, expected it free; end that run (its lock is"
    assert str(caught.value) == f"{told} {_lock(folder)})"
    assert caught.value.exit == 4


def test_a_run_that_is_killed_leaves_its_turn(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lock is the process's, not the file's."""
    with _another_run(60):
        pass
    with turn_on("the gpu", seconds=5):
        assert _lock(folder).exists()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.usefixtures("folder")
def test_the_turn_ends_with_an_error(error: type[BaseException]) -> None:
    """And whoever comes next does not wait."""
    with pytest.raises(error), turn_on("the gpu"):
        raise error
    with _another_run(0) as next_one:
        assert next_one.wait(timeout=10) == 0
