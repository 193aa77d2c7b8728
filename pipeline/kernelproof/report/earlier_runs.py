"""The reports of earlier runs, as a folder has kept them, for years perhaps."""

import reprlib
from dataclasses import dataclass, replace
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
class Runs:
    """The reports that could be read, the oldest first; and a line for each that was skipped."""

    reports: tuple[Report, ...]
    skipped: tuple[str, ...] = ()

    def then(self, report: Report) -> "Runs":
        """These runs, and the one of now."""
        return replace(self, reports=(*self.reports, report))


def read(folder: Path) -> Runs:
    """The reports below `folder`, three deep at most; ResultsError where none of some is readable.

    A single one that is not is skipped: for one bad file of long ago nobody should miss the rest.
    """
    if not folder.is_dir():
        raise ResultsError(f"--history: {folder}: found no folder, expected one of runs")
    patterns = ["/".join(["*"] * depth) + "/report.json" for depth in range(1, _DEPTH + 1)]
    reports: list[Report] = []
    skipped: list[str] = []
    for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
        try:
            reports.append(_read_one(file))
        except ResultsError as error:
            line = f"skipped {error}"
            skipped.append(plain_line(line, None))
    if skipped and not reports:
        last = f"--history: {folder}: found {len(skipped)} unreadable, expected a report among them"
        raise ResultsError("\n".join([*skipped, last]))
    reports.sort(key=lambda report: report.date.timestamp() if report.date else 0.0)
    return Runs(reports=tuple(reports), skipped=tuple(skipped))


def _read_one(file: Path) -> Report:
    try:
        content = safe_read.read(file, _MAX_BYTES)
        if not (found := safe_read.excess(content, _MAX_BYTES)):
            return Report.model_validate_json(content)
    except OSError as error:
        found = (error.strerror or str(error)).lower()
    except ValidationError as error:
        found = _found(error)
    raise ResultsError(f"{file}: found {found}; expected a report of version {_VERSION}")


def _found(error: ValidationError) -> str:
    """The first fault, with the value that is there: ``2 at version: input should be 1``."""
    if error.error_count() > MOST_FAULTS:
        return first_fault(error)
    first = error.errors()[0]
    place, said = plain_line(".".join(map(str, first["loc"]))), first["msg"].lower()
    if first["type"] == "json_invalid":
        return said
    if first["type"] == "missing":
        return f"nothing at {place}"
    return f"{reprlib.repr(first['input'])}{f' at {place}' if place else ''}: {said}"
