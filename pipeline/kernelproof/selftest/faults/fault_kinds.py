"""The faults, by name: what each is, where it can be, and the verdict that is expected of it."""

from dataclasses import dataclass

SECONDS_A_CASE = 8  # what matrix.yaml of the scratch copy allows


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A fault of one case; `is_of_gpu` ones cannot be committed on a CPU."""

    name: str
    verdict: str
    words: str
    is_of_gpu: bool = False


# The fault of a case is the size of its axis F, counted from 1.
KINDS = (
    Kind(name="none", verdict="pass", words="nothing: the kernel as it should be"),
    Kind(name="wrong-bits", verdict="fail", words="one value is the next one above"),
    Kind(name="exception", verdict="error", words="the launch raises an exception"),
    Kind(name="no-memory", verdict="error", words="more memory is asked for than there is"),
    Kind(name="no-build", verdict="error", words="the kernel does not compile"),
    Kind(name="segfault", verdict="crash", words="a null pointer is read: SIGSEGV"),
    Kind(name="abort", verdict="crash", words="a C library aborts: SIGABRT"),
    Kind(name="killed", verdict="crash", words="SIGKILL, as where the system is out of memory"),
    Kind(name="exit", verdict="crash", words="a library ends the process with exit code 0"),
    Kind(name="frozen", verdict="timeout", words="the process is stopped: SIGSTOP"),
    Kind(name="deaf", verdict="timeout", words="C code that never returns, and hears no signal"),
    Kind(name="endless-compile", verdict="timeout", words="a loop that is unrolled for ever"),
    Kind(name="endless-kernel", verdict="timeout", words="a kernel that waits for ever"),
    Kind(
        name="illegal-address",
        verdict="crash",
        words="a store to memory that is not mapped",
        is_of_gpu=True,
    ),
    Kind(
        name="misaligned-address",
        verdict="crash",
        words="a load from an odd address",
        is_of_gpu=True,
    ),
    Kind(name="device-assert", verdict="crash", words="an assertion in the kernel", is_of_gpu=True),
    Kind(name="trap", verdict="crash", words="a trap instruction", is_of_gpu=True),
)


def kinds_on(backend: str) -> tuple[Kind, ...]:
    """The faults that a row of this backend can have."""
    return tuple(kind for kind in KINDS if backend != "interpreter" or not kind.is_of_gpu)


def number_of(name: str) -> int:
    """The size of the axis F of a fault's cases."""
    return next(number for number, kind in enumerate(KINDS, start=1) if kind.name == name)
