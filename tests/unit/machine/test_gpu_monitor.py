"""The monitor of a GPU, with a stand-in for its driver."""

from collections.abc import Callable
from typing import Any, NoReturn

import pynvml
import pytest

from kernelproof.machine.gpu_monitor import Monitor, State

HELD_BACK = ["SwPowerCap", "HwSlowdown", "SwThermalSlowdown", "HwThermalSlowdown"]
HELD_BACK += ["HwPowerBrakeSlowdown"]
AT_EASE = ["None", "GpuIdle", "ApplicationsClocksSetting", "SyncBoost"]
ASKED = ["ClockInfo", "Temperature", "CurrentClocksThrottleReasons"]

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


def test_the_state_is_the_one_that_the_driver_tells(driver: Driver) -> None:
    """Power, heat and brakes hold a clock back, neither idleness nor clocks that somebody set."""
    assert driver().read() == State(sm_clock_mhz=1980, temperature_c=54, is_held_back=False)
    for name in HELD_BACK:
        assert driver(_reason(name)).read().is_held_back
        assert driver(_reason(name) | _reason("GpuIdle")).read().is_held_back
    for name in AT_EASE:
        assert not driver(_reason(name)).read().is_held_back


def test_an_answer_that_the_driver_refuses_is_none(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other answers stay as they are; without a UUID the driver is not even started."""
    for name in ASKED:
        state = driver(_reason("HwSlowdown"), (name,)).read()
        assert (state.sm_clock_mhz is None) == (name == "ClockInfo")
        assert (state.temperature_c is None) == (name == "Temperature")
        assert state.is_held_back == (name != "CurrentClocksThrottleReasons")
    monkeypatch.setattr(pynvml, "nvmlInit", _refuse)
    assert Monitor(None).read() == State()
