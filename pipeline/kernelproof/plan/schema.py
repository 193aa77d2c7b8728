"""The models of `matrix.yaml`, and the JSON Schema by which editors complete it.

``python -m kernelproof.plan.schema`` writes the schema anew; a test keeps both in step.
"""

import datetime
import json
from collections.abc import Iterator
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.value_types import Architecture, AxisName, Dtype, Label, Name, Sizes, Text

FILE = Path(__file__).with_name("matrix.schema.json")


class Check(StrEnum):
    """A question asked of a case."""

    PARITY = "parity"
    PERF = "perf"


class Row(StrictModel):
    """A hardware entry: the device that a machine must have, its toolchain and CI runner."""

    backend: Literal["interpreter", "cuda", "hip", "xpu"]
    device: Text = Field(description="The device name that the machine must report")
    arch: Label = Field(description="The architecture that kernels are compiled for")
    memory_gb: Annotated[int, Field(ge=1, le=100_000)]
    toolchain: Label = Field(
        description="Names pipeline/kernelproof/machine/toolchains/<toolchain>.txt"
    )
    runner: Annotated[list[Label], Field(min_length=1)] = Field(
        description="The labels of its CI runner"
    )

    @property
    def is_compiled(self) -> bool:
        """Returns True if kernels are compiled on the row, False if they are interpreted."""
        return self.backend != "interpreter"

    @property
    def environment(self) -> dict[str, str]:
        """Returns the variable by which Triton interprets or compiles the kernels it decorates."""
        return {"TRITON_INTERPRET": "0" if self.is_compiled else "1"}


class Promise(StrictModel):
    """The bound that a kernel keeps at one dtype."""

    max_ulp: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        description="Largest error against the oracle, in units in the last place of fp32"
    )


class Shape(StrictModel):
    """The sizes of axes; a list of sizes stands for several shapes. T counts the tokens."""

    axes: Annotated[dict[AxisName, Sizes], Field(min_length=1)]
    dtypes: Annotated[list[Dtype], Field(min_length=1)] | None = Field(
        default=None, description="Only at these dtypes"
    )
    min_memory_gb: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Only on rows with at least this memory"
    )


class Budget(StrictModel):
    """The most that generated code may cost, on every architecture."""

    builds: Text = Field(description="Names of builds; * stands for anything")
    max_spills: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Spills to memory, loads and stores"
    )
    max_instructions_per_row: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Instructions that the warps of a program execute for one row"
    )

    def covers(self, build: str) -> bool:
        """Returns True if the budget holds for a build."""
        return fnmatchcase(build, self.builds)


class Perf(StrictModel):
    """The shapes that are timed against stored baselines, and the slowdown that has to be found."""

    limit_percent: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)] = Field(
        description="A slowdown of this size blocks, by time and by time over the floor"
    )
    shapes: Annotated[list[Shape], Field(min_length=1)]


class Mutants(StrictModel):
    """The cases on which planted faults of kernels/<name>/proof/mutants.yaml are run."""

    cases: Annotated[list[Text], Field(min_length=1, max_length=25)] = Field(
        description="Ids of parity cases without the row; * stands for anything"
    )
    compiled_cases: Annotated[list[Text], Field(max_length=25)] = Field(
        [], description="As cases, and asked besides them on rows that compile"
    )
    enough: Annotated[list[Text], Field(max_length=25)] = Field(
        [], description="Of cases, those that kill all of an interpreted row: what --quick asks"
    )
    seconds_per_mutant: Annotated[int, Field(gt=0, le=3600)] = Field(
        description="For all of the cases together"
    )

    @property
    def patterns(self) -> list[tuple[tuple[str, int], str]]:
        """Returns every pattern of cases, with its list's name and its position there."""
        names = ("cases", "compiled_cases", "enough")
        lists: list[tuple[str, list[str]]] = [(name, getattr(self, name)) for name in names]
        return [((name, i), pattern) for name, list_ in lists for i, pattern in enumerate(list_)]

    def covers(self, key: str, *, is_compiled: bool, is_quick: bool = False) -> bool:
        """Returns True if a case with this key is run on a row that compiles, or interprets."""
        interpreted = self.enough if is_quick and self.enough else self.cases
        patterns = [*self.cases, *self.compiled_cases] if is_compiled else interpreted
        return any(fnmatchcase(key, pattern) for pattern in patterns)


class Sanitize(StrictModel):
    """The shapes that run under compute-sanitizer's tools on NVIDIA rows."""

    seconds_per_tool: Annotated[int, Field(gt=0, le=3600)] = Field(
        description="For all of the kernel's cases together, under one tool"
    )
    shapes: Annotated[list[Shape], Field(min_length=1)]


class Kernel(StrictModel):
    """A kernel, kernels/<name>/, with its promises and the shapes at which they are tried."""

    dtypes: Annotated[dict[Dtype, Promise], Field(min_length=1)]
    seconds_per_case: Annotated[int, Field(gt=0, le=3600)]
    golden: bool = Field(description="Whether its bits have to be the blessed ones")
    shapes: Annotated[list[Shape], Field(min_length=1)]
    codegen: Annotated[list[Budget], Field(min_length=1)] | None = Field(
        default=None, description="Budgets of its generated code, which is locked where this stands"
    )
    perf: Perf | None = Field(
        default=None, description="The shapes whose times are held to baselines on GPU rows"
    )
    bench: Annotated[list[Shape], Field(min_length=1)] | None = Field(
        default=None, description="The shapes at which it is timed beside its floors and peers"
    )

    mutants: Mutants | None = Field(
        default=None, description="The cases that kill planted faults, and the time they have"
    )
    sanitize: Sanitize | None = Field(
        default=None, description="The shapes that run under compute-sanitizer, and their time"
    )

    def promise(self, dtype: str) -> Promise:
        """Returns the kernel's promise at `dtype`."""
        return next(promise for name, promise in self.dtypes.items() if name == dtype)


class Skip(StrictModel):
    """Cases that are left out on purpose; the matrix is refused once `until` has passed."""

    cases: Text = Field(description="Case ids; * stands for anything")
    check: Check = Field(strict=False)
    reason: Text
    until: datetime.date

    def covers(self, case_id: str, check: Check) -> bool:
        """Returns True if the skip leaves out `check` of the case."""
        return self.check == check and fnmatchcase(case_id, self.cases)


class Matrix(StrictModel):
    """The content of `matrix.yaml`: dtypes, hardware rows, kernels, and skips."""

    dtypes: Annotated[list[Dtype], Field(min_length=1)]
    rows: Annotated[dict[Name, Row], Field(min_length=1)]
    kernels: Annotated[dict[Name, Kernel], Field(min_length=1)]
    architectures: list[Architecture] = Field(
        default=[], description="What generated code is locked for"
    )
    skips: Annotated[list[Skip], Field(max_length=25)]


# The model of each mapping in the file, by its path; "*" stands for names and list positions.
MODELS: dict[tuple[str, ...], type[StrictModel]] = {
    (): Matrix,
    ("rows", "*"): Row,
    ("kernels", "*"): Kernel,
    ("kernels", "*", "dtypes", "*"): Promise,
    ("kernels", "*", "shapes", "*"): Shape,
    ("kernels", "*", "codegen", "*"): Budget,
    ("kernels", "*", "perf"): Perf,
    ("kernels", "*", "perf", "shapes", "*"): Shape,
    ("kernels", "*", "bench", "*"): Shape,
    ("kernels", "*", "mutants"): Mutants,
    ("kernels", "*", "sanitize"): Sanitize,
    ("kernels", "*", "sanitize", "shapes", "*"): Shape,
    ("skips", "*"): Skip,
}


def text() -> str:
    """Returns the JSON Schema of `matrix.yaml`."""
    schema: dict[str, Any] = Matrix.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for mapping in _patterned(schema):
        mapping["additionalProperties"] = False
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _patterned(schema: Any) -> Iterator[dict[str, Any]]:
    """Yields the mappings whose keys have to match a pattern; pydantic lets other keys pass."""
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            yield schema
        for part in schema.values():
            yield from _patterned(part)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
