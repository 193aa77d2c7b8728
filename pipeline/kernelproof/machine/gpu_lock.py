"""The lock by which one run at a time has a GPU of this host."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from kernelproof.errors import NotTheRowError
from kernelproof.machine.gpus import first_number
from kernelproof.plan.schema import Row

SECONDS_TO_WAIT = 1800


def lock_name(uuid: str | None, row: Row, number: int | None = None) -> str:
    """Returns the name of a GPU's lock: its UUID, or else the row's device and the GPU's number.

    Without `number`, the GPU is the one that a process sees first.
    """
    number = first_number(row) if number is None else number
    return uuid or (f"{row.device} {number}" if number else row.device)


def lock_file(gpu: str) -> Path:
    """Returns the file that a run locks while it has the GPU of this name."""
    name = "".join(char if char.isalnum() else "-" for char in gpu)
    return Path(tempfile.gettempdir()) / f"kernelproof-{os.getuid()}-{name}.lock"


@contextmanager
def exclusive_gpu(gpu: str, seconds: float = SECONDS_TO_WAIT) -> Iterator[None]:
    """Keeps other runs off the GPU of this name; waits for a run that has it.

    Raises NotTheRowError if the other run keeps the GPU for `seconds` more. The lock belongs to
    the process, so that a run which is killed leaves the GPU free.
    """
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
