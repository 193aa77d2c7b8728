"""The GPUs of a row in this host, and a command that is spread over them: a process a GPU.

Each process sees its own GPU alone, by the variable that its runtime reads, and takes every n-th
case: its share. Asked of the drivers, without torch.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any, NoReturn

import pynvml

from pipeline import hardware
from pipeline.schema import Row

_SIGNALLED = 128  # a shell's word for a process that a signal ended: 137 for SIGKILL
_SECONDS_TO_STOP = 20  # less than nox grants
# The variable that makes GPUs visible, and the ones that number them anew beneath it.
_VARIABLES = {
    "cuda": ("CUDA_VISIBLE_DEVICES", ()),
    "hip": ("HIP_VISIBLE_DEVICES", ("ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")),
    "xpu": ("ZE_AFFINITY_MASK", ("ONEAPI_DEVICE_SELECTOR",)),
}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU by its driver's number, and the variable that makes it the only one to be seen."""

    number: int
    variable: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """Every `of`-th case, from the `number`-th on."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """``2/3``, for argparse."""
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            message = f"found {text!r}, expected a share such as 2/3"
            raise argparse.ArgumentTypeError(message)
        return cls(number=int(number), of=int(of))

    def take(self, plan: Sequence[Any]) -> tuple[Any, ...]:
        """Its part of a plan: all shares together are the plan, and no case is in two."""
        return tuple(plan[self.number - 1 :: self.of])

    def __str__(self) -> str:
        """``2/3``."""
        return f"{self.number}/{self.of}"


def gpus_of(row: Row, environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """The visible GPUs that are this row, where it matters: none on a host that shows one alone.

    None, too, where the environment shows GPUs in a way that is not understood here: then the
    cells run in one process, on the GPU that torch sees first.
    """
    variable, others = _VARIABLES.get(row.backend, ("", ()))
    if not variable or any(name in environment for name in others):
        return ()
    found = [gpu for gpu in hardware.accelerators() if gpu.backend == row.backend]
    names = _uuids() if row.backend == "cuda" else [str(number) for number in range(len(found))]
    if len(names) != len(found):
        return ()
    is_ordered = len(set(found)) <= 1 or environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    shown = _shown(environment.get(variable), names, is_ordered=is_ordered)
    if len(shown) <= 1:
        return ()
    return tuple(
        Gpu(number=number, variable=variable, value=names[number])
        for number in shown
        if found[number].is_row(row)
    )


def _shown(wanted: str | None, names: Sequence[str], *, is_ordered: bool) -> list[int]:
    """The numbers of the GPUs that a variable shows; as a runtime does, up to the first wrong one.

    A number says which GPU only where the runtime counts as the driver does: `is_ordered`.
    """
    if wanted is None:
        return list(range(len(names)))
    shown: list[int] = []
    for word in (part.strip() for part in wanted.split(",")):
        if word.isdecimal():
            matching = [int(word)] if int(word) < len(names) and is_ordered else []
        else:
            is_uuid = word.startswith("GPU-") and len(word) > len("GPU-")
            matching = [i for i, name in enumerate(names) if is_uuid and name.startswith(word)]
        if len(matching) != 1 or matching[0] in shown:
            break
        shown += matching
    return shown


def _uuids() -> list[str]:
    """The UUIDs of NVIDIA's GPUs, by their numbers; none without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        count = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
        return [str(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    finally:
        pynvml.nvmlShutdown()


def lock_name(uuid: str | None, row: Row, number: int = 0) -> str:
    """The name under which a run takes its turn on a GPU, by its UUID or else its number."""
    return uuid or (f"{row.device} {number}" if number else row.device)


def lock_of(uuid: str | None, row: Row) -> str:
    """The lock of the GPU that a process of a row has first: by its UUID, or by its number."""
    return lock_name(uuid, row, first_number(row))


def first_number(row: Row, environment: Mapping[str, str] = os.environ) -> int:
    """The number of the GPU that a process sees first, as far as its environment says."""
    variable, _ = _VARIABLES.get(row.backend, ("", ()))
    first = environment.get(variable, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def run(command: Sequence[str], gpus: Sequence[Gpu]) -> int:
    """The worst exit code of a command that runs once on each GPU, with ``--share k/n`` behind it.

    What a process says is passed on at once, behind the number of its GPU. One that dies leaves
    the others as they are. KeyboardInterrupt, or SIGTERM, ends all, after they wrote what they
    know.
    """
    lock = threading.Lock()
    started: list[subprocess.Popen[str]] = []
    readers: list[threading.Thread] = []
    with _terminable():
        try:
            for number, gpu in enumerate(gpus, start=1):
                share = Share(number=number, of=len(gpus))
                started.append(process := _start([*command, "--share", str(share)], gpu))
                for said, to in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
                    arguments = (said, to, f"GPU {gpu.number}: ", lock)
                    readers.append(threading.Thread(target=_pass_on, args=arguments, daemon=True))
                    readers[-1].start()
            codes = [process.wait() for process in started]
        except KeyboardInterrupt:
            _stop(started)
            raise
        finally:
            for reader in readers:
                reader.join(timeout=_SECONDS_TO_STOP)
    for gpu, code in zip(gpus, codes, strict=True):
        if code < 0:
            name = signal.Signals(-code).name
            print(f"GPU {gpu.number}: its process was ended by {name}: its share is missing")
    return max((code if code >= 0 else _SIGNALLED - code) for code in codes)


def _start(command: Sequence[str], gpu: Gpu) -> subprocess.Popen[str]:
    """A process that hears no Ctrl-C: a terminal tells all, and the parent tells them by itself.

    Heard twice, it would cut short what the first one makes it write.
    """
    environment = {**os.environ, gpu.variable: gpu.value, "PYTHONUNBUFFERED": "1"}
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
    try:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
    finally:
        signal.signal(signal.SIGINT, before)


def _pass_on(said: IO[str], to: IO[str], before: str, lock: threading.Lock) -> None:
    with said:
        for line in filter(str.strip, said):
            with lock, suppress(BrokenPipeError):
                to.write(f"{before}{line.rstrip()}\n")
                to.flush()


def _stop(started: Sequence[subprocess.Popen[str]]) -> None:
    """Asks every process to end, then, where it does not, makes it."""
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(timeout=_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is KeyboardInterrupt within."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def hear_the_parent() -> None:
    """In a share's process: SIGTERM, by which its parent ends it, is KeyboardInterrupt."""
    signal.signal(signal.SIGTERM, _interrupt)
