"""Records of results: one JSON file for each case and check, written whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from kernelproof.errors import ResultsError, system_words
from kernelproof.escape import plain_line
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.json_file import MalformedError, read_model
from kernelproof.files.strict_model import StrictModel
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check
from kernelproof.records.timing import CaseTiming

FOLDER = ROOT / "results"
_MAX_BYTES = 1024 * 1024
# JSON has no infinities and no NaN: they are written as text.
_NOT_FINITE = {"Infinity", "-Infinity", "NaN"}

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _as_number(value: object) -> object:
    return float(value) if isinstance(value, str) and value in _NOT_FINITE else value


Number = Annotated[float, BeforeValidator(_as_number)]
Outcome = Literal["pass", "fail", "error", "crash", "timeout"]


class Record(StrictModel):
    """The file that a run leaves for one case and check.

    - `outcome` and `reason` say how the run ended; `numbers` were measured, by the names of
      `kernelproof.measure.evidence`; `timing` holds the samples of perf.
    - `digest` and `input_digest` are the SHA-256 of the outputs and of the inputs; the inputs were
      made from `seed` and `distributions`.
    - `seconds` is the time that the case took.
    - `commit`, `dirty` and `tree`, the digest of the files that count, name the source.
    - `machine` is the fingerprint of `kernelproof.measure.torch_device`.
    - `reproduce` is the command that runs the case again.
    """

    version: Literal[1] = 1
    case: str
    check: Check
    outcome: Outcome
    reason: str
    numbers: dict[str, Number]
    digest: Digest | None
    input_digest: Digest | None
    seed: int | None
    distributions: list[str]
    timing: CaseTiming | None = None
    seconds: Annotated[float, Field(ge=0, le=1e9)]
    commit: str
    dirty: bool
    tree: Digest
    machine: dict[str, Any]
    reproduce: str

    @property
    def device(self) -> str:
        """Returns the name of the device that the case ran on."""
        device = self.machine.get("device")
        return str(device.get("name")) if isinstance(device, dict) else "an unnamed device"


class HalfWrittenError(Exception):
    """A record that exists but is not a whole record of its case."""


def path_of(folder: Path, planned: Planned) -> Path:
    """Returns the file of a case's record."""
    return folder / planned.check / f"{planned.case.id}.json"


def write(folder: Path, planned: Planned, record: Record) -> None:
    """Replaces the record of a case at once; raises ResultsError if that fails."""
    write_whole(path_of(folder, planned), record.model_dump_json(indent=1) + "\n")


def discard(folder: Path, plan: Sequence[Planned]) -> None:
    """Removes the records and drafts of a plan, so that a run which dies leaves no older record."""
    for planned in plan:
        file = path_of(folder, planned)
        try:
            for leftover in (file, *file.parent.glob(f".{file.name}.*.tmp")):
                leftover.unlink(missing_ok=True)
        except OSError as error:
            message = f"{file}: {system_words(error)}; expected a file to replace"
            raise ResultsError(message) from None


def make_folder(folder: Path) -> None:
    """Makes a folder of results unless it exists; raises ResultsError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: {system_words(error)}; expected a writable place"
        raise ResultsError(message) from None


def read(folder: Path, planned: Planned) -> Record | None:
    """Returns the record of a case and check, or None if there is none.

    Raises HalfWrittenError if the record is not whole, ResultsError if it cannot be read.
    """
    file = path_of(folder, planned)
    try:
        record = read_file(file)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        message = f"{folder}: found a file, expected the folder of results; move it away"
        raise ResultsError(message) from None
    if (record.case, record.check) != (planned.case.id, planned.check):
        found = f"the record of {plain_line(record.case)}, {record.check}"
        raise HalfWrittenError(f"{file.name}: found {found}, expected that of its name")
    return record


def read_file(file: Path) -> Record:
    """Returns the record in a file.

    Raises FileNotFoundError or NotADirectoryError if there is no such file, HalfWrittenError if
    the record is not whole, ResultsError if it cannot be read.
    """
    try:
        return read_model(file, Record, _MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        message = f"{file}: {system_words(error)}; expected a readable record"
        raise ResultsError(message) from None
    except MalformedError as error:
        message = f"{file.name}: {error}; delete it and run the case again"
        raise HalfWrittenError(message) from None


def is_recorded(planned: Planned, folder: Path, source: Revision) -> bool:
    """Returns True if `folder` holds a whole record of the case that is of `source`."""
    try:
        record = read(folder, planned)
    except HalfWrittenError:
        return False
    return record is not None and not refusal(record, planned, source)


def refusal(record: Record, planned: Planned, source: Revision) -> str:
    """Returns why a record says nothing about this source and row, or an empty string."""
    if (device := record.device) != planned.device:
        return f"its result is of {device}, expected {planned.device}: run it on that machine"
    if record.commit != source.commit:
        return f"its result is of commit {record.commit[:12]}, expected {source.commit[:12]}"
    if record.tree != source.tree:
        return "its result is of other files than these, at the same commit: run it again"
    return ""
