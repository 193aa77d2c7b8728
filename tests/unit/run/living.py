"""Whether a process still runs that is nobody's child here, by /proc."""

import time
from pathlib import Path


def ends(process: int, seconds: float = 10) -> bool:
    """Whether it has ended within so many seconds; one that nobody has asked of its end, has."""
    deadline = time.monotonic() + seconds
    while (lives := _lives(process)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
