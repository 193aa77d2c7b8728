"""`matrix.yaml` read by its one strict reader, which reports every fault at once."""

import datetime
import re
from collections.abc import Iterator
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline import document
from pipeline.cases import benched, cases_of, repeated
from pipeline.errors import MatrixError, did_you_mean
from pipeline.schema import DTYPES, MODELS, Matrix

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "matrix.yaml"

_MAX_SHAPES = 10_000
_POWER = re.compile(r"([-+]?[0-9]+)(\.[0-9]*)?[eE]([-+]?)([0-9]{1,2})")
_PLAIN = {
    "int_type": re.compile(r"[0-9]+"),
    "float_type": re.compile(r"[0-9]+(\.[0-9]+)?"),
    "date_type": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
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
        self.doc = document.read(file)

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
                if (self.doc.place(path)[0], document.dotted(path)) not in blamed:
                    self._blame_value(path, detail)
            return None

    def _blame_value(self, path: document.Path, detail: Any) -> None:
        """Says one fault that pydantic found in the words of the file."""
        last, kind = str(path[-1]) if path else "", detail["type"]
        if kind == "missing":
            self.doc.blame(path, found="nothing", expected=f"a value for {last!r}")
        elif kind == "extra_forbidden":
            model = MODELS[tuple("*" if i % 2 else str(p) for i, p in enumerate(path[:-1]))]
            known = list(model.model_fields)
            expected, mend = f"one of {', '.join(known)}", did_you_mean(last, known)
            self._blame_key(path, found="unknown key", expected=expected, mend=mend)
        elif last == "[key]":
            mend = _mend(detail, str(path[-2]))
            self._blame_key(path[:-1], found="key", expected=_wanted(detail), mend=mend)
        else:
            if path not in self.doc.places:  # a size that stands without a list
                path = path[:-1]
            text = self.doc.texts.get(path, "")
            found = _shown(detail["input"], text)
            self.doc.blame(path, found=found, expected=_wanted(detail), mend=_mend(detail, text))

    def _blame_key(self, path: document.Path, *, found: str, expected: str, mend: str) -> None:
        found = f"{found} {document.quoted(str(path[-1]))}"
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
        listed = dict(_listed(_mapping(self.doc.data).get("dtypes")))
        promised: set[Any] = set()
        for name, kernel in self._kernels.items():
            promises = _mapping(_mapping(kernel).get("dtypes"))
            promised.update(promises)
            for dtype in (promises.keys() & DTYPES.keys()) - set(listed.values()):
                expected = f"one of the file's dtypes: {', '.join(listed.values())}"
                promise = ("kernels", name, "dtypes", dtype)
                at = self.doc.keys[promise]
                self.doc.blame(promise, at=at, found=f"dtype {dtype!r}", expected=expected)
            for part, i, shape in _shapes(_mapping(kernel)):
                for j, dtype in _listed(shape.get("dtypes")):
                    if dtype in DTYPES and dtype not in promises:
                        path = ("kernels", name, part, i, "dtypes", j)
                        expected = f"one that {name} promises: {', '.join(promises)}"
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
            for part, shapes in (("shapes", kernel.shapes), ("bench", kernel.bench or [])):
                count = sum(prod(map(len, shape.axes.values())) for shape in shapes)
                if count > _MAX_SHAPES:
                    found, expected = f"{count:,} shapes", f"at most {_MAX_SHAPES:,}"
                    self.doc.blame(("kernels", name, part), found=found, expected=expected)
                for i, shape in enumerate(shapes):
                    path = ("kernels", name, part, i, "axes")
                    if set(shape.axes) != axes:
                        found, expected = ", ".join(sorted(shape.axes)), ", ".join(sorted(axes))
                        self.doc.blame(path, found=f"axes {found}", expected=f"axes {expected}")
                    elif part == "bench" and 0 in shape.axes["T"]:
                        self.doc.blame((*path, "T"), found="0 tokens", expected="some to time")

    def _blame_cases(self, matrix: Matrix) -> None:
        """Cases planned twice, skips of no case."""
        planned = cases_of(matrix)
        for part, cases in (("shapes", planned), ("bench", benched(matrix))):
            for case in repeated(cases):
                place, found = ("kernels", case.kernel, part), f"case {case.id} twice"
                self.doc.blame(place, found=found, expected="each case once")
        for i, skip in enumerate(matrix.skips):
            if not any(skip.covers(case.id, skip.check) for case in planned):
                found, expected = repr(skip.cases), "ids of planned cases"
                mend = did_you_mean(skip.cases, [case.id for case in planned])
                where = ("skips", i, "cases")
                self.doc.blame(where, found=found, expected=expected, mend=mend)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listed(value: Any, keep: type = str) -> list[tuple[int, Any]]:
    """The items of one type in a list, each with its place in it."""
    items = enumerate(value if isinstance(value, list) else [])
    return [(i, item) for i, item in items if isinstance(item, keep)]


def _shapes(kernel: dict[str, Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """The shapes of a kernel's block, each with where it stands."""
    for part in ("shapes", "bench"):
        yield from ((part, i, shape) for i, shape in _listed(kernel.get(part), keep=dict))


def _shown(value: Any, text: str) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, list | dict):
        kind = "list" if isinstance(value, list) else "mapping"
        return f"a {kind}" if value else f"an empty {kind}"
    kind = "text" if isinstance(value, str) else type(value).__name__
    return f"{kind} {document.quoted(text)}"


def _wanted(detail: Any) -> str:
    """What pydantic asked for, as the end of "expected ..."."""
    message = re.sub(r"^\w+ should (be |have )?", "", detail["msg"])
    message = re.sub(r"a valid dictionary( or instance of \w+)?", "a mapping", message)
    message = re.sub(r" after validation, not .*", "", message)
    message = message.replace("match pattern", "text that matches")
    message = message.replace("greater than or equal to", "at least")
    message = message.replace("less than or equal to", "at most")
    return message.replace("a valid ", "a ").replace("a integer", "an integer")


def _mend(detail: Any, text: str) -> str:
    """The likely correction of the text that is there."""
    wanted = detail["type"]
    if wanted in {"int_type", "float_type"} and (power := _POWER.fullmatch(text)):
        whole, fraction, sign, exponent = power.groups()
        number = f"{whole}{fraction or '.0'}e{sign or '+'}{exponent}"
        if wanted == "int_type":
            if not float(text).is_integer():
                return ""
            number = f"{float(text):.0f}"
        return f"write {number}: YAML reads {text!r} as text"
    if wanted in _PLAIN and _PLAIN[wanted].fullmatch(text):
        return "write it without quotes"
    if wanted == "list_type" and text:
        return f"write [{text}]"
    return did_you_mean(text, re.findall(r"'([^']+)'", detail["msg"]))
