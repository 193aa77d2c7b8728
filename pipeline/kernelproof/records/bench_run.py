"""What a run of bench leaves: one model, of which terminal, Markdown and JSON are made."""

import statistics
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kernelproof.errors import ResultsError
from kernelproof.files import safe_read
from kernelproof.files.fault_messages import first_fault
from kernelproof.records.timing import Microseconds

_MAX_BYTES = 4 * 1024 * 1024


class Part(BaseModel):
    """A mapping of the file: every key known, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ContestantTimes(Part):
    """Device time in microseconds a launch, a sample a round, each over so many launches."""

    samples_us: Annotated[list[Microseconds], Field(min_length=1)]
    launches: int
    is_graph: bool

    @property
    def us(self) -> float:
        """The median."""
        return statistics.median(self.samples_us)

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a part of the median."""
        if len(self.samples_us) < 2:  # noqa: PLR2004  (one sample has no spread)
            return 0.0
        low, _, high = statistics.quantiles(self.samples_us, n=4, method="inclusive")
        return (high - low) / self.us


class ContestantResult(Part):
    """What became of one contestant: its times, or why it has none."""

    state: Literal["timed", "not installed", "unsupported", "error"]
    timing: ContestantTimes | None = None
    host_us: float | None = None
    error: str = ""


class BenchCase(Part):
    """One kernel at one dtype and shape; floors and peers by name."""

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
        """The fastest of the floors."""
        timings = [entry.timing for entry in self.floors.values() if entry.timing]
        return min(timings, key=lambda timing: timing.us, default=None)

    @property
    def entries(self) -> dict[str, ContestantResult]:
        """Everything that was to be timed, by what it is called."""
        floors = {f"floor ({name})": entry for name, entry in self.floors.items()}
        return {"kernel": self.ours, **floors, **self.peers}


class BenchRun(Part):
    """A whole run on one row."""

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
        """A line for each contestant that raised."""
        return [
            f"error {one.case}: {name}: {entry.error}"
            for one in self.measured
            for name, entry in one.entries.items()
            if entry.state == "error"
        ]


def read(file: Path) -> BenchRun:
    """The run in a file; ResultsError where it is none."""
    try:
        content = safe_read.read(file, _MAX_BYTES)
        if excess := safe_read.excess(content, _MAX_BYTES):
            raise ResultsError(f"{file}: found {excess}, expected a file that bench wrote")
        return BenchRun.model_validate_json(content)
    except OSError as error:
        message = f"{file}: {(error.strerror or str(error)).lower()}; expected a file of bench"
        raise ResultsError(message) from None
    except ValidationError as error:
        message = f"{file}: {first_fault(error)}; expected a file that bench wrote"
        raise ResultsError(message) from None
