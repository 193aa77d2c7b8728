"""Facts of Intel's GPUs, from the command xpu-smi.

It was not run on such a GPU yet; the tests read output that other people recorded of theirs.
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
    """Returns the facts of these GPUs; a fact that the command does not print is None."""
    return [_read(number) for number in numbers]


def _read(number: int) -> GpuFacts:
    answer = _discovery(number)
    driver = answer.get("driver_version")
    return GpuFacts(
        number=number,
        name=str(answer.get("device_name", "")),
        driver=None if driver is None else str(driver),
        max_clock_mhz=_number(answer.get("core_clock_rate_mhz", answer.get("core_clock_rate"))),
        total_gb=_giga(answer.get("memory_physical_size_byte")),
        free_gb=_giga(answer.get("memory_free_size_byte")),
    )


def _discovery(number: int) -> dict[str, Any]:
    """Returns what ``xpu-smi discovery`` prints of a GPU, empty if it prints no JSON object."""
    program = shutil.which("xpu-smi")
    if not program:
        return {}
    command = [program, "discovery", "-d", str(number), "-j"]
    with suppress(subprocess.TimeoutExpired, ValueError):
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        answer = json.loads(done.stdout)
        return answer if isinstance(answer, dict) else {}
    return {}


def _number(value: object) -> int | None:
    """Returns the number in 2400, "2400" or "2400 MHz"; None for 0, which stands for unknown."""
    with suppress(ValueError):
        return int(str(value).removesuffix(" MHz")) or None
    return None


def _giga(value: object) -> float | None:
    number = _number(value)
    return None if number is None else number / _GIGA
