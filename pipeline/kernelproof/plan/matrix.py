"""`matrix.yaml` read by its one strict reader, which reports every fault at once."""

import datetime
import fnmatch
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kernelproof.errors import MatrixError, did_you_mean
from kernelproof.escape import plain_line
from kernelproof.files import fault_messages, yaml_document
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.cases import benched, cases_of, most_cases, repeated, sanitized
from kernelproof.plan.repository import ROOT, TOOLCHAINS
from kernelproof.plan.schema import MODELS, Check, Kernel, Matrix, Shape
from kernelproof.plan.value_types import DTYPES

FILE = ROOT / "matrix.yaml"

_MAX_CASES = 10_000  # of one list of shapes, on all rows and at all dtypes
_MAX_ID = 200  # letters of a case's id: it names files, whose drafts have longer names
# Where the shapes of a kernel's block stand, and how they are had of its model.
_PARTS: dict[tuple[str, ...], Callable[[Kernel], Sequence[Shape]]] = {
    ("shapes",): lambda kernel: kernel.shapes,
    ("perf", "shapes"): lambda kernel: kernel.perf.shapes if kernel.perf else [],
    ("bench",): lambda kernel: kernel.bench or [],
    ("sanitize", "shapes"): lambda kernel: kernel.sanitize.shapes if kernel.sanitize else [],
}


def load(file: Path = FILE, *, today: datetime.date | None = None) -> Matrix:
    """The matrix in `file`; MatrixError with every fault of it, in the order of its lines.

    The folder of `file` is where its kernels and toolchains are looked for; `today` decides
    which skips have expired.
    """
    return _Reading(file, today or datetime.datetime.now(datetime.UTC).date()).matrix()


class _Reading:
    """One file on its way to a matrix: the document collects the faults."""

    def __init__(self, file: Path, today: datetime.date) -> None:
        self.root, self.today = file.parent, today
        self.doc = yaml_document.read(file)

    def matrix(self) -> Matrix:
        matrix = self._validated()
        self._blame_folders()
        self._blame_toolchains()
        self._blame_dtypes()
        self._blame_expired_skips()
        if matrix and not self.doc.faults:
            self._blame_shapes(matrix)
        if matrix and not self.doc.faults:
            self._blame_cases(matrix)
        if self.doc.faults or matrix is None:
            raise MatrixError(self.doc.name, self.doc.faults)
        return matrix

    def _validated(self) -> Matrix | None:
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
        """Says one fault that pydantic found in the words of the file."""
        last, kind = str(path[-1]) if path else "", detail["type"]
        if kind == "missing":
            self.doc.blame(path, found="nothing", expected=f"a value for {last!r}")
        elif kind == "extra_forbidden":
            known = list(_model_at(path[:-1]).model_fields)
            expected, mend = f"one of {', '.join(known)}", did_you_mean(last, known)
            self._blame_key(path, found="unknown key", expected=expected, mend=mend)
        elif last == "[key]":
            mend = fault_messages.likely_correction(detail, str(path[-2]))
            self._blame_key(
                path[:-1], found="key", expected=fault_messages.describe_expected(detail), mend=mend
            )
        else:
            if path not in self.doc.places:  # a size that stands without a list
                path = path[:-1]
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
        """Kernels without a folder, and folders without a kernel."""
        if not self._kernels:
            return
        kernels = self.root / "kernels"
        folders = {init.parent.name for init in kernels.glob("*/__init__.py")}
        for name in self._kernels.keys() - folders:
            mend = did_you_mean(name, sorted(folders))
            expected = f"a folder kernels/{plain_line(name)}/ with an __init__.py"
            self.doc.blame(("kernels", name), found="no folder", expected=expected, mend=mend)
        for name in folders - self._kernels.keys():
            found = f"no block for the folder kernels/{name}/"
            mend = f"add a block {name!r}, or remove the folder"
            self.doc.blame(("kernels",), found=found, expected="a block a folder", mend=mend)

    def _blame_toolchains(self) -> None:
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
        """Dtypes promised but not listed, listed but not promised, tried but not promised."""
        listed = dict(_listed(_mapping(self.doc.data).get("dtypes")))
        promised: set[Any] = set()
        for name, kernel in self._kernels.items():
            promises = _mapping(_mapping(kernel).get("dtypes"))
            promised.update(promises)
            for dtype in (promises.keys() & DTYPES.keys()) - set(listed.values()):
                expected = f"one of the file's dtypes: {plain_line(', '.join(listed.values()))}"
                promise = ("kernels", name, "dtypes", dtype)
                at = self.doc.keys[promise]
                self.doc.blame(promise, at=at, found=f"dtype {dtype!r}", expected=expected)
            for where, shape in _shapes(_mapping(kernel)):
                for j, dtype in _listed(shape.get("dtypes")):
                    if dtype in DTYPES and dtype not in promises:
                        path = ("kernels", name, *where, "dtypes", j)
                        expected = plain_line(f"one that {name} promises: {', '.join(promises)}")
                        self.doc.blame(path, found=f"dtype {dtype!r}", expected=expected)
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
        """Shapes without tokens or of other axes, and too many of them."""
        for name, kernel in matrix.kernels.items():
            axes = set(kernel.shapes[0].axes) | {"T"}
            for part, shapes in _PARTS.items():
                place = ("kernels", name, *part)
                self._blame_part(place, shapes(kernel), axes)
                count = sum(most_cases(matrix, kernel, shape) for shape in shapes(kernel))
                if count > _MAX_CASES:
                    expected = f"at most {_MAX_CASES:,}"
                    self.doc.blame(place, found=f"{count:,} cases", expected=expected)

    def _blame_part(
        self, part: yaml_document.Path, shapes: Sequence[Shape], axes: set[str]
    ) -> None:
        """What a list of shapes plans wrongly: other axes, nothing to time."""
        for i, shape in enumerate(shapes):
            path = (*part, i, "axes")
            if set(shape.axes) != axes:
                found, expected = ", ".join(sorted(shape.axes)), ", ".join(sorted(axes))
                self.doc.blame(path, found=f"axes {found}", expected=f"axes {expected}")
            elif part[2:] != ("shapes",) and 0 in shape.axes["T"]:
                self.doc.blame((*path, "T"), found="0 tokens", expected="some to time")

    def _blame_cases(self, matrix: Matrix) -> None:
        """Cases planned twice, skips of no case."""
        by_part = {("shapes",): Check.PARITY, ("perf", "shapes"): Check.PERF}
        cases_by_part = {part: cases_of(matrix, check) for part, check in by_part.items()}
        cases_by_part["bench",] = benched(matrix)
        cases_by_part["sanitize", "shapes"] = sanitized(matrix)
        for part, cases in cases_by_part.items():
            for case in repeated(cases):
                place, found = ("kernels", case.kernel, *part), f"case {case.id} twice"
                self.doc.blame(place, found=found, expected="each case once")
            longest = max(cases, key=lambda case: len(case.id), default=None)
            if longest and len(longest.id) > _MAX_ID:
                place, found = ("kernels", longest.kernel, *part), f"case {longest.id}"
                self.doc.blame(place, found=found, expected=f"an id of at most {_MAX_ID} letters")
        self._blame_quick_cases(matrix, sorted({case.key for case in cases_by_part["shapes",]}))
        ids = {check: [case.id for case in cases_of(matrix, check)] for check in Check}
        for i, skip in enumerate(matrix.skips):
            if not fnmatch.filter(ids[skip.check], skip.cases):
                found, expected = repr(skip.cases), "ids of planned cases"
                mend = did_you_mean(skip.cases, ids[skip.check])
                where = ("skips", i, "cases")
                self.doc.blame(where, found=found, expected=expected, mend=mend)

    def _blame_quick_cases(self, matrix: Matrix, keys: Sequence[str]) -> None:
        """Names of cases for mutants that no parity case has."""
        for name, kernel in matrix.kernels.items():
            own = [key for key in keys if key.startswith(f"{name}-")]
            for where, pattern in kernel.mutants.patterns if kernel.mutants else []:
                if not fnmatch.filter(own, pattern):
                    path = ("kernels", name, "mutants", *where)
                    expected = f"parity cases of {name}, without the row"
                    mend = did_you_mean(pattern, own)
                    self.doc.blame(path, found=repr(pattern), expected=expected, mend=mend)


def _model_at(path: yaml_document.Path) -> type[StrictModel]:
    names = [str(part) for part in path]
    return next(model for key, model in MODELS.items() if _is_at(key, names))


def _is_at(key: Sequence[str], names: Sequence[str]) -> bool:
    return len(key) == len(names) and all(
        fnmatch.fnmatchcase(n, k) for k, n in zip(key, names, strict=True)
    )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any, keep: type = str) -> list[tuple[int, Any]]:
    """The items of one type in a list, each with its place in it."""
    items = enumerate(value if isinstance(value, list) else [])
    return [(i, item) for i, item in items if isinstance(item, keep)]


def _shapes(kernel: dict[str, Any]) -> Iterator[tuple[yaml_document.Path, dict[str, Any]]]:
    """The shapes of a kernel's block, each with where it stands."""
    for part in _PARTS:
        block = kernel
        for name in part[:-1]:
            block = _mapping(block.get(name))
        for i, shape in _listed(block.get(part[-1]), keep=dict):
            path: yaml_document.Path = (*part, i)
            yield path, shape
