"""The messages between a run and its timing processes, and the times that a record stores."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.timing_pace import MOST_PROCESSES

# From a femtosecond to eleven days: the quotient of any two is a float, too, and has a logarithm.
Microseconds = Annotated[float, Field(ge=1e-9, le=1e12, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=2**40)]
FailedOutcome = Literal["error", "crash", "timeout"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

# The line that a timing process prints once it is warm, before its answers.
READY = "ready"
# Names of contestants: REPEAT is the kernel, recorded a second time; REFERENCE is another commit's.
KERNEL, FLOOR, REFERENCE, REPEAT = "kernel", "floor", "reference", "again"


class CaseRequest(StrictModel):
    """A case to time, as a timing process is asked for it.

    `floor` names the floor to time beside the kernel; None lets the process choose the fastest.
    `is_repeated` adds the contestant REPEAT. `planted` gives the rounds of extra work by the name
    of the contestant. A calibration finds these rounds for the slowdowns `slower_by`, in percent.
    """

    case: str
    kernel: str
    dtype: str
    shape: dict[str, int]
    floor: str | None = None
    is_repeated: bool = False
    planted: dict[str, int] = Field(default_factory=dict)
    slower_by: list[float] = Field(default_factory=list)


class TimingRequest(StrictModel):
    """The task of one timing process, and the cases to do it for.

    `tree` is the source tree of the kernels, None for this one. With `reference_tree`, the kernels
    of that tree are timed beside them as REFERENCE.
    """

    task: Literal["time", "calibrate"] = "time"
    row: str
    cases: list[CaseRequest]
    rounds: int
    seed: int
    is_hashed: bool = False
    tree: str | None = None
    reference_tree: str | None = None


class ProcessTimes(StrictModel):
    """The samples of one case in one process, in microseconds a launch, by contestant.

    `discarded` counts the rounds that met a throttled clock. The sentinel is a fixed pass over
    memory, timed after the case: a measure of the machine alone.
    """

    samples_us: dict[str, Annotated[list[Microseconds], Field(min_length=1)]]
    discarded: Count
    sentinel_us: Microseconds
    sm_clock_mhz: Count | None
    temperature_c: Annotated[int, Field(ge=-300, le=1000)] | None

    def us(self, name: str) -> float:
        """Returns the time of a contestant in microseconds: the median of its samples."""
        return median(self.samples_us[name])


class TimingAnswer(StrictModel):
    """The answer of a timing process for one case: its samples, its planted rounds, or an error.

    `outcome` is the verdict on an error. If a process dies or takes too long, its parent writes
    the answer for the case that was running.
    """

    case: str
    floor: str = ""
    process: ProcessTimes | None = None
    launches: dict[str, int] = Field(default_factory=dict)
    bytes: int | None = None
    code_hash: Sha256 | None = None
    floor_hash: Sha256 | None = None
    planted: dict[str, int] = Field(default_factory=dict)
    error: str = ""
    outcome: FailedOutcome = "error"


def _with_times_of(*names: str) -> AfterValidator:
    """Returns a validator that refuses a process that lacks the times of a contestant."""

    def require(process: ProcessTimes) -> ProcessTimes:
        if missing := [name for name in names if name not in process.samples_us]:
            raise ValueError(f"found no times of {', '.join(missing)}")
        return process

    return AfterValidator(require)


class CaseTiming(StrictModel):
    """The times of one case in all its processes, as a record and a baseline store them.

    `reference` is the commit whose kernel was timed beside this one in `reference_processes`.
    """

    floor: str
    bytes: Annotated[int, Field(ge=0, le=2**63)] | None
    code_hash: Sha256 | None
    floor_hash: Sha256 | None
    launches: Count
    processes: Annotated[
        list[Annotated[ProcessTimes, _with_times_of(KERNEL, FLOOR)]],
        Field(min_length=1, max_length=MOST_PROCESSES),
    ]
    reference: str | None = None
    reference_processes: list[Annotated[ProcessTimes, _with_times_of(KERNEL, REFERENCE)]] = Field(
        default_factory=list, max_length=MOST_PROCESSES
    )

    def times(self, name: str) -> list[float]:
        """Returns the time of a contestant in each process, in microseconds."""
        return [process.us(name) for process in self.processes]

    @property
    def us(self) -> float:
        """Returns the kernel's time in microseconds: the median over the processes."""
        return median(self.times(KERNEL))

    @property
    def floor_us(self) -> float:
        """Returns the floor's time in microseconds: the median over the processes."""
        return median(self.times(FLOOR))

    @property
    def ratio(self) -> float:
        """Returns the kernel's time over the floor's: the median over the processes."""
        return median(process.us(KERNEL) / process.us(FLOOR) for process in self.processes)


@dataclass(frozen=True, kw_only=True)
class StoredTiming:
    """The times of one case in a baseline, with the machine and commit that were measured."""

    timing: CaseTiming
    machine: Mapping[str, Any]
    commit: str
