"""The faults that one case can commit, each with the verdict that it has to get."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """A fault of one case; `needs_gpu` ones cannot be committed on a CPU."""

    name: str
    verdict: str
    description: str
    needs_gpu: bool = False


def _kind(name: str, verdict: str, description: str, *, needs_gpu: bool = False) -> FaultKind:
    return FaultKind(name=name, verdict=verdict, description=description, needs_gpu=needs_gpu)


# A case commits the fault whose number, counted from 1, is the size of its axis F.
KINDS = (
    _kind("none", "pass", "nothing: the kernel as it should be"),
    _kind("wrong-bits", "fail", "one value is the next one above"),
    _kind("exception", "error", "the launch raises an exception"),
    _kind("no-memory", "error", "more memory is asked for than there is"),
    _kind("no-build", "error", "the kernel does not compile"),
    _kind("segfault", "crash", "a null pointer is read: SIGSEGV"),
    _kind("abort", "crash", "a C library aborts: SIGABRT"),
    _kind("killed", "crash", "SIGKILL, as by a system that is out of memory"),
    _kind("exit", "crash", "a library ends the process with exit code 0"),
    _kind("frozen", "timeout", "the process is stopped: SIGSTOP"),
    _kind("deaf", "timeout", "C code that never returns and ignores every signal"),
    _kind("endless-compile", "timeout", "a loop that is unrolled for ever"),
    _kind("endless-kernel", "timeout", "a kernel that waits for ever"),
    _kind("illegal-address", "crash", "a store to memory that is not mapped", needs_gpu=True),
    _kind("misaligned-address", "crash", "a load from an odd address", needs_gpu=True),
    _kind("device-assert", "crash", "an assertion in the kernel", needs_gpu=True),
    _kind("trap", "crash", "a trap instruction", needs_gpu=True),
)


def kinds_on(backend: str) -> tuple[FaultKind, ...]:
    """Returns the faults that a row of this backend can have."""
    return tuple(kind for kind in KINDS if backend != "interpreter" or not kind.needs_gpu)


def number_of(name: str) -> int:
    """Returns the size of the axis F of the cases that commit a fault."""
    return next(number for number, kind in enumerate(KINDS, start=1) if kind.name == name)
