"""A YAML file read strictly: plain values, and for each of them its place and its text.

YAML 1.1 reads ``no`` as False, ``1e-3`` as text, ``010`` as eight, keeps the last of two equal
keys, and lets aliases grow a small file without bound. Nothing of that passes here unseen.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml

from pipeline.errors import Fault, MatrixError

Path = tuple[str | int, ...]

_MAX_BYTES = 256 * 1024
_MAX_DEPTH = 16
_STANDARD = "tag:yaml.org,2002:"
_KINDS = ("map", "seq", "str", "null", "bool", "int", "float", "timestamp", "merge", "value")
_TAGS = frozenset(_STANDARD + kind for kind in _KINDS)
_INT = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9]*([eE][-+][0-9]+)?")


@dataclass(kw_only=True)
class Document:
    """The values of a YAML file; `places` and `texts` say where each one stands and how."""

    name: str
    data: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int]:
        """Line and column of `path`, or of the nearest thing around it that the file has."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def blame(self, path: Path, *, found: str, expected: str, mend: str = "") -> None:
        """Notes a fault at `path`."""
        line, column = self.place(path)
        self.faults.append(
            Fault(
                line=line,
                column=column,
                path=dotted(path),
                found=found,
                expected=expected,
                mend=mend,
            )
        )


def dotted(path: Path) -> str:
    """``('kernels', 'k', 'shapes', 0)`` as ``kernels.k.shapes[0]``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def read(file: FilePath) -> Document:
    """The document in `file`; MatrixError where nothing in it can be read at all."""
    document = Document(name=file.name)
    text = _text(document, file)
    root = _compose(document, text) if text is not None else None
    if root is None:
        raise MatrixError(document.name, document.faults)
    document.data = _value(document, root, ())
    return document


def _text(document: Document, file: FilePath) -> str | None:
    try:
        if (size := file.stat().st_size) > _MAX_BYTES:
            document.blame((), found=f"{size:,} bytes", expected=f"at most {_MAX_BYTES:,}")
            return None
        return file.read_bytes().decode("utf-8")
    except OSError as error:
        found = (error.strerror or "an unreadable file").lower()
        document.blame((), found=found, expected="a readable file")
    except UnicodeDecodeError as error:
        document.blame((), found=f"byte {error.start} that is no UTF-8", expected="UTF-8 text")
    return None


def _compose(document: Document, text: str) -> yaml.Node | None:
    """The root node, or None after blaming; the first pass keeps the second one bounded."""
    try:
        for event in _bounded(document, yaml.parse(text, Loader=yaml.SafeLoader)):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                _blame_mark(document, event.start_mark, "an anchor or alias", "values in full")
        if document.faults:
            return None
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(filter(None, (error.context, error.problem)))
        _blame_mark(document, mark, f"text that is no YAML ({problem})", "YAML")
        return None
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        document.blame((), found=f"text that is no YAML ({problem})", expected="YAML")
        return None
    if root is None:
        document.blame((), found="an empty file", expected="rows, dtypes and kernels")
    return root


def _bounded(document: Document, events: Iterator[Any]) -> Iterator[Any]:
    depth = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            found, expected = "deeper nesting", f"at most {_MAX_DEPTH} levels"
            _blame_mark(document, event.start_mark, found, expected)
            return
        yield event


def _blame_mark(document: Document, mark: Any, found: str, expected: str) -> None:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    fault = Fault(line=line, column=column, path="", found=found, expected=expected)
    document.faults.append(fault)


def _value(document: Document, node: yaml.Node, path: Path) -> Any:
    document.places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if node.tag not in _TAGS:
        document.blame(path, found=f"tag {node.tag!r}", expected="plain values without tags")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, item, (*path, i)) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101  (the third and last kind of node)
    return _scalar(document, node, path)


def _mapping(document: Document, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark, key = key_node.start_mark, key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{_STANDARD}str":
            shown = repr(key) if isinstance(key, str) else "a collection"
            _blame_mark(document, mark, f"key {shown}", "a key that is text")
            continue
        if key in values:
            first = document.places[(*path, key)][0]
            found = f"key {dotted((*path, key))!r} again"
            _blame_mark(document, mark, found, f"each key once (first on line {first})")
            continue
        document.places[(*path, key)] = (mark.line + 1, mark.column + 1)
        values[key] = _value(document, value_node, (*path, key))
    return values


def _scalar(document: Document, node: yaml.ScalarNode, path: Path) -> Any:
    text, kind = node.value, node.tag.removeprefix(_STANDARD)
    document.texts[path] = text
    document.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool" and text in {"true", "false"}:
        return text == "true"
    if kind == "int" and _INT.fullmatch(text):
        return int(text)
    if kind == "float" and _FLOAT.fullmatch(text):
        return float(text)
    if kind == "timestamp":
        return _date(document, text, path)
    found = f"{text!r}, which YAML 1.1 reads as {kind}"
    mend = f"write {text!r} in quotes if it is text"
    document.blame(path, found=found, expected="a plain value", mend=mend)
    return text


def _date(document: Document, text: str, path: Path) -> datetime.date | str:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        document.blame(path, found=repr(text), expected="a date, YYYY-MM-DD")
        return text
