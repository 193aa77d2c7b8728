"""What a GPU does while it is timed: its clock, its temperature, and whether it is held back."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pynvml
from filelock import FileLock, Timeout

from kernelproof.errors import NotTheRowError

# Reasons that hold a clock back: power, heat, a brake; not idleness, nor a clock asked for.
_HELD_BACK = (
    pynvml.nvmlClocksThrottleReasonSwPowerCap
    | pynvml.nvmlClocksThrottleReasonHwSlowdown
    | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
)
SECONDS_FOR_A_TURN = 1800


@dataclass(frozen=True, kw_only=True)
class State:
    """One moment: what the driver does not tell is None."""

    sm_clock_mhz: int | None = None
    temperature_c: int | None = None
    is_held_back: bool = False


class Monitor:
    """Asks the driver about one NVIDIA GPU, by its UUID; of other GPUs it knows nothing."""

    def __init__(self, uuid: str | None) -> None:
        self._handle = None
        if uuid:
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")

    def read(self) -> State:
        """The state of now."""
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


def lock_file(gpu: str) -> Path:
    """The file whose lock is the turn on the GPU of this name."""
    name = "".join(letter if letter.isalnum() else "-" for letter in gpu)
    return Path(tempfile.gettempdir()) / f"kernelproof-{os.getuid()}-{name}.lock"


@contextmanager
def turn_on(gpu: str, seconds: float = SECONDS_FOR_A_TURN) -> Iterator[None]:
    """The GPU of this name for one run alone; NotTheRowError where another keeps it too long."""
    file = lock_file(gpu)
    lock = FileLock(file)
    try:
        with suppress(Timeout):
            lock.acquire(timeout=0)
        if not lock.is_locked:
            print(f"{gpu}: another run has the GPU, waiting for it", flush=True)
            lock.acquire(timeout=seconds)
    except Timeout:
        message = (
            f"{gpu}: found another run on it for {seconds:.0f} s, expected it free; "
            f"end that run (its lock is {file})"
        )
        raise NotTheRowError(message) from None
    try:
        yield
    finally:
        lock.release()
