"""JSON files from outside: one line says what is wrong, and no key is lost."""

from pathlib import Path

import pytest

from kernelproof.files.json_file import MalformedError, parse_model, read_json, read_model
from kernelproof.files.strict_model import StrictModel


class _Model(StrictModel):
    number: float
    names: tuple[str, ...] = ()


def _said(file: Path, content: bytes, most_bytes: int = 1000) -> str:
    file.write_bytes(content)
    with pytest.raises(MalformedError) as caught:
        read_model(file, _Model, most_bytes)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """To the last byte that it may have; infinities are written as text."""
    file = tmp_path / "file"
    file.write_bytes(b'{"number": 1, "names": ["a"]}')
    assert read_model(file, _Model, 29) == _Model(number=1.0, names=("a",))
    assert read_json(file, 29) == {"number": 1, "names": ["a"]}
    assert _Model(number=float("inf")).model_dump_json() == '{"number":"Infinity","names":[]}'
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "none", 29)


def test_what_is_no_whole_file_is_told(tmp_path: Path) -> None:
    """In a plain line: too long, no JSON, a repeated key, another model."""
    file = tmp_path / "file"
    wrong = {
        b'{"number": 1}': "found over 12 bytes",
        b"": "found text that is no JSON (Expecting value: line 1 column 1 (char 0))",
        b"{}{}": "found text that is no JSON (Extra data",
        b"\xff\xfe": "found text that is no JSON ('utf-8' codec can't decode",
        b"\0\0": "found text that is no JSON (Expecting value",
        b'{"a":1,"a":2}': "found text that is no JSON (the key 'a' is repeated)",
        b'[{"b\\u001b":1,"b\\u001b":1}]': "found text that is no JSON (the key 'b\\x1b' is repeat",
        b"[" * 9_999: "found text that is no JSON (",
        b"[" + b"0," * 150_000 + b"0]": "found over 150,000 values and fields",
        b"[]": "the file: input should be an object",
        b'{"number": "1"}': "number: input should be a valid number",
        b'{"number": true}': "number: input should be a valid number",
        b'{"number": 1, "names": ["\\ud800"]}': "the file: invalid json",
        b'{"number": 1, "a\\nb": 1}': "a\\nb: extra inputs are not permitted",
    }
    for content, words in wrong.items():
        most_bytes = 12 if "bytes" in words else 10**6
        assert _said(file, content, most_bytes).startswith(words)
    with pytest.raises(MalformedError, match="number: field required"):
        parse_model({}, _Model)
