"""The reports of earlier runs, from a folder that keeps them."""

import reprlib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from kernelproof.errors import ResultsError
from kernelproof.escape import plain_line
from kernelproof.files import safe_read
from kernelproof.files.fault_messages import MOST_FAULTS, first_fault
from kernelproof.report.report_file import Report

_DEPTH = 3
_MAX_BYTES = 8 * 1024 * 1024
_VERSION = Report.model_fields["version"].default


@dataclass(frozen=True, kw_only=True)
class EarlierRuns:
    """The readable reports, the oldest first, and a line for each that was skipped."""

    reports: tuple[Report, ...]
    skipped: tuple[str, ...] = ()


def read(folder: Path) -> EarlierRuns:
    """Returns the reports below `folder`, three deep at most.

    Skips an unreadable one, so that one bad file does not hide all other runs. Raises ResultsError
    if there is no folder, or if it has reports and none is readable.
    """
    if not folder.is_dir():
        raise ResultsError(f"--history: {folder}: found no folder, expected one of runs")
    patterns = ["/".join(["*"] * depth) + "/report.json" for depth in range(1, _DEPTH + 1)]
    reports: list[Report] = []
    skipped: list[str] = []
    for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
        try:
            reports.append(_read_report(file))
        except ResultsError as error:
            skipped.append(plain_line(f"skipped {error}", None))
    if skipped and not reports:
        last = f"--history: {folder}: found {len(skipped)} unreadable, expected a report among them"
        raise ResultsError("\n".join([*skipped, last]))
    reports.sort(key=lambda report: report.date.timestamp() if report.date else 0.0)
    return EarlierRuns(reports=tuple(reports), skipped=tuple(skipped))


def _read_report(file: Path) -> Report:
    try:
        content = safe_read.read_bounded(file, _MAX_BYTES)
        if not (fault := safe_read.excess_of(content, _MAX_BYTES)):
            return Report.model_validate_json(content)
    except OSError as error:
        fault = (error.strerror or str(error)).lower()
    except ValidationError as error:
        fault = _fault(error)
    raise ResultsError(f"{file}: found {fault}; expected a report of version {_VERSION}")


def _fault(error: ValidationError) -> str:
    """Returns the first fault with the value there: ``2 at version: input should be 1``."""
    if error.error_count() > MOST_FAULTS:
        return first_fault(error)
    first = error.errors()[0]
    place, message = plain_line(".".join(map(str, first["loc"]))), first["msg"].lower()
    if first["type"] == "json_invalid":
        return message
    if first["type"] == "missing":
        return f"nothing at {place}"
    return f"{reprlib.repr(first['input'])}{f' at {place}' if place else ''}: {message}"
