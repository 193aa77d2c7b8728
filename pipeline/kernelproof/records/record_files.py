"""Results: one JSON record a case and check, written whole or not at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from kernelproof.errors import ResultsError
from kernelproof.escape import plain_line
from kernelproof.files import safe_read
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.fault_messages import first_fault
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check
from kernelproof.records.timing import CaseTiming

FOLDER = ROOT / "results"
_MAX_BYTES = 1024 * 1024

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _number(value: object) -> object:
    """JSON has no infinities and no NaN: they are written as text."""
    is_text = isinstance(value, str) and value in {"Infinity", "-Infinity", "NaN"}
    return float(str(value)) if is_text else value


Number = Annotated[float, BeforeValidator(_number)]
Outcome = Literal["pass", "fail", "error", "crash", "timeout"]


class Record(StrictModel):
    """What a run leaves for one case and check.

    `outcome` is what became of it, with its `reason`, and `numbers` what was measured, by the names
    of `kernelproof.measure.evidence`; `digest` is that of the outputs, `input_digest` that of the inputs
    (SHA-256). `seed` and `distributions` made the inputs; `timing` holds the samples of perf.
    `seconds` is how long the case took; `commit`, `dirty` and `tree`, the digest of the files that
    count, say of which source it is; `machine` is the fingerprint of `kernelproof.measure.torch_device`, and
    `reproduce` the command that runs it again.
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
        """The name of the device that it ran on."""
        device = self.machine.get("device")
        return str(device.get("name")) if isinstance(device, dict) else "an unnamed device"


class HalfWrittenError(Exception):
    """A record that is there, but is not a whole one of this case."""


def path_of(folder: Path, planned: Planned) -> Path:
    """Where the record of a case and check is."""
    return folder / planned.check / f"{planned.case.id}.json"


def write(folder: Path, planned: Planned, record: Record) -> None:
    """Writes a record under a temporary name, then renames it; ResultsError where that fails."""
    file = path_of(folder, planned)
    write_whole(file, record.model_dump_json(indent=1) + "\n")


def discard(folder: Path, plan: Sequence[Planned]) -> None:
    """Removes the records, and drafts, of what is about to run: one that dies leaves no older."""
    for planned in plan:
        file = path_of(folder, planned)
        try:
            for left in (file, *file.parent.glob(f".{file.name}.*.tmp")):
                left.unlink(missing_ok=True)
        except OSError as error:
            message = (
                f"{file}: {(error.strerror or str(error)).lower()}; expected a file to replace"
            )
            raise ResultsError(message) from None


def make_folder(folder: Path) -> None:
    """Makes a folder of results where it is not there yet; ResultsError where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"{folder}: {(error.strerror or str(error)).lower()}; expected a writable place"
        raise ResultsError(message) from None


def read(folder: Path, planned: Planned) -> Record | None:
    """The record of a case and check, or None where there is none.

    HalfWrittenError for one that is not whole, ResultsError for one that cannot be read.
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
        raise HalfWrittenError(f"{file.name}: found {found}")
    return record


def read_file(file: Path) -> Record:
    """The record in a file; HalfWrittenError where it is not whole, ResultsError, or no file."""
    try:
        content = safe_read.read(file, _MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        message = f"{file}: {(error.strerror or str(error)).lower()}; expected a readable record"
        raise ResultsError(message) from None
    if excess := safe_read.excess(content, _MAX_BYTES):
        raise HalfWrittenError(f"{file.name}: found {excess}, expected a record")
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:
        message = f"{file.name}: {first_fault(error)}; delete it and run the case again"
        raise HalfWrittenError(message) from None
