"""A clock for pytest-benchmark that what was measured moves on, through its public ``timer``."""

from typing import Protocol

from kernelproof.records.timing import CaseTiming, FailedOutcome


class TimedCase(Protocol):
    """The times of a case, or the error of its timing processes."""

    error: str
    outcome: FailedOutcome

    @property
    def timing(self) -> CaseTiming:
        """Returns the samples of every process."""


class TimingError(Exception):
    """A case that could not be timed, in the timing process's words, and what became of it."""

    def __init__(self, words: str, outcome: FailedOutcome) -> None:
        super().__init__(words)
        self.outcome = outcome


class VirtualClock:
    """Seconds that pass when they are told to: called, it says how many have."""

    __name__ = "device_time"  # pytest-benchmark stores it as the timer's name

    def __init__(self) -> None:
        self._seconds = 0.0

    def __call__(self) -> float:
        """How many seconds have passed."""
        return self._seconds

    def pass_us(self, us: float) -> None:
        """Moves on by so many microseconds."""
        self._seconds += us * 1e-6
