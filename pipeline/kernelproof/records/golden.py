"""Golden digests: the blessed bits of each case, the same on every row.

`pipeline/baselines/golden/<kernel>.json` holds a line a case: the digests of its inputs and of
its outputs, and of the outputs that were blessed before. A seal over these lines shows an edit by
hand; `nox -s bless -- golden` is the way to change them.
"""

import datetime
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from kernelproof.files.atomic_write import write_whole
from kernelproof.files.strict_model import StrictModel
from kernelproof.files.yaml_document import quoted
from kernelproof.plan.cases import Case
from kernelproof.plan.repository import ROOT
from kernelproof.records.record_files import Digest, Record
from kernelproof.records.sealed_json import SealedFormat

FOLDER = ROOT / "pipeline" / "baselines" / "golden"
_BLESS = 'nox -s bless -- golden --reason "..."'


class GoldenDigests(StrictModel):
    """The blessed digests of one case; `was` is the digest of the outputs blessed before."""

    inputs: Digest
    outputs: Digest
    was: Digest | None


class GoldenBlessing(StrictModel):
    """The date, reason and toolchain of a blessing, and the number of digests it changed."""

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


def _digest_of_lines(data: Any) -> str:
    """Returns the SHA-256 of the lines of digests, which alone are sealed."""
    return hashlib.sha256("\n".join(_lines(data)).encode()).hexdigest()


FORMAT = SealedFormat(
    model=Golden,
    noun="golden digests",
    remake=_BLESS,
    most_bytes=4 * 1024 * 1024,
    digest=_digest_of_lines,
)


def name_of(case: Case) -> str:
    """Returns the name of a case within its kernel's file: ``bf16-E128-K8-T2049``, of any row."""
    return case.key.removeprefix(f"{case.kernel}-")


def path_of(kernel: str, folder: Path = FOLDER) -> Path:
    """Returns the file of a kernel's golden digests."""
    return folder / f"{kernel}.json"


@cache
def load(kernel: str, folder: Path = FOLDER) -> Golden | None:
    """Returns a kernel's golden digests, or None if there are none.

    Raises BaselineError if they cannot be read, were edited, or are those of another kernel.
    """
    file = path_of(kernel, folder)
    golden = FORMAT.read(file)
    if golden and golden.kernel != kernel:
        problem = f"found the digests of {quoted(golden.kernel)}, expected those of {kernel!r}"
        raise FORMAT.refusal(file, problem)
    return golden


def objection(case: Case, record: Record, folder: Path = FOLDER) -> str:
    """Returns why the bits of a passing record are not the blessed ones, or an empty string."""
    golden = load(case.kernel, folder)
    blessed = golden.digests.get(name_of(case)) if golden else None
    bless = f"if that is meant: {_BLESS}"
    if blessed is None:
        return f"golden: no blessed digest of {name_of(case)}; {bless}"
    if record.input_digest != blessed.inputs:
        return (
            f"golden: the inputs moved: found {_short(record.input_digest)}, expected "
            f"{_short(blessed.inputs)}; see the inputs of kernels/{case.kernel}/; {bless}"
        )
    if record.digest != blessed.outputs:
        return (
            f"golden: the definition moved: kernel and reference agree on other bits than the "
            f"blessed ones: found {_short(record.digest)}, expected {_short(blessed.outputs)}; "
            f"see the reference of kernels/{case.kernel}/; {bless}"
        )
    return ""


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"


def write(golden: Golden, folder: Path = FOLDER) -> None:
    """Replaces a kernel's golden digests at once: a line a blessing, a line a case, the seal."""
    data = golden.model_dump(mode="json")
    blessings = ",\n".join(f"  {_compact(blessing)}" for blessing in data["blessings"])
    digests = ",\n".join(f"  {line}" for line in _lines(data))
    text = (
        f'{{\n "version": {golden.version},\n "kernel": {json.dumps(golden.kernel)},\n'
        f' "blessings": [\n{blessings}\n ],\n "digests": {{\n{digests}\n }},\n'
        f' "seal": "{FORMAT.digest(data)}"\n}}\n'
    )
    write_whole(path_of(golden.kernel, folder), text)
    load.cache_clear()


def _lines(data: Any) -> list[str]:
    return [f"{json.dumps(name)}: {_compact(entry)}" for name, entry in data["digests"].items()]


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
