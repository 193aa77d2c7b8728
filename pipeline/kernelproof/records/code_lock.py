"""The lock of a kernel's generated code: `pipeline/baselines/codegen/<kernel>.json`.

It has a line for each build and place, so that a diff shows what moved. A seal shows a file that
was cut, merged badly or edited by hand, which could not be told from a change of the code.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kernelproof.files.atomic_write import write_whole
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import ROOT
from kernelproof.plan.value_types import Architecture
from kernelproof.records.sealed_json import SealedFormat

FOLDER = ROOT / "pipeline" / "baselines" / "codegen"

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\r\n]+$")]

Count = Annotated[int, Field(ge=0, le=2**40)]
Counts = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}$")], Count]


class CodeCosts(StrictModel):
    """The costs of one build on one architecture; counts are of the whole code, each line once.

    `resident_warps` bounds the warps of a multiprocessor or compute unit, by registers, shared
    memory and the number of programs; `instructions_per_row` is a warp's instructions, times the
    warps, over the rows of a program. Widths are bytes of a thread.
    """

    rows: Count
    num_warps: Count
    registers: Count
    stack: Count
    spills: Count
    shared: Count
    resident_warps: Count
    instructions: Count
    instructions_per_row: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    bytes: Count
    load_widths: Counts
    store_widths: Counts
    classes: Counts
    kinds: Counts
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BuildSettings(StrictModel):
    """The settings under which a build was compiled: all that makes its code beside the source."""

    pointers: dict[str, str]
    integers: dict[str, int]
    constants: dict[str, int | bool]
    options: dict[str, int | bool | str]


class CodeLock(StrictModel):
    """The blessed code of a kernel's builds, and the toolchain that compiled it.

    `moved` counts the verdicts on this code against the lock before it; `moves` has a line, old
    and new, for each build and architecture that the blessing changed.
    """

    version: Literal[1] = 1
    kernel: Word
    reason: Line
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    moved: Line
    moves: list[Line]
    toolchain: dict[Word, Word]
    builds: dict[Word, BuildSettings]
    costs: dict[Word, dict[Architecture, CodeCosts]]


def _by_build(data: Any) -> Any:
    """Returns the data with costs by build and architecture; a file has them as one name."""
    if not isinstance(data, dict) or not isinstance(data.get("costs"), dict):
        return data
    costs: dict[str, dict[str, Any]] = {}
    for name, counts in data["costs"].items():
        build, _, architecture = name.partition(" ")
        costs.setdefault(build, {})[architecture] = counts
    return {**data, "costs": costs}


FORMAT = SealedFormat(
    model=CodeLock,
    noun="a lock of generated code",
    remake='nox -s bless -- codegen --reason "..."',
    most_bytes=4 * 1024 * 1024,
    unpack=_by_build,
)


def path_of(kernel: str, folder: Path = FOLDER) -> Path:
    """Returns the file of a kernel's lock."""
    return folder / f"{kernel}.json"


def text(lock: CodeLock) -> str:
    """Returns the file's text: a line for each thing that is compared by itself, then the seal."""
    data = lock.model_dump(mode="json")
    costs = {
        f"{build} {architecture}": counts
        for build, by_architecture in data["costs"].items()
        for architecture, counts in by_architecture.items()
    }
    return "\n".join(
        [
            "{",
            *(f" {_line(name)}: {_line(data[name])}," for name in list(data)[:7]),
            f' "builds": {{\n{_lines(data["builds"])}\n }},',
            f' "costs": {{\n{_lines(costs)}\n }},',
            f' "seal": "{FORMAT.digest(data)}"',
            "}\n",
        ]
    )


def write(lock: CodeLock, folder: Path = FOLDER) -> None:
    """Replaces the lock of its kernel at once."""
    write_whole(path_of(lock.kernel, folder), text(lock))


def read(kernel: str, folder: Path = FOLDER) -> CodeLock | None:
    """Returns the lock of a kernel, or None if there is none.

    Raises BaselineError if it cannot be read, was edited, or is that of another kernel.
    """
    file = path_of(kernel, folder)
    lock = FORMAT.read(file)
    if lock and lock.builds.keys() != lock.costs.keys():
        raise FORMAT.refusal(file, "found costs of other builds than it lists, expected the same")
    if lock and lock.kernel != kernel:
        problem = f"found the lock of {lock.kernel!r}, expected that of {kernel!r}"
        raise FORMAT.refusal(file, problem)
    return lock


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lines(values: Mapping[str, Any]) -> str:
    return ",\n".join(f"  {_line(name)}: {_line(value)}" for name, value in values.items())
