"""A clock for pytest-benchmark that measured times move on, given to its public ``timer``."""

from typing import Protocol

from kernelproof.records.timing import CaseTiming, FailedOutcome


class TimedCase(Protocol):
    """The times of a case, or the error of its timing processes and the outcome that it means."""

    error: str
    outcome: FailedOutcome

    @property
    def timing(self) -> CaseTiming:
        """Returns the samples of every process."""


class TimingError(Exception):
    """A case that could not be timed: the error of its timing processes, and its outcome."""

    def __init__(self, message: str, outcome: FailedOutcome) -> None:
        super().__init__(message)
        self.outcome = outcome


class VirtualClock:
    """A clock that stands still until it is moved on; calling it returns its seconds."""

    __name__ = "device_time"  # pytest-benchmark stores it as the timer's name

    def __init__(self) -> None:
        self._seconds = 0.0

    def __call__(self) -> float:
        """Returns the seconds that have passed."""
        return self._seconds

    def pass_us(self, us: float) -> None:
        """Moves the clock on by so many microseconds."""
        self._seconds += us * 1e-6
