"""What is asked of a timing process, and what it leaves for each case."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from kernelproof.plan.timing_pace import MOST_PROCESSES

# From a femtosecond to eleven days: quotients of any two are numbers, too, and have logarithms.
Microseconds = Annotated[float, Field(ge=1e-9, le=1e12, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**40)]
FailedOutcome = Literal["error", "crash", "timeout"]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

# What a process says once it is warm, before its answers.
READY = "ready"
KERNEL, FLOOR, REFERENCE, REPEAT = "kernel", "floor", "reference", "again"


class Part(BaseModel):
    """A mapping of a file or of a message: every key known, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseRequest(Part):
    """One case to time: beside which floor, and beside itself, recorded again.

    `planted` is the extra work by the name of the contestant; a calibration finds it, to be slower
    by the percentages `slower_by`.
    """

    case: str
    kernel: str
    dtype: str
    shape: dict[str, int]
    floor: str | None = None
    is_repeated: bool = False
    planted: dict[str, int] = {}
    slower_by: list[float] = []


class TimingRequest(Part):
    """What one process does: `task` for each case.

    The kernels are those of the tree `tree`, or of this one; with `root`, those of that tree are
    the reference that is timed beside them.
    """

    task: Literal["time", "calibrate"] = "time"
    row: str
    cases: list[CaseRequest]
    rounds: int
    seed: int
    is_hashed: bool = False
    tree: str | None = None
    root: str | None = None


class ProcessTimes(Part):
    """The samples of one process for one case, in microseconds a launch, by contestant."""

    samples_us: dict[str, Annotated[list[Microseconds], Field(min_length=1)]]
    discarded: Count
    sentinel_us: Microseconds
    sm_clock_mhz: Count | None
    temperature_c: Annotated[int, Field(ge=-300, le=1000)] | None

    def us(self, name: str) -> float:
        """The process's time of a contestant: the median of its samples."""
        return median(self.samples_us[name])


class TimingAnswer(Part):
    """What a process says of one case: its samples, an error, or the planted work it found.

    `outcome` says what an error is of; a process's parent says it of the case that it died at, or
    was too long at.
    """

    case: str
    floor: str = ""
    process: ProcessTimes | None = None
    launches: dict[str, int] = {}
    bytes: int | None = None
    code_hash: Hash | None = None
    floor_hash: Hash | None = None
    planted: dict[str, int] = {}
    error: str = ""
    outcome: FailedOutcome = "error"


def _with(*names: str) -> AfterValidator:
    """Refuses a process that has not timed all of these."""

    def require(process: ProcessTimes) -> ProcessTimes:
        if missing := [name for name in names if name not in process.samples_us]:
            raise ValueError(f"found no times of {', '.join(missing)}")
        return process

    return AfterValidator(require)


class CaseTiming(Part):
    """All processes of one case; `reference` names the commit timed beside it, where one was."""

    floor: str
    bytes: Annotated[int, Field(ge=0, le=2**63)] | None
    code_hash: Hash | None
    floor_hash: Hash | None
    launches: Count
    processes: Annotated[
        list[Annotated[ProcessTimes, _with(KERNEL, FLOOR)]],
        Field(min_length=1, max_length=MOST_PROCESSES),
    ]
    reference: str | None = None
    reference_processes: Annotated[
        list[Annotated[ProcessTimes, _with(KERNEL, REFERENCE)]], Field(max_length=MOST_PROCESSES)
    ] = []

    def times(self, name: str) -> list[float]:
        """A time a process."""
        return [process.us(name) for process in self.processes]

    @property
    def ratios(self) -> list[float]:
        """The kernel's time over the floor's, a number a process."""
        return [process.us(KERNEL) / process.us(FLOOR) for process in self.processes]

    @property
    def us(self) -> float:
        """The kernel's time: the median over the processes."""
        return median(self.times(KERNEL))

    @property
    def floor_us(self) -> float:
        """The floor's."""
        return median(self.times(FLOOR))

    @property
    def ratio(self) -> float:
        """Time over floor: the median over the processes."""
        return median(self.ratios)

    def middle(self, of: Callable[[ProcessTimes], Any]) -> float | None:
        """The median over the processes of what each tells, None where one tells nothing."""
        found = [of(process) for process in self.processes]
        return None if any(one is None for one in found) else median(found)


@dataclass(frozen=True, kw_only=True)
class StoredTiming:
    """What a baseline holds of one case: its timing, the machine and the commit it is of."""

    timing: CaseTiming
    machine: Mapping[str, Any]
    commit: str
