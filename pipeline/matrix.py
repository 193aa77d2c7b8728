"""`matrix.yaml` read by its one strict reader, which reports every fault at once."""

import datetime
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline import document
from pipeline.cases import Case, cases_of
from pipeline.errors import MatrixError, did_you_mean
from pipeline.schema import MODELS, Matrix

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "matrix.yaml"


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
        self.doc = document.read(file)

    def matrix(self) -> Matrix:
        matrix = self._validated()
        self._blame_folders()
        self._blame_toolchains()
        self._blame_dtypes()
        self._blame_expired_skips()
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
                path = tuple(part for part in detail["loc"] if part != "[key]")
                if (self.doc.place(path)[0], document.dotted(path)) not in blamed:
                    self._blame_value(path, detail)
            return None

    def _blame_value(self, path: document.Path, detail: Any) -> None:
        """Says one fault that pydantic found in the words of the file."""
        last = str(path[-1]) if path else ""
        if detail["type"] == "missing":
            self.doc.blame(path, found="nothing", expected=f"a value for {last!r}")
        elif detail["type"] == "extra_forbidden":
            model = MODELS[tuple("*" if i % 2 else str(p) for i, p in enumerate(path[:-1]))]
            known = list(model.model_fields)
            expected, mend = f"one of {', '.join(known)}", did_you_mean(last, known)
            self.doc.blame(path, found=f"unknown key {last!r}", expected=expected, mend=mend)
        else:
            is_key = "[key]" in detail["loc"]
            text = last if is_key else self.doc.texts.get(path, "")
            found = f"key {last!r}" if is_key else _shown(detail["input"], text)
            self.doc.blame(path, found=found, expected=_wanted(detail), mend=_mend(detail, text))

    @cached_property
    def _kernels(self) -> dict[str, Any]:
        return _mapping(_mapping(self.doc.data).get("kernels"))

    def _blame_folders(self) -> None:
        """Kernels without a folder, and folders without a kernel."""
        kernels = self.root / "kernels"
        folders = {init.parent.name for init in kernels.glob("*/__init__.py")}
        for name in self._kernels.keys() - folders:
            mend = did_you_mean(name, sorted(folders))
            expected = f"a folder kernels/{name}/ with an __init__.py"
            self.doc.blame(("kernels", name), found="no folder", expected=expected, mend=mend)
        for name in folders - self._kernels.keys():
            found = f"no block for the folder kernels/{name}/"
            mend = f"add a block {name!r}, or remove the folder"
            self.doc.blame(("kernels",), found=found, expected="a block a folder", mend=mend)

    def _blame_toolchains(self) -> None:
        files = (self.root / "pipeline" / "requirements").glob("*.txt")
        known = sorted(file.stem for file in files)
        for name, row in _mapping(_mapping(self.doc.data).get("rows")).items():
            toolchain = _mapping(row).get("toolchain")
            if isinstance(toolchain, str) and toolchain not in known:
                self.doc.blame(
                    ("rows", name, "toolchain"),
                    found=repr(toolchain),
                    expected=f"one of pipeline/requirements/: {', '.join(known) or 'none yet'}",
                    mend=did_you_mean(toolchain, known),
                )

    def _blame_dtypes(self) -> None:
        """Dtypes promised but not listed, listed but not promised, tried but not promised."""
        listed = _listed(_mapping(self.doc.data).get("dtypes"))
        promised: set[Any] = set()
        for name, kernel in self._kernels.items():
            promises = _mapping(_mapping(kernel).get("dtypes"))
            promised.update(promises)
            for dtype in promises.keys() - set(listed):
                expected = f"one of the file's dtypes: {', '.join(listed)}"
                promise = ("kernels", name, "dtypes", dtype)
                self.doc.blame(promise, found=f"dtype {dtype!r}", expected=expected)
            for i, shape in enumerate(_listed(_mapping(kernel).get("shapes"), keep=dict)):
                for dtype in set(_listed(shape.get("dtypes"))) - promises.keys():
                    path = ("kernels", name, "shapes", i, "dtypes")
                    expected = f"one that {name} promises: {', '.join(promises)}"
                    self.doc.blame(path, found=f"dtype {dtype!r}", expected=expected)
        for i, dtype in enumerate(listed):
            if dtype not in promised:
                expected = "a kernel that promises it"
                self.doc.blame(("dtypes", i), found=f"dtype {dtype!r}", expected=expected)

    def _blame_expired_skips(self) -> None:
        for i, skip in enumerate(_listed(_mapping(self.doc.data).get("skips"), keep=dict)):
            until = skip.get("until")
            if isinstance(until, datetime.date) and until < self.today:
                found = f"a skip that expired on {until}"
                expected = f"a date from {self.today} on"
                mend = "run the cases again, or renew the date with a reason"
                self.doc.blame(("skips", i, "until"), found=found, expected=expected, mend=mend)

    def _blame_cases(self, matrix: Matrix) -> None:
        """Shapes without tokens or of other axes, cases planned twice, skips of no case."""
        for name, kernel in matrix.kernels.items():
            axes = set(kernel.shapes[0].axes) | {"T"}
            for i, shape in enumerate(kernel.shapes):
                if set(shape.axes) != axes:
                    path = ("kernels", name, "shapes", i, "axes")
                    found, expected = ", ".join(sorted(shape.axes)), ", ".join(sorted(axes))
                    self.doc.blame(path, found=f"axes {found}", expected=f"axes {expected}")
        if self.doc.faults:
            return
        cases = cases_of(matrix)
        for case_id in _repeated(cases):
            place = ("kernels", case_id.partition("-")[0], "shapes")
            self.doc.blame(place, found=f"case {case_id} twice", expected="each case once")
        for i, skip in enumerate(matrix.skips):
            if not any(skip.covers(case.id, skip.check) for case in cases):
                found, expected = repr(skip.cases), "ids of planned cases"
                self.doc.blame(("skips", i, "cases"), found=found, expected=expected)


def _repeated(cases: tuple[Case, ...]) -> Iterator[str]:
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            yield case.id
        seen.add(case.id)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any, keep: type = str) -> list[Any]:
    return [item for item in value if isinstance(item, keep)] if isinstance(value, list) else []


def _shown(value: Any, text: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        kind = "list" if isinstance(value, list) else "mapping"
        return f"a {kind}" if value else f"an empty {kind}"
    return f"{'text' if isinstance(value, str) else type(value).__name__} {text!r}"


def _wanted(detail: Any) -> str:
    """What pydantic asked for, as the end of "expected ..."."""
    message = re.sub(r"^\w+ should (be |have )?", "", detail["msg"])
    message = message.replace("match pattern", "text that matches")
    message = message.replace("an instance of Matrix", "a mapping: dtypes, rows, kernels, skips")
    message = re.sub(r" after validation, not .*", "", message)
    return message.replace("a valid ", "a ").replace("a integer", "an integer")


def _mend(detail: Any, text: str) -> str:
    if re.fullmatch(r"[-+]?\d+[eE][-+]?\d+", text):
        number = int(float(text)) if detail["type"].startswith("int") else float(text)
        return f"write {number!r}: YAML reads {text!r} as text"
    return did_you_mean(text, re.findall(r"'([^']+)'", detail["msg"]))
