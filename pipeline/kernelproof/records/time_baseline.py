"""Timing baselines: `pipeline/baselines/perf/<row>/<kernel>.json`, as pytest-benchmark writes them.

``pytest-benchmark compare`` reads these files. Each benchmark's ``extra_info`` holds its case, the
floor beside it and all processes; the key ``kernelproof`` at the top holds the machine, the
commit, the seal, and the blessings, the newest first, with the times that each of them stored.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kernelproof.escape import plain_line
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.json_file import parse_model
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import ROOT
from kernelproof.records.sealed_json import SealedFormat
from kernelproof.records.timing import CaseTiming, StoredTiming

FOLDER = ROOT / "pipeline" / "baselines" / "perf"
BLESSINGS_KEPT = 20
# The parts of a machine's fingerprint that name paths and users of one host.
_PRIVATE = {"environment", "os"}


class BlessedTime(StrictModel):
    """The time of a case under one blessing, in microseconds, and as a ratio to its floor."""

    time_us: float
    ratio_to_floor: float


class TimeBlessing(StrictModel):
    """The date and reason of a blessing, its commit and machine, and the times that it stored."""

    date: str
    reason: str
    commit: str
    machine: str
    cases: dict[str, BlessedTime]


class BaselineOrigin(StrictModel):
    """The part of a baseline that pytest-benchmark has no place for."""

    version: Literal[1]
    row: str
    kernel: str
    commit: str
    machine: dict[str, Any]
    blessings: Annotated[list[TimeBlessing], Field(min_length=1, max_length=BLESSINGS_KEPT)]


class _Foreign(StrictModel, extra="ignore"):
    """A mapping of pytest-benchmark's, of whose own keys nothing is asked."""


class StoredCase(_Foreign):
    """The ``extra_info`` of a benchmark.

    A case that was kept when others were blessed names the commit and machine of its own times.
    """

    case: str
    timing: CaseTiming
    commit: str | None = None
    machine: dict[str, Any] | None = None


class _StoredBenchmark(_Foreign):
    extra_info: StoredCase


class TimeBaseline(_Foreign):
    """The file of one kernel's times on one row."""

    benchmarks: list[_StoredBenchmark]
    kernelproof: BaselineOrigin

    @property
    def stored(self) -> Mapping[str, StoredTiming]:
        """Returns the stored times by case, each with its commit and machine."""
        origin = self.kernelproof
        cases = [benchmark.extra_info for benchmark in self.benchmarks]
        return {
            case.case: StoredTiming(
                timing=case.timing,
                machine=origin.machine if case.machine is None else case.machine,
                commit=case.commit or origin.commit,
            )
            for case in cases
        }


FORMAT = SealedFormat(
    model=TimeBaseline,
    noun="the times of a kernel",
    remake='nox -s bless -- perf --reason "..."',
    most_bytes=16 * 1024 * 1024,
    seal_in="kernelproof",
)


def path_of(row: str, kernel: str, folder: Path = FOLDER) -> Path:
    """Returns the file of a kernel's times on a row."""
    return folder / row / f"{kernel}.json"


@cache
def load(row: str, kernel: str, folder: Path = FOLDER) -> TimeBaseline | None:
    """Returns the baseline of a kernel on a row, or None if there is none.

    Raises BaselineError if it cannot be read, was edited, or is that of another kernel or row.
    """
    file = path_of(row, kernel, folder)
    baseline = FORMAT.read(file)
    if baseline and (baseline.kernelproof.row, baseline.kernelproof.kernel) != (row, kernel):
        found = plain_line(f"{baseline.kernelproof.kernel} on {baseline.kernelproof.row}")
        problem = f"found the times of {found}, expected those of {kernel} on {row}"
        raise FORMAT.refusal(file, problem)
    return baseline


def committed(machine: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the part of a machine's fingerprint that may be committed: no path of a host."""
    return {name: value for name, value in machine.items() if name not in _PRIVATE}


def write(content: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Replaces a baseline at once, with its seal, and returns its file.

    `content` has pytest-benchmark's keys and ``kernelproof``.
    """
    origin = {name: value for name, value in content["kernelproof"].items() if name != "seal"}
    file = path_of(origin["row"], origin["kernel"], folder)
    parse_model(origin, BaselineOrigin)
    write_whole(file, json.dumps(FORMAT.seal(content), indent=1) + "\n")
    load.cache_clear()
    return file
