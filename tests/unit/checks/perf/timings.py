"""Made-up timings: processes that differ by a fixed jitter, and a baseline to judge them by."""

from collections.abc import Sequence
from typing import Any

from kernelproof.records import timing as names
from kernelproof.records.timing import CaseTiming, ProcessTimes, StoredTiming

MACHINE: dict[str, Any] = {
    "os": "Linux 6.1",
    "python": "3.11.9",
    "processor": "Xeon",
    "packages": {"triton": "3.6.0", "torch": "2.9.0"},
    "device": {
        "name": "NVIDIA H200",
        "driver": "570.1",
        "max_sm_clock_mhz": 1980,
        "max_memory_clock_mhz": 3201,
        "power_limit_mw": 700000,
        "ecc": True,
    },
}
# The part by which each process differs from the mean.
JITTER = (0, 0.0010, -0.0010, 0.0005, -0.0005, 0.0002, -0.0002, 0)
# The effects of `processes_near(10)` and of `processes_near(10.3)` against BASELINE.
NOTHING = "time +0.00 % (-0.13 to +0.13), over the floor +0.00 % (-0.13 to +0.13)"
SLOWER = "time +3.00 % (+2.87 to +3.13), over the floor +3.00 % (+2.87 to +3.13)"
OTHER_CODE = {"code_hash": "b" * 64}


def process_of(
    kernel: float, *, floor: float = 5, sentinel: float = 100, **changes: Any
) -> ProcessTimes:
    """Returns a process with times in microseconds; `reference` is that of the baseline's code."""
    samples = {names.KERNEL: [kernel] * 3, names.FLOOR: [floor] * 3}
    if reference := changes.pop("reference", None):
        samples[names.REFERENCE] = [reference] * 3
    fields = {"discarded": 0, "sm_clock_mhz": 1980, "temperature_c": 40, **changes}
    return ProcessTimes(samples_us=samples, sentinel_us=sentinel, **fields)


def timing_of(processes: Sequence[ProcessTimes], **changes: Any) -> CaseTiming:
    """Returns the times of a case, of code ``a…`` beside the floor ``copy`` of code ``f…``."""
    hashes = {"code_hash": "a" * 64, "floor_hash": "f" * 64}
    fields = {"floor": "copy", "bytes": None, "launches": 1, **hashes, **changes}
    return CaseTiming(processes=list(processes), **fields)


def processes_near(
    kernel: float, *, noise: float = 1, floor_noise: float = 0, floor: float = 5, **changes: Any
) -> list[ProcessTimes]:
    """Returns eight processes of about `kernel` microseconds, `noise` times the jitter apart."""
    return [
        process_of(kernel * (1 + noise * part), floor=floor * (1 + floor_noise * back), **changes)
        for part, back in zip(JITTER, JITTER[::-1], strict=True)
    ]


BASELINE = StoredTiming(
    timing=timing_of(processes_near(10)), machine=MACHINE, commit="0123456789abcdef"
)
