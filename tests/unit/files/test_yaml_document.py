"""A YAML file read strictly: places, texts, misread values, keys and tags."""

import datetime
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelproof.errors import MatrixError
from kernelproof.files import yaml_document

# Values that YAML 1.1 reads otherwise than they look, and the kind that it makes of them.
MISREAD = {
    "no": "bool",
    "yes": "bool",
    "ON": "bool",
    "True": "bool",
    "010": "int",
    "0x10": "int",
    "0b11": "int",
    "1:30": "int",
    "1_": "int",
    "1__0": "int",
    "190:20:30.15": "float",
    ".nan": "float",
    "-.inf": "float",
    ".5": "float",
    "1_.0": "float",
    "=": "value",
}

TEXT = "expected a key that is text"
AGAIN = "found the key again, expected each key once; keep one, the first is on line"
KEYS = {
    "a: {b: 1}\na: 2\n": f"2:1: a: {AGAIN} 1",
    "a:\n  b: 1\n  c: 2\n  b: 3\n": f"4:3: a.b: {AGAIN} 2",
    "a: {no: 1}\n": f"1:5: a: found key 'no', {TEXT}",
    "a: 1\n2: 3\n": f"2:1: the file: found key '2', {TEXT}",
    "~: 1\n": f"1:1: the file: found key '~', {TEXT}",
    "2026-01-01: 1\n": f"1:1: the file: found key '2026-01-01', {TEXT}",
    "<<: {a: 1}\n": f"1:1: the file: found key '<<', {TEXT}",
    "? [a]\n: 1\n": f"1:3: the file: found a collection as a key, {TEXT}",
    "!!int a: 1\n": f"1:1: the file: found key 'a', {TEXT}",
}


def _read(folder: Path, content: str | bytes) -> yaml_document.Document:
    file = folder / "matrix.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return yaml_document.read(file)


def _faults(doc: yaml_document.Document) -> str:
    return "\n".join(str(fault) for fault in doc.faults)


def test_values_places_and_texts(tmp_path: Path) -> None:
    """A good file gives plain values, and for each its line, its column and its text."""
    doc = _read(tmp_path, "a: [1, 2.50, text]\nb:\n  c: true\n  'd e': ~\n  f: 2026-02-28\n")
    last_of_february = datetime.date(2026, 2, 28)
    b = {"c": True, "d e": None, "f": last_of_february}
    assert doc.data == {"a": [1, 2.5, "text"], "b": b}
    assert not doc.faults
    assert doc.place(("a", 1)) == (1, 8)
    assert doc.place(("b", "c")) == (3, 6)
    assert doc.place(("b", "gone", "too")) == (2, 1)
    assert doc.texts["a", 1] == "2.50"
    assert yaml_document.dotted(("b", "d e", 0, "f")) == "b['d e'][0].f"


def test_harmless_forms_are_read(tmp_path: Path) -> None:
    """A byte order mark, line ends, comments, marks of documents and YAML's own tags."""
    plain: list[str | bytes] = [b"\xef\xbb\xbfa: 1\n", b"a: 1\r\n", "---\na: 1\n...\n"]
    for content in (*plain, "# \U0001f600\na: 1\n", b"a: !!int 1"):
        doc = _read(tmp_path, content)
        assert (doc.data, doc.faults) == ({"a": 1}, [])


def test_misread_values_are_refused(tmp_path: Path) -> None:
    """YAML 1.1 reads them otherwise than they look; the quotes of the message are good."""
    for text, kind in MISREAD.items():
        assert _faults(_read(tmp_path, f"a:\n  b: {text}\n")) == (
            f"2:6: a.b: found {text!r}, which YAML 1.1 reads as {kind}, expected a plain value; "
            f"write {text!r} in quotes if it is text"
        )
        doc = _read(tmp_path, f"a: '{text}'\n")
        assert (doc.data, doc.faults) == ({"a": text}, [])


def test_numbers_are_plain(tmp_path: Path) -> None:
    """``1e-3`` stays text, to be told to whoever wanted a number; one of many digits is a fault."""
    doc = _read(tmp_path, "[1e-3, 1.0e-3, 1_000, -7, +7, 0]")
    assert (doc.data, doc.faults) == (["1e-3", 0.001, 1000, -7, 7, 0], [])
    fault = _faults(_read(tmp_path, f"a: {'9' * 5000}\n"))
    assert fault.startswith(f"1:4: a: found '{'9' * 57}...', which YAML 1.1 reads as int, expected")
    assert len(fault) < 300


def test_dates_of_no_calendar_are_refused(tmp_path: Path) -> None:
    """A date that does not exist, or has a time."""
    for text in ("2026-13-01", "2026-02-30", "0000-01-01", "2026-01-01 10:00:00"):
        fault = f"1:8: until: found {text!r}, expected a date, YYYY-MM-DD"
        assert _faults(_read(tmp_path, f"until: {text}\n")) == fault


def test_keys_are_text_and_stand_once(tmp_path: Path) -> None:
    """Each wrong key is told at its own place."""
    assert {content: _faults(_read(tmp_path, content)) for content in KEYS} == KEYS


def test_a_tag_is_refused(tmp_path: Path) -> None:
    """A tag is told, not obeyed; so is one of YAML's own for values that no matrix holds."""
    made = tmp_path / "made"
    doc = _read(tmp_path, f"a: 1\nb: !!python/object/apply:os.system ['touch {made}']\n")
    fault = "tag:yaml.org,2002:python/object/apply:os.system"
    assert _faults(doc) == f"2:1: b: found tag '{fault}', expected plain values without tags"
    assert (doc.data, made.exists()) == ({"a": 1, "b": None}, False)
    for tag in ("!mine", "!!binary", "!!set", "!!omap", "!!python/none"):
        name = tag.replace("!!", "tag:yaml.org,2002:")
        fault = f"found tag {name!r}, expected plain values without tags"
        assert _faults(_read(tmp_path, f"{tag} x")) == f"1:1: the file: {fault}"


def test_limits_lie_where_their_messages_say(tmp_path: Path) -> None:
    """A file has sixteen levels and 262,144 bytes at most."""
    assert str(_read(tmp_path, "[" * 16 + "]" * 16).data) == "[" * 16 + "]" * 16
    with pytest.raises(MatrixError, match="1:17: the file: found deeper nesting"):
        _read(tmp_path, "[" * 17 + "]" * 17)
    padding = f"\n{'#' * 1023}" * 256
    assert _read(tmp_path, f"a: 1{padding[:-4]}").data == {"a": 1}
    with pytest.raises(MatrixError, match="262,145 bytes"):
        _read(tmp_path, f"a: 11{padding[:-4]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder that all examples share."""
    return tmp_path_factory.mktemp("texts")


TOLD = re.compile(r"[1-9][0-9]*:[1-9][0-9]*: .+: found .+, expected .+")
YAML_PIECES = st.sampled_from(
    [*"abT019-:#{}[],&*!|>'\"%@`?<=~_.+\\ \n\t\r\0", "é", "\x85", "!!int ", "\\U", "- ", ": "]
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.binary(max_size=60), st.lists(YAML_PIECES, max_size=25).map("".join)))
def test_any_text_is_a_document_or_a_fault(folder: Path, content: str | bytes) -> None:
    """No other exception leaves the reader, and each fault is one line that can be shown."""
    try:
        faults = _read(folder, content).faults
    except MatrixError as error:
        faults = list(error.faults)
    for fault in faults:
        assert TOLD.fullmatch(str(fault))
        assert str(fault).isprintable()
