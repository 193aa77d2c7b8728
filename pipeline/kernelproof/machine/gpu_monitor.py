"""The state of a GPU while it is timed: its clock, its temperature, and any throttling."""

from contextlib import suppress
from dataclasses import dataclass

import pynvml

# The driver's reasons that hold a clock back: power, heat, a brake. Idleness and a clock that
# somebody set are reasons, too, but hold nothing back.
_HELD_BACK = (
    pynvml.nvmlClocksThrottleReasonSwPowerCap
    | pynvml.nvmlClocksThrottleReasonHwSlowdown
    | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
)


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a GPU at one moment; a value that the driver does not tell is None."""

    sm_clock_mhz: int | None = None
    temperature_c: int | None = None
    is_held_back: bool = False


class Monitor:
    """Asks the driver about one NVIDIA GPU, by its UUID; of other GPUs it tells nothing."""

    def __init__(self, uuid: str | None) -> None:
        self._handle = None
        if uuid:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")

    def read(self) -> State:
        """Returns the present state."""
        if (gpu := self._handle) is None:
            return State()
        clock, heat, reasons = None, None, 0
        with suppress(pynvml.NVMLError):
            clock = pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM)
        with suppress(pynvml.NVMLError):
            heat = pynvml.nvmlDeviceGetTemperature(gpu, pynvml.NVML_TEMPERATURE_GPU)
        with suppress(pynvml.NVMLError):
            reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)
        held_back = bool(reasons & _HELD_BACK)
        return State(sm_clock_mhz=clock, temperature_c=heat, is_held_back=held_back)
