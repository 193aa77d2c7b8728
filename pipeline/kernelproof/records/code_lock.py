"""The lock of a kernel: `pipeline/baselines/codegen/<kernel>.json`, one line a build and place.

It is written whole, read strictly, and sealed: a file that was cut, merged badly or edited by
hand is refused, where it cannot be told from a change of the code otherwise.
"""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from kernelproof.errors import BaselineError
from kernelproof.escape import plain_line
from kernelproof.files import safe_read
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.fault_messages import first_fault
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import ROOT
from kernelproof.plan.value_types import Architecture

FOLDER = ROOT / "pipeline" / "baselines" / "codegen"
_MAX_BYTES = 4 * 1024 * 1024
_SHOWN = 120

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\r\n]+$")]

Count = Annotated[int, Field(ge=0, le=2**40)]
Counts = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}$")], Count]


class CodeCosts(StrictModel):
    """One line of a lock; counts are of the whole code, once, whatever is predicated or loops.

    `resident_warps` is the bound on the warps of a multiprocessor or compute unit that registers,
    shared memory and the number of programs leave; `instructions_per_row` is a warp's
    instructions, times the warps, over the rows of a program. Widths are bytes of a thread.
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
    """What the compiler was told of a build: all that makes its code, beside the source."""

    pointers: dict[str, str]
    integers: dict[str, int]
    constants: dict[str, int | bool]
    options: dict[str, int | bool | str]


class CodeLock(StrictModel):
    """The blessed code of a kernel's builds, and what it was compiled with.

    `moved` is what the blessing changed, the verdicts on its code against the lock before it;
    `moves` has a line for each build and architecture that changed, old and new.
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


def path_of(kernel: str, folder: Path = FOLDER) -> Path:
    """Where the lock of a kernel is."""
    return folder / f"{kernel}.json"


def text(lock: CodeLock) -> str:
    """The file's text: a line each for what is compared by itself, and a seal over all of it."""
    data = lock.model_dump(mode="json")
    lines = [f" {_line(name)}: {_line(data[name])}," for name in list(data)[:7]]
    lines.append(f' "builds": {{\n{_block(data["builds"])}\n }},')
    flat = {
        f"{build} {architecture}": costs
        for build, of_build in data["costs"].items()
        for architecture, costs in of_build.items()
    }
    lines.append(f' "costs": {{\n{_block(flat)}\n }},')
    return "\n".join(["{", *lines, f' "seal": "{_seal(data)}"', "}"]) + "\n"


def write(lock: CodeLock, folder: Path = FOLDER) -> None:
    """Replaces the lock of its kernel at once."""
    write_whole(path_of(lock.kernel, folder), text(lock))


def read(kernel: str, folder: Path = FOLDER) -> CodeLock | None:
    """The lock of a kernel, None where there is none; BaselineError for one that is not whole."""
    file = path_of(kernel, folder)
    try:
        content = safe_read.read(file, _MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        found = (error.strerror or "an unreadable file").lower()
        raise _refused(file, found, "a readable lock") from None
    if excess := safe_read.excess(content, _MAX_BYTES):
        raise _refused(file, excess, "a lock")
    try:
        data = json.loads(content.decode("utf-8"), object_pairs_hook=_once)
        seal = data.pop("seal")
        data["costs"] = _nested(data["costs"])
        lock = CodeLock.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise _refused(file, first_fault(error)[:_SHOWN], "a lock as bless writes it") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = plain_line(f"text that is no lock ({type(error).__name__}: {error})", _SHOWN)
        raise _refused(file, found, "a lock as bless writes it") from None
    if seal != _seal(lock.model_dump(mode="json")):
        raise _refused(file, "a seal that does not fit its lines", "a lock that nobody edited")
    if lock.builds.keys() != lock.costs.keys():
        raise _refused(file, "costs of other builds than it lists", "those of each of its builds")
    if lock.kernel != kernel:
        raise _refused(file, f"the lock of {lock.kernel!r}", f"that of {kernel!r}")
    return lock


def _refused(file: Path, found: str, expected: str) -> BaselineError:
    where = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    mend = f"git checkout -- {where}, or nox -s bless -- codegen --reason ..."
    return BaselineError(f"{where}: found {found}, expected {expected}; {mend}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping without repeated keys, of which JSON would keep the last."""
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} stands there twice")
    return dict(pairs)


def _nested(flat: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Costs by build and architecture, from costs by ``"<build> <architecture>"``."""
    nested: dict[str, dict[str, Any]] = {}
    for name, costs in flat.items():
        build, _, architecture = name.partition(" ")
        nested.setdefault(build, {})[architecture] = costs
    return nested


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(lines: dict[str, Any]) -> str:
    return ",\n".join(f"  {_line(name)}: {_line(value)}" for name, value in lines.items())


def _seal(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
