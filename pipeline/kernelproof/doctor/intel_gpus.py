"""Facts of Intel's GPUs, by xpu-smi.

Not run on one yet; the tests read what others recorded of theirs.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from kernelproof.doctor.facts import GpuFacts

_GIGA = 1e9
_SECONDS = 30


def read(numbers: Sequence[int]) -> list[GpuFacts]:
    """The facts of these GPUs; what the command does not say is None."""
    return [_read(number) for number in numbers]


def _read(number: int) -> GpuFacts:
    told = _asked("discovery", "-d", str(number), "-j")
    driver = told.get("driver_version")
    return GpuFacts(
        number=number,
        name=str(told.get("device_name", "")),
        driver=None if driver is None else str(driver),
        max_clock_mhz=_number(told.get("core_clock_rate_mhz", told.get("core_clock_rate"))),
        total_gb=_giga(told.get("memory_physical_size_byte")),
        free_gb=_giga(told.get("memory_free_size_byte")),
    )


def _asked(*words: str) -> dict[str, Any]:
    """What xpu-smi prints, or nothing."""
    command = shutil.which("xpu-smi")
    if not command:
        return {}
    with suppress(subprocess.TimeoutExpired, ValueError):
        done = subprocess.run([command, *words], capture_output=True, timeout=_SECONDS, check=False)
        told = json.loads(done.stdout)
        return told if isinstance(told, dict) else {}
    return {}


def _number(value: object) -> int | None:
    """Of a number, or of text that is one: 2400, "2400", "2400 MHz"; 0 stands for unknown."""
    with suppress(ValueError):
        return int(str(value).removesuffix(" MHz")) or None
    return None


def _giga(value: object) -> float | None:
    number = _number(value)
    return None if number is None else number / _GIGA
