"""The one strict reader of `matrix.yaml`, which reports all of its faults at once."""

import datetime
import fnmatch
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kernelproof.errors import MatrixError, did_you_mean
from kernelproof.escape import plain_line
from kernelproof.files import fault_messages, yaml_document
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.cases import (
    PARITY,
    SHAPE_LISTS,
    bound_on_cases,
    cases_of,
    listed_cases,
    repeated_cases,
)
from kernelproof.plan.repository import ROOT, TOOLCHAINS
from kernelproof.plan.schema import MODELS, Check, Matrix, Shape
from kernelproof.plan.value_types import DTYPES

FILE = ROOT / "matrix.yaml"

_MAX_CASES = 10_000  # of one list of shapes, on all rows and at all dtypes
_MAX_ID = 200  # letters of a case's id, which names files; their drafts have longer names


def load(file: Path = FILE, *, today: datetime.date | None = None) -> Matrix:
    """Returns the matrix in `file`; raises MatrixError with all of its faults, by their lines.

    Kernels are looked for in `kernels/` beside `file`. A skip that ended before `today` is a fault.
    """
    return _Reading(file, today or datetime.datetime.now(datetime.UTC).date()).matrix()


class _Reading:
    """The reading of one file; its document collects the faults."""

    def __init__(self, file: Path, today: datetime.date) -> None:
        self.root, self.today = file.parent, today
        self.doc = yaml_document.read(file)

    def matrix(self) -> Matrix:
        # 1. The types of all values, and what can be asked of the file although some are wrong:
        #    a user sees these faults together.
        matrix = self._validated()
        self._blame_folders()
        self._blame_toolchains()
        self._blame_dtypes()
        self._blame_expired_skips()
        # 2. The shapes: whether all have the same axes, and how many cases they plan at most.
        if matrix and not self.doc.faults:
            self._blame_shapes(matrix)
        # 3. The cases, which are only made once their number is known to be small.
        if matrix and not self.doc.faults:
            self._blame_cases(matrix)
            self._blame_mutant_cases(matrix)
            self._blame_skips(matrix)
        if self.doc.faults or matrix is None:
            raise MatrixError(self.doc.name, self.doc.faults)
        return matrix

    def _validated(self) -> Matrix | None:
        """Returns the matrix, or None after blaming the values that pydantic refuses."""
        try:
            return Matrix.model_validate(self.doc.data)
        except ValidationError as error:
            blamed = {(fault.line, fault.path) for fault in self.doc.faults}
            for detail in error.errors(include_url=False):
                path = detail["loc"]
                if (self.doc.place(path)[0], yaml_document.dotted(path)) not in blamed:
                    self._blame_value(path, detail)
            return None

    def _blame_value(self, path: yaml_document.Path, detail: Any) -> None:
        """Blames a value or key that pydantic refuses, in the words of the file."""
        last, kind = str(path[-1]) if path else "", detail["type"]
        # 1. A key that is missing, or that the model does not have.
        if kind == "missing":
            self.doc.blame(path, found="nothing", expected=f"a value for {last!r}")
        elif kind == "extra_forbidden":
            known = list(_model_at(path[:-1]).model_fields)
            expected, mend = f"one of {', '.join(known)}", did_you_mean(last, known)
            self._blame_key(path, found="unknown key", expected=expected, mend=mend)
        # 2. A key that is no name of a row, kernel, dtype or axis: pydantic marks it so.
        elif last == "[key]":
            mend = fault_messages.likely_correction(detail, str(path[-2]))
            self._blame_key(
                path[:-1], found="key", expected=fault_messages.describe_expected(detail), mend=mend
            )
        # 3. A value; pydantic counts into a size although it stands without a list.
        else:
            path = path if path in self.doc.places else path[:-1]
            text = self.doc.texts.get(path, "")
            found = fault_messages.describe_found(detail["input"], text)
            self.doc.blame(
                path,
                found=found,
                expected=fault_messages.describe_expected(detail),
                mend=fault_messages.likely_correction(detail, text),
            )

    def _blame_key(self, path: yaml_document.Path, *, found: str, expected: str, mend: str) -> None:
        found = f"{found} {yaml_document.quoted(str(path[-1]))}"
        at = self.doc.keys.get(path)
        self.doc.blame(path, at=at, found=found, expected=expected, mend=mend)

    @cached_property
    def _kernels(self) -> dict[str, Any]:
        return _mapping(_mapping(self.doc.data).get("kernels"))

    def _blame_folders(self) -> None:
        """Blames kernels without a folder or a proof, and folders without a kernel."""
        if not self._kernels:
            return
        kernels = self.root / "kernels"
        folders = {init.parent.name for init in kernels.glob("*/__init__.py")}
        proofs = (*kernels.glob("*/proof.py"), *kernels.glob("*/proof/__init__.py"))
        proved = {file.relative_to(kernels).parts[0] for file in proofs}
        for name in self._kernels.keys() - (folders & proved):
            folder = f"kernels/{plain_line(name)}/"
            found = "no proof in its folder" if name in folders else "no folder"
            mend = (
                f"add {folder}proof.py" if name in folders else did_you_mean(name, sorted(folders))
            )
            expected = f"a folder {folder} with an __init__.py and a proof"
            self.doc.blame(("kernels", name), found=found, expected=expected, mend=mend)
        for name in (folders | proved) - self._kernels.keys():
            found = f"no block for the folder kernels/{name}/"
            mend = f"add a block {name!r}, or remove the folder"
            self.doc.blame(("kernels",), found=found, expected="a block a folder", mend=mend)

    def _blame_toolchains(self) -> None:
        """Blames toolchains of rows that kernelproof does not have."""
        known = sorted(file.stem for file in TOOLCHAINS.glob("*.txt"))
        for name, row in _mapping(_mapping(self.doc.data).get("rows")).items():
            toolchain = _mapping(row).get("toolchain")
            if isinstance(toolchain, str) and toolchain not in known:
                self.doc.blame(
                    ("rows", name, "toolchain"),
                    found=yaml_document.quoted(toolchain),
                    expected=f"a toolchain of kernelproof: {', '.join(known)}",
                    mend=did_you_mean(toolchain, known),
                )

    def _blame_dtypes(self) -> None:
        """Blames dtypes promised but not listed, tried but not promised, listed for no kernel."""
        listed = dict(_listed(_mapping(self.doc.data).get("dtypes")))
        promised: set[Any] = set()
        for name, kernel in self._kernels.items():
            promises = _mapping(_mapping(kernel).get("dtypes"))
            promised.update(promises)
            # 1. Every promised dtype is one of the file's.
            for dtype in (promises.keys() & DTYPES.keys()) - set(listed.values()):
                expected = f"one of the file's dtypes: {plain_line(', '.join(listed.values()))}"
                promise = ("kernels", name, "dtypes", dtype)
                at = self.doc.keys[promise]
                self.doc.blame(promise, at=at, found=f"dtype {dtype!r}", expected=expected)
            # 2. Every dtype of a shape is promised by its kernel.
            for place, shape in _shapes(_mapping(kernel)):
                for j, dtype in _listed(shape.get("dtypes")):
                    if dtype in DTYPES and dtype not in promises:
                        path = ("kernels", name, *place, "dtypes", j)
                        expected = plain_line(f"one that {name} promises: {', '.join(promises)}")
                        self.doc.blame(path, found=f"dtype {dtype!r}", expected=expected)
        # 3. Every dtype of the file is promised by some kernel.
        for i, dtype in listed.items():
            if dtype in DTYPES and dtype not in promised:
                expected = "a kernel that promises it"
                self.doc.blame(("dtypes", i), found=f"dtype {dtype!r}", expected=expected)

    def _blame_expired_skips(self) -> None:
        for i, skip in _listed(_mapping(self.doc.data).get("skips"), keep=dict):
            until = skip.get("until")
            if isinstance(until, datetime.date) and until < self.today:
                found = f"a skip that expired on {until}"
                expected = f"a date from {self.today} on"
                mend = "run the cases again, or renew the date with a reason"
                self.doc.blame(("skips", i, "until"), found=found, expected=expected, mend=mend)

    def _blame_shapes(self, matrix: Matrix) -> None:
        """Blames shapes of other axes or without tokens to time, and lists of too many cases."""
        for name, kernel in matrix.kernels.items():
            axes = set(kernel.shapes[0].axes) | {"T"}
            for place, shapes_of in SHAPE_LISTS.items():
                path, shapes = ("kernels", name, *place), shapes_of(kernel)
                for i, shape in enumerate(shapes):
                    self._blame_axes((*path, i, "axes"), shape, axes, is_timed=place != PARITY)
                count = sum(bound_on_cases(matrix, kernel, shape) for shape in shapes)
                if count > _MAX_CASES:
                    expected = f"at most {_MAX_CASES:,}"
                    self.doc.blame(path, found=f"{count:,} cases", expected=expected)

    def _blame_axes(
        self, path: yaml_document.Path, shape: Shape, axes: set[str], *, is_timed: bool
    ) -> None:
        if set(shape.axes) != axes:
            found, expected = ", ".join(sorted(shape.axes)), ", ".join(sorted(axes))
            self.doc.blame(path, found=f"axes {found}", expected=f"axes {expected}")
        elif is_timed and 0 in shape.axes["T"]:
            self.doc.blame((*path, "T"), found="0 tokens", expected="some to time")

    def _blame_cases(self, matrix: Matrix) -> None:
        """Blames cases that are planned twice, and ids that are too long for a file's name."""
        for place in SHAPE_LISTS:
            cases = listed_cases(matrix, place)
            for case in repeated_cases(cases):
                path, found = ("kernels", case.kernel, *place), f"case {case.id} twice"
                self.doc.blame(path, found=found, expected="each case once")
            longest = max(cases, key=lambda case: len(case.id), default=None)
            if longest and len(longest.id) > _MAX_ID:
                path, found = ("kernels", longest.kernel, *place), f"case {longest.id}"
                self.doc.blame(path, found=found, expected=f"an id of at most {_MAX_ID} letters")

    def _blame_mutant_cases(self, matrix: Matrix) -> None:
        """Blames names of cases for mutants that no parity case of the kernel has."""
        keys = sorted({case.key for case in cases_of(matrix)})
        for name, kernel in matrix.kernels.items():
            own = [key for key in keys if key.startswith(f"{name}-")]
            for place, pattern in kernel.mutants.patterns if kernel.mutants else []:
                if not fnmatch.filter(own, pattern):
                    path = ("kernels", name, "mutants", *place)
                    expected = f"parity cases of {name}, without the row"
                    mend = did_you_mean(pattern, own)
                    self.doc.blame(path, found=repr(pattern), expected=expected, mend=mend)

    def _blame_skips(self, matrix: Matrix) -> None:
        """Blames skips of no case."""
        ids = {check: [case.id for case in cases_of(matrix, check)] for check in Check}
        for i, skip in enumerate(matrix.skips):
            if not fnmatch.filter(ids[skip.check], skip.cases):
                found, expected = repr(skip.cases), "ids of planned cases"
                mend = did_you_mean(skip.cases, ids[skip.check])
                self.doc.blame(("skips", i, "cases"), found=found, expected=expected, mend=mend)


def _model_at(path: yaml_document.Path) -> type[StrictModel]:
    """Returns the model of the mapping at a path."""
    names = [str(part) for part in path]
    return next(model for key, model in MODELS.items() if _is_at(key, names))


def _is_at(key: Sequence[str], names: Sequence[str]) -> bool:
    return len(key) == len(names) and all(
        fnmatch.fnmatchcase(name, pattern) for pattern, name in zip(key, names, strict=True)
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any, keep: type = str) -> list[tuple[int, Any]]:
    """Returns the items of one type in a list, each with its position."""
    items = enumerate(value if isinstance(value, list) else [])
    return [(i, item) for i, item in items if isinstance(item, keep)]


def _shapes(kernel: dict[str, Any]) -> Iterator[tuple[yaml_document.Path, dict[str, Any]]]:
    """Yields the shapes of a kernel's block, each with its path within the block."""
    for place in SHAPE_LISTS:
        block = kernel
        for name in place[:-1]:
            block = _mapping(block.get(name))
        for i, shape in _listed(block.get(place[-1]), keep=dict):
            path: yaml_document.Path = (*place, i)
            yield path, shape
