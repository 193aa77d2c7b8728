"""Golden digests: the blessed bits of each case, the same on every row.

`pipeline/baselines/golden/<kernel>.json` holds a line a case: the digests of its inputs and of
its outputs, and of the outputs that were blessed before. A seal over these lines shows an edit by
hand; `nox -s bless -- golden` is the way to change them.
"""

import datetime
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from kernelproof.errors import BaselineError
from kernelproof.files import safe_read
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.fault_messages import first_fault
from kernelproof.files.strict_model import StrictModel
from kernelproof.files.yaml_document import quoted
from kernelproof.plan.cases import Case
from kernelproof.plan.repository import ROOT
from kernelproof.records.record_files import Digest, Record

FOLDER = ROOT / "pipeline" / "baselines" / "golden"
_MAX_BYTES = 4 * 1024 * 1024


class GoldenDigests(StrictModel):
    """The blessed digests of one case; `was` is the digest of the outputs blessed before."""

    inputs: Digest
    outputs: Digest
    was: Digest | None


class GoldenBlessing(StrictModel):
    """When, why and with what digests were blessed, and how many of them changed."""

    date: datetime.date
    reason: str
    toolchain: str
    changed: int


class Golden(StrictModel):
    """The golden digests of one kernel, by dtype and shape, and its blessings, the newest first."""

    version: Literal[1] = 1
    kernel: str
    blessings: list[GoldenBlessing]
    digests: dict[str, GoldenDigests]
    seal: Digest


def name_of(case: Case) -> str:
    """``bf16-E128-K8-T2049``: a case within its kernel's file, whatever its row."""
    return case.key.removeprefix(f"{case.kernel}-")


def path_of(kernel: str, folder: Path = FOLDER) -> Path:
    """Where a kernel's golden digests are."""
    return folder / f"{kernel}.json"


@cache
def load(kernel: str, folder: Path = FOLDER) -> Golden | None:
    """A kernel's golden digests, None where there are none, BaselineError where unreadable."""
    file = path_of(kernel, folder)
    where = f"{file.name}: golden digests"
    mend = f"restore it: git checkout -- {file.name}, in its folder"
    try:
        content = safe_read.read(file, _MAX_BYTES)
        if excess := safe_read.excess(content, _MAX_BYTES):
            raise BaselineError(f"{where}: found {excess}, expected fewer; {mend}")
        golden = Golden.model_validate_json(content)
    except FileNotFoundError:
        return None
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
        raise BaselineError(f"{where}: {problem}, expected a readable file; {mend}") from None
    except ValidationError as error:
        raise BaselineError(f"{where}: {first_fault(error)}; {mend}") from None
    if golden.kernel != kernel:
        raise BaselineError(f"{where}: found those of {quoted(golden.kernel)}; {mend}")
    if golden.seal != seal_of(golden.digests):
        message = f"{where}: found lines that were edited, expected those that were blessed; {mend}"
        raise BaselineError(message)
    return golden


def objection(case: Case, record: Record, folder: Path = FOLDER) -> str:
    """Why the bits of a passing record are not the blessed ones, or nothing."""
    golden = load(case.kernel, folder)
    blessed = golden.digests.get(name_of(case)) if golden else None
    bless = 'if that is meant: nox -s bless -- golden --reason "..."'
    if blessed is None:
        return f"golden: no blessed digest of {name_of(case)}; {bless}"
    if record.input_digest != blessed.inputs:
        return (
            f"golden: the inputs moved: found {_short(record.input_digest)}, expected "
            f"{_short(blessed.inputs)}; see kernels/{case.kernel}/inputs.py; {bless}"
        )
    if record.digest != blessed.outputs:
        return (
            f"golden: the definition moved: kernel and reference agree on other bits than the "
            f"blessed ones: found {_short(record.digest)}, expected {_short(blessed.outputs)}; "
            f"see kernels/{case.kernel}/reference.py; {bless}"
        )
    return ""


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"


def seal_of(digests: Mapping[str, GoldenDigests]) -> str:
    """A sha256 over the lines of the table."""
    return hashlib.sha256("\n".join(_lines(digests)).encode()).hexdigest()


def write(golden: Golden, folder: Path = FOLDER) -> None:
    """Writes a kernel's golden digests, a line a case, whole or not at all."""
    head = golden.model_dump(exclude={"digests", "seal"})
    head["blessings"] = "BLESSINGS"
    blessings = ",\n".join(f"  {blessing.model_dump_json()}" for blessing in golden.blessings)
    fields = "".join(f" {json.dumps(key)}: {json.dumps(value)},\n" for key, value in head.items())
    fields = fields.replace('"BLESSINGS"', f"[\n{blessings}\n ]")
    lines = ",\n".join(f"  {line}" for line in _lines(golden.digests))
    seal = json.dumps(golden.seal)
    text = f'{{\n{fields} "digests": {{\n{lines}\n }},\n "seal": {seal}\n}}\n'
    write_whole(path_of(golden.kernel, folder), text)
    load.cache_clear()


def _lines(digests: Mapping[str, GoldenDigests]) -> list[str]:
    return [f"{json.dumps(name)}: {digests[name].model_dump_json()}" for name in digests]
