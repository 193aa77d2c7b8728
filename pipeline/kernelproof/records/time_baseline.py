"""Timing baselines: `pipeline/baselines/perf/<row>/<kernel>.json`, as pytest-benchmark writes them.

``pytest-benchmark compare`` reads these files. Each benchmark's ``extra_info`` holds its case, the
floor beside it and all processes; the key ``kernelproof`` at the top holds the machine, the
commit, every blessing, newest first, and a bounded history of what was stored before.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from kernelproof.errors import BaselineError
from kernelproof.escape import plain_line
from kernelproof.files import safe_read
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.fault_messages import first_fault
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import ROOT, shown_path
from kernelproof.records.timing import CaseTiming, StoredTiming

FOLDER = ROOT / "pipeline" / "baselines" / "perf"
_MAX_BYTES = 16 * 1024 * 1024
BLESSINGS_KEPT = 20


class BlessedTime(StrictModel):
    """The times of a case under one blessing, in microseconds, and over the floor."""

    time_us: float
    ratio_to_floor: float


class TimeBlessing(StrictModel):
    """When and why times were stored, of which commit and machine, and what they were."""

    date: str
    reason: str
    commit: str
    machine: str
    cases: dict[str, BlessedTime]


class BaselineOrigin(StrictModel):
    """What a baseline holds that pytest-benchmark has no place for."""

    version: Literal[1]
    row: str
    kernel: str
    commit: str
    machine: dict[str, Any]
    blessings: Annotated[list[TimeBlessing], Field(min_length=1, max_length=BLESSINGS_KEPT)]


class _Foreign(StrictModel, extra="ignore"):
    """A mapping of pytest-benchmark's, with its own keys left to it."""


class StoredCase(_Foreign):
    """The ``extra_info`` of a benchmark, as far as the judge needs it.

    One that was kept when others were blessed names the commit and machine that it is of.
    """

    case: str
    timing: CaseTiming
    commit: str | None = None
    machine: dict[str, Any] | None = None


class _StoredBenchmark(_Foreign):
    extra_info: StoredCase


class TimeBaseline(_Foreign):
    """A file of pytest-benchmark's, with its own keys left to it."""

    benchmarks: list[_StoredBenchmark]
    kernelproof: BaselineOrigin

    @property
    def stored(self) -> Mapping[str, StoredTiming]:
        """What is stored, by case."""
        own = self.kernelproof
        return {
            one.case: StoredTiming(
                timing=one.timing,
                machine=own.machine if one.machine is None else one.machine,
                commit=one.commit or own.commit,
            )
            for one in (benchmark.extra_info for benchmark in self.benchmarks)
        }


def path_of(row: str, kernel: str, folder: Path = FOLDER) -> Path:
    """Where the times of a kernel on a row are."""
    return folder / row / f"{kernel}.json"


@cache
def load(row: str, kernel: str, folder: Path = FOLDER) -> TimeBaseline | None:
    """The baseline of a kernel on a row, None where there is none; BaselineError if unreadable."""
    file = path_of(row, kernel, folder)
    text = read_bounded(file)
    if text is None:
        return None
    try:
        baseline = TimeBaseline.model_validate_json(text)
    except ValidationError as error:
        raise unreadable(file, error) from None
    if (baseline.kernelproof.row, baseline.kernelproof.kernel) != (row, kernel):
        found = plain_line(f"{baseline.kernelproof.kernel} on {baseline.kernelproof.row}")
        raise BaselineError(f"{shown_path(file)}: found the times of {found}; {restore(file)}")
    return baseline


def committed(machine: Mapping[str, Any]) -> dict[str, Any]:
    """A fingerprint as it goes into a repository: without what is one host's own, its paths."""
    return {name: value for name, value in machine.items() if name not in {"environment", "os"}}


def read_bounded(file: Path) -> bytes | None:
    """The bytes of a baseline, None where it is not there; BaselineError where unreadable."""
    try:
        content = safe_read.read(file, _MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        message = f"{shown_path(file)}: {problem}, expected a readable file; {restore(file)}"
        raise BaselineError(message) from None
    if excess := safe_read.excess(content, _MAX_BYTES):
        raise BaselineError(f"{shown_path(file)}: found {excess}, expected fewer; {restore(file)}")
    return content


def unreadable(file: Path, error: ValidationError) -> BaselineError:
    """The error for a file that is not what was written."""
    return BaselineError(f"{shown_path(file)}: {first_fault(error)}; {restore(file)}")


def restore(file: Path) -> str:
    """How to have a file back as it was committed."""
    return f"restore it: git checkout -- {shown_path(file)}"


def write(content: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Writes a whole baseline, as pytest-benchmark's keys and ``kernelproof``, and says where."""
    own = BaselineOrigin.model_validate(content["kernelproof"])
    file = path_of(own.row, own.kernel, folder)
    write_whole(file, json.dumps(content, indent=1) + "\n")
    load.cache_clear()
    return file
