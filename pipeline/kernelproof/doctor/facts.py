"""Facts of a machine, as its drivers and files report them, and findings on them.

A fact that nothing reports is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial


@dataclass(frozen=True, kw_only=True)
class GpuFacts:
    """A GPU of the row, as its driver reports it; `slows_at_c` is its thermal limit."""

    number: int
    name: str = ""
    driver: str | None = None
    clock_mhz: int | None = None
    max_clock_mhz: int | None = None
    max_memory_clock_mhz: int | None = None
    application_clock_mhz: int | None = None
    is_persistent: bool | None = None
    power_limit_w: float | None = None
    usual_power_limit_w: float | None = None
    held_back_by: tuple[str, ...] | None = None
    temperature_c: int | None = None
    slows_at_c: int | None = None
    is_ecc: bool | None = None
    uncorrected_errors: int | None = None
    is_repair_pending: bool | None = None
    total_gb: float | None = None
    free_gb: float | None = None
    busy_percent: int | None = None
    processes: tuple[int, ...] | None = None
    is_taken: bool = False  # by another run of this project


@dataclass(frozen=True, kw_only=True)
class ToolchainFacts:
    """A toolchain's own environment if `is_own`, else the Python that stands in for it.

    `sees` holds the names of the devices that its torch sees, None if torch was not asked.
    """

    name: str
    is_own: bool = True
    is_made: bool = True
    python: str | None = None
    pinned: Mapping[str, str] = field(default_factory=dict)
    installed: Mapping[str, str] = field(default_factory=dict)
    sees: tuple[str, ...] | None = None
    complaint: str = ""


@dataclass(frozen=True, kw_only=True)
class HostFacts:
    """The machine around the GPUs, and the clone of the repository.

    `cache` is Triton's cache folder, None if the user has no home folder to put it in;
    `device_files` are those of a kernel driver, whatever the driver's library reports.
    """

    memory_gb: float | None = None
    toolchains_free_gb: float | None = None
    results_free_gb: float | None = None
    is_results_writable: bool = True
    cache: str | None = ""
    is_cache_writable: bool = True
    git: str | None = None
    is_clone: bool = True
    is_shallow: bool = False
    nox: str | None = None
    device_files: tuple[str, ...] = ()
    driver_complaint: str = ""


@dataclass(frozen=True, kw_only=True)
class RowFacts:
    """A row of matrix.yaml on this machine: what it asks for, and what is here.

    `stored` is the device that its perf baselines were measured on, `missing_commits` those of
    their commits that the clone lacks.
    """

    row: str
    backend: str
    device: str
    memory_gb: float
    needs_gb: float | None
    needs_nox: str
    gpus: tuple[GpuFacts, ...]
    toolchain: ToolchainFacts
    host: HostFacts
    stored: Mapping[str, object] = field(default_factory=dict)
    missing_commits: tuple[str, ...] = ()
    baseline_complaint: str = ""

    @property
    def is_gpu(self) -> bool:
        """True if the row runs on a GPU."""
        return self.backend != "interpreter"


class Level(StrEnum):
    """The severity of a finding: only ``fix`` makes a machine unfit."""

    OK = "ok"
    WARN = "warn"
    FIX = "fix"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class HealthFinding:
    """The result of one check: what was found and, if that is not well, what is expected."""

    level: Level
    check: str
    found: str
    expected: str = ""
    do: str = ""

    def __str__(self) -> str:
        """Returns a line: ``fix      disk          found 1.2 GB free, expected 4; free some``."""
        if self.level == Level.OK:
            text = self.found
        elif self.level == Level.UNKNOWN:
            text = f"{self.found}; {self.do}" if self.do else self.found
        else:
            text = f"found {self.found}, expected {self.expected}; {self.do}"
        return f"{self.level:8} {self.check:16} {text}"


# Findings that all is well, that nothing reports the fact, of a state that may spoil a run but may
# be meant, and of one in which the row cannot run or its results do not count.
ok = partial(HealthFinding, Level.OK)
unknown = partial(HealthFinding, Level.UNKNOWN)
warn = partial(HealthFinding, Level.WARN)
fix = partial(HealthFinding, Level.FIX)
