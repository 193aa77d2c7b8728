"""The end of a process that is nobody's child here, by /proc."""

import time
from pathlib import Path


def has_ended(process: int, seconds: float = 10) -> bool:
    """Returns True if a process ends within so many seconds; a zombie has ended."""
    until = time.monotonic() + seconds
    while (is_alive := _is_alive(process)) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_alive


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
