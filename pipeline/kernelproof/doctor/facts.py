"""What is known of a machine, and what is found in it; what a driver does not tell is None."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class GpuFacts:
    """One GPU of the row, as its driver reports it."""

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
    """A toolchain's environment, or the Python that stands for it: `is_own` says which.

    `sees` holds the names of the devices that its torch sees, None where it was not asked.
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
    """The machine around the GPUs, and the clone of the repository."""

    memory_gb: float | None = None
    toolchains_free_gb: float | None = None
    results_free_gb: float | None = None
    is_results_writable: bool = True
    cache: str = ""
    is_cache_writable: bool = True
    git: str | None = None
    is_clone: bool = True
    is_shallow: bool = False
    nox: str | None = None
    device_files: tuple[str, ...] = ()  # that a kernel driver made, whatever its library says
    driver_complaint: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One row on this machine: what it asks for, and what is here.

    `stored` is the machine that its perf baselines are of, `missing_commits` the ones of their
    commits that the clone lacks.
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
        """Whether the row runs on one."""
        return self.backend != "interpreter"


class Level(StrEnum):
    """What a finding means: only ``fix`` makes a machine unfit."""

    OK = "ok"
    WARN = "warn"
    FIX = "fix"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check: what was found, and, where that is not well, what was expected and what to do."""

    check: str
    level: Level
    found: str
    expected: str = ""
    do: str = ""

    def __str__(self) -> str:
        """``fix      disk          found 1.2 GB free, expected 4; free some``."""
        if self.level == Level.OK:
            told = self.found
        elif self.level == Level.UNKNOWN:
            told = f"{self.found}; {self.do}" if self.do else self.found
        else:
            told = f"found {self.found}, expected {self.expected}; {self.do}"
        return f"{self.level:8} {self.check:16} {told}"


def ok(check: str, found: str) -> Finding:
    """What is well."""
    return Finding(check=check, level=Level.OK, found=found)


def unknown(check: str, what: str, do: str = "") -> Finding:
    """What nobody tells."""
    return Finding(check=check, level=Level.UNKNOWN, found=what, do=do)


def warn(check: str, found: str, expected: str, do: str) -> Finding:
    """What may spoil a run, or be meant so."""
    return Finding(check=check, level=Level.WARN, found=found, expected=expected, do=do)


def fix(check: str, found: str, expected: str, do: str) -> Finding:
    """What keeps the row from running, or its results from counting."""
    return Finding(check=check, level=Level.FIX, found=found, expected=expected, do=do)
