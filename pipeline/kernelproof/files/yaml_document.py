"""A strict reader of YAML: plain values, each with its place in the file and its text.

YAML 1.1 reads ``no`` as False, ``1e-3`` as text, ``010`` as eight, keeps the last of two equal
keys, and lets aliases grow a small file without bound. The reader reports each of them as a fault.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml
from yaml.reader import ReaderError

from kernelproof.errors import Fault, MatrixError, system_words
from kernelproof.files import safe_read

# Keys and list positions that lead to a value.
Path = tuple[str | int, ...]

_MAX_BYTES = 256 * 1024
_MAX_DEPTH = 16
# An event is a key, a value, or the end of a list or mapping; so many take 0.8 s (Python 3.11,
# an x86-64 server).
_MAX_EVENTS = 10_000
_STANDARD = "tag:yaml.org,2002:"
_KINDS = ("map", "seq", "str", "null", "bool", "int", "float", "timestamp", "merge", "value")
_TAGS = frozenset(_STANDARD + kind for kind in _KINDS)
_INT = re.compile(r"[-+]?(0|[1-9](_?[0-9]){0,17})")
_FLOAT = re.compile(r"[-+]?[0-9](_?[0-9])*\.[0-9]*([eE][-+][0-9]+)?")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SHOWN = 60


@dataclass(kw_only=True)
class Document:
    """The values of a YAML file, and its faults.

    `places` has the line and column of each value, `keys` those of each key, and `texts` the text
    of each scalar as the file has it.
    """

    name: str
    data: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)
    texts: dict[Path, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Path) -> tuple[int, int]:
        """Returns the line and column of `path`, or of the nearest value around it in the file."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, (1, 1))

    def blame(self, path: Path, *, at: tuple[int, int] | None = None, **words: str) -> None:
        """Adds a fault at `path`, or at another place: `found`, `expected`, perhaps `mend`."""
        line, column = at or self.place(path)
        self.faults.append(Fault(line=line, column=column, path=dotted(path), **words))


def dotted(path: Path) -> str:
    """Returns a path as messages have it: ``kernels.k.shapes[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if _NAME.fullmatch(part) else f"[{quoted(part)}]"
    return text.removeprefix(".")


def quoted(text: str) -> str:
    """Returns the text in quotes, on one line, and cut if it is long."""
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}...")


def read(file: FilePath) -> Document:
    """Returns the document in `file`; raises MatrixError if none of it can be read.

    Faults of single values do not end the reading: they are in the document's `faults`.
    """
    document = Document(name=file.name)
    text = _text(document, file)
    root = _root_node(document, text) if text is not None else None
    if root is None:
        raise MatrixError(document.name, document.faults)
    document.data = _value(document, root, ())
    return document


def _text(document: Document, file: FilePath) -> str | None:
    """Returns the file's text, or None after blaming the file."""
    try:
        content = safe_read.read_bounded(file, _MAX_BYTES)
        if len(content) > _MAX_BYTES:
            found = f"{file.stat().st_size:,} bytes"
            document.blame((), found=found, expected=f"at most {_MAX_BYTES:,}")
            return None
        return content.decode("utf-8")
    except OSError as error:
        document.blame((), found=system_words(error), expected="a readable file")
    except UnicodeDecodeError as error:
        at = _end_of(content[: error.start].decode("utf-8"))
        found = f"byte 0x{content[error.start]:02x}, which is no UTF-8"
        document.blame((), at=at, found=found, expected="UTF-8 text")
    return None


def _root_node(document: Document, text: str) -> yaml.Node | None:
    """Returns the root node of the text, or None after blaming it.

    PyYAML builds nodes without a limit, and follows aliases as it builds. So a first pass asks the
    events alone, which are made one by one, and the nodes are built only if all events are good.
    """
    # 1. The characters, which PyYAML checks before it parses.
    try:
        loader = yaml.SafeLoader(text)
    except ReaderError as error:
        at, found = _end_of(text[: error.position]), f"character {chr(error.character)!r}"
        document.blame((), at=at, found=found, expected="plain text")
        return None
    try:
        # 2. The events: their number and nesting, anchors and aliases, characters that are none.
        for event in _within_limits(document, iter(loader.get_event, None)):
            _blame_event(document, event)
        # 3. The nodes.
        root = None if document.faults else yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        at = _place(error.problem_mark or error.context_mark)
        problem = " ".join(filter(None, (error.context, error.problem)))
        document.blame((), at=at, found=f"text that is no YAML ({problem})", expected="YAML")
        return None
    except (ValueError, OverflowError):
        _blame_escape(document, loader.get_mark())
        return None
    if root is None and not document.faults:
        document.blame((), found="an empty file", expected="rows, dtypes and kernels")
    return root


def _blame_event(document: Document, event: yaml.Event) -> None:
    """Blames an event that would grow without bound, or that holds half a character."""
    if getattr(event, "anchor", None):
        at, found = _place(event.start_mark), "an anchor or alias"
        document.blame((), at=at, found=found, expected="values in full")
    if _SURROGATE.search(getattr(event, "value", "")):
        _blame_escape(document, event.start_mark)


def _blame_escape(document: Document, mark: Any) -> None:
    document.blame((), at=_place(mark), found="an escape of no character", expected="text")


def _within_limits(document: Document, events: Iterator[Any]) -> Iterator[Any]:
    """Yields the events until there are too many or they nest too deeply, and blames that."""
    depth = 0
    for count, event in enumerate(events):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        found, expected = "", ""
        if count == _MAX_EVENTS:
            found, expected = "more keys and values", f"at most {_MAX_EVENTS:,}"
        elif depth > _MAX_DEPTH:
            found, expected = "deeper nesting", f"at most {_MAX_DEPTH} levels"
        if found:
            document.blame((), at=_place(event.start_mark), found=found, expected=expected)
            return
        yield event


def _place(mark: Any) -> tuple[int, int]:
    """Returns the line and column of a mark, counted from 1."""
    return mark.line + 1, mark.column + 1


def _end_of(text: str) -> tuple[int, int]:
    """Returns the line and column behind the text."""
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _value(document: Document, node: yaml.Node, path: Path) -> Any:
    """Returns the plain value of a node; blames tags other than YAML's own plain ones."""
    document.places.setdefault(path, _place(node.start_mark))
    if node.tag not in _TAGS:
        found = f"tag {quoted(node.tag)}"
        document.blame(path, found=found, expected="plain values without tags")
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, item, (*path, i)) for i, item in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101  (the third and last kind of node)
    return _scalar(document, node, path)


def _mapping(document: Document, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
    """Returns the values of a mapping by key; blames keys that are no text, or repeated."""
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        at, key = _place(key_node.start_mark), key_node.value
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != f"{_STANDARD}str":
            found = f"key {quoted(key)}" if isinstance(key, str) else "a collection as a key"
            document.blame(path, at=at, found=found, expected="a key that is text")
            continue
        inner_path = (*path, key)
        if key in values:
            mend = f"keep one, the first is on line {document.keys[inner_path][0]}"
            found, expected = "the key again", "each key once"
            document.blame(inner_path, at=at, found=found, expected=expected, mend=mend)
            continue
        document.keys[inner_path] = document.places[inner_path] = at
        values[key] = _value(document, value_node, inner_path)
    return values


def _scalar(document: Document, node: yaml.ScalarNode, path: Path) -> Any:
    """Returns a scalar as the type that it looks like; blames what YAML 1.1 reads otherwise."""
    text, kind = node.value, node.tag.removeprefix(_STANDARD)
    document.texts[path] = text
    document.places[path] = _place(node.start_mark)
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
    found = f"{quoted(text)}, which YAML 1.1 reads as {kind}"
    mend = f"write {quoted(text)} in quotes if it is text"
    document.blame(path, found=found, expected="a plain value", mend=mend)
    return text


def _date(document: Document, text: str, path: Path) -> datetime.date | str:
    """Returns a date, or its text after blaming it: a date of no calendar, or with a time."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        document.blame(path, found=quoted(text), expected="a date, YYYY-MM-DD")
        return text
