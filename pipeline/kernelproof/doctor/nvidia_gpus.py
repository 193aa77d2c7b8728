"""Facts of NVIDIA's GPUs, from NVML, the library of their driver."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pynvml

from kernelproof.doctor.facts import GpuFacts

_GIGA, _MILLI = 1e9, 1e-3
# Reasons for a low clock, except for an idle GPU and for a clock that a user set.
_REASONS = {
    pynvml.nvmlClocksThrottleReasonSwPowerCap: "power limit",
    pynvml.nvmlClocksThrottleReasonHwSlowdown: "hardware slowdown",
    pynvml.nvmlClocksThrottleReasonSwThermalSlowdown: "heat",
    pynvml.nvmlClocksThrottleReasonHwThermalSlowdown: "heat, by hardware",
    pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown: "power brake",
}


def complaint() -> str:
    """Returns an empty string if NVML answers, else its error message."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return f"NVML says {str(error).lower()}"
    pynvml.nvmlShutdown()
    return ""


def uuid_of(number: int) -> str | None:
    """Returns the UUID of a GPU in torch's form, which names the lock that runs take on it."""
    pynvml.nvmlInit()
    try:
        uuid = str(pynvml.nvmlDeviceGetUUID(pynvml.nvmlDeviceGetHandleByIndex(number)))
    finally:
        pynvml.nvmlShutdown()
    return uuid.removeprefix("GPU-")


def read(numbers: Sequence[int]) -> list[GpuFacts]:
    """Returns the facts of these GPUs; an answer that the driver refuses is None."""
    pynvml.nvmlInit()
    try:
        return [_read(number) for number in numbers]
    finally:
        pynvml.nvmlShutdown()


def _read(number: int) -> GpuFacts:
    gpu = pynvml.nvmlDeviceGetHandleByIndex(number)

    def ask(
        question: Callable[..., Any], *more: Any, fact: Callable[[Any], Any] = lambda answer: answer
    ) -> Any:
        with suppress(pynvml.NVMLError):
            return fact(question(gpu, *more))
        return None

    def watts(milliwatts: int) -> float:
        return milliwatts * _MILLI

    def reasons(bits: int) -> tuple[str, ...]:
        return tuple(reason for bit, reason in _REASONS.items() if bits & bit)

    memory = ask(pynvml.nvmlDeviceGetMemoryInfo)
    errors = (pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_VOLATILE_ECC)
    return GpuFacts(
        number=number,
        name=ask(pynvml.nvmlDeviceGetName) or "",
        driver=ask(lambda _: pynvml.nvmlSystemGetDriverVersion()),
        clock_mhz=ask(pynvml.nvmlDeviceGetClockInfo, pynvml.NVML_CLOCK_SM),
        max_clock_mhz=ask(pynvml.nvmlDeviceGetMaxClockInfo, pynvml.NVML_CLOCK_SM),
        max_memory_clock_mhz=ask(pynvml.nvmlDeviceGetMaxClockInfo, pynvml.NVML_CLOCK_MEM),
        application_clock_mhz=ask(pynvml.nvmlDeviceGetApplicationsClock, pynvml.NVML_CLOCK_SM),
        is_persistent=ask(pynvml.nvmlDeviceGetPersistenceMode, fact=bool),
        power_limit_w=ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, fact=watts),
        usual_power_limit_w=ask(pynvml.nvmlDeviceGetPowerManagementDefaultLimit, fact=watts),
        held_back_by=ask(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, fact=reasons),
        temperature_c=ask(pynvml.nvmlDeviceGetTemperature, pynvml.NVML_TEMPERATURE_GPU),
        slows_at_c=ask(
            pynvml.nvmlDeviceGetTemperatureThreshold, pynvml.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        ),
        is_ecc=ask(pynvml.nvmlDeviceGetEccMode, fact=lambda modes: bool(modes[0])),
        uncorrected_errors=ask(pynvml.nvmlDeviceGetTotalEccErrors, *errors),
        # Rows that were corrected, that were not, whose repair is pending, whose repair failed.
        is_repair_pending=ask(pynvml.nvmlDeviceGetRemappedRows, fact=lambda rows: any(rows[2:])),
        total_gb=memory.total / _GIGA if memory else None,
        free_gb=memory.free / _GIGA if memory else None,
        processes=ask(
            pynvml.nvmlDeviceGetComputeRunningProcesses,
            fact=lambda users: tuple(sorted(user.pid for user in users)),
        ),
    )
