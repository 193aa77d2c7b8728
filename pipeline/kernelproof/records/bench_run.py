"""The stored run of bench: one model that the terminal, Markdown and JSON are made of."""

import statistics
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kernelproof.errors import ResultsError, system_words
from kernelproof.files.json_file import MalformedError, read_model
from kernelproof.files.strict_model import StrictModel
from kernelproof.records.timing import Microseconds

_MAX_BYTES = 4 * 1024 * 1024


class ContestantTimes(StrictModel):
    """Device times in microseconds a launch: a sample a round, each the mean of `launches`.

    Without a graph the launches ran in a loop, whose time may include the host's.
    """

    samples_us: Annotated[list[Microseconds], Field(min_length=1)]
    launches: int
    is_graph: bool

    @property
    def us(self) -> float:
        """Returns the median in microseconds."""
        return statistics.median(self.samples_us)

    @property
    def spread(self) -> float:
        """Returns the distance between the quartiles as a part of the median, 0 for one sample."""
        if len(self.samples_us) == 1:
            return 0.0
        low, _, high = statistics.quantiles(self.samples_us, n=4, method="inclusive")
        return (high - low) / self.us


class ContestantResult(StrictModel):
    """The times of one contestant, or the reason that it has none.

    `host_us` is the median of one call on the host, in microseconds.
    """

    state: Literal["timed", "not installed", "unsupported", "error"]
    timing: ContestantTimes | None = None
    host_us: float | None = None
    error: str = ""


class BenchCase(StrictModel):
    """The results of one kernel, its floors and its peers at one dtype and shape."""

    case: str
    kernel: str
    dtype: str
    shape: dict[str, int]
    sets: int
    least_bytes: int | None
    ours: ContestantResult
    floors: dict[str, ContestantResult]
    peers: dict[str, ContestantResult]
    bare_host_us: float | None = None

    @property
    def floor(self) -> ContestantTimes | None:
        """Returns the times of the fastest floor, None if no floor was timed."""
        timings = [result.timing for result in self.floors.values() if result.timing]
        return min(timings, key=lambda timing: timing.us, default=None)

    @property
    def results(self) -> dict[str, ContestantResult]:
        """Returns the result of every contestant by its name in messages."""
        floors = {f"floor ({name})": result for name, result in self.floors.items()}
        return {"kernel": self.ours, **floors, **self.peers}


class BenchRun(StrictModel):
    """A run of bench on one row."""

    version: Literal[1] = 1
    row: str
    date: str
    command: str
    commit: str
    dirty: bool
    machine: dict[str, Any]
    measured: list[BenchCase]

    @property
    def errors(self) -> list[str]:
        """Returns a line for each contestant that raised."""
        return [
            f"error {case.case}: {name}: {result.error}"
            for case in self.measured
            for name, result in case.results.items()
            if result.state == "error"
        ]


def read(file: Path) -> BenchRun:
    """Returns the run in a file; raises ResultsError if it is none."""
    try:
        return read_model(file, BenchRun, _MAX_BYTES)
    except OSError as error:
        fault = system_words(error)
    except MalformedError as error:
        fault = str(error)
    raise ResultsError(f"{file}: {fault}; expected a file that bench wrote")
