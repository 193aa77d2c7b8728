"""Text from outside is shown, never obeyed; a stored file's first fault is one line of it."""

import json

import pytest
from pydantic import BaseModel, ValidationError

from kernelproof.errors import ResultsError, run_command
from kernelproof.escape import plain, plain_line
from kernelproof.files.fault_messages import first_fault

SHOWN = {
    "plain": ("found 3, expected ±3e4, 東京", "found 3, expected ±3e4, 東京"),
    "lines": ("a\n  b\n", "a\n  b\n"),
    "colour": ("\x1b[31mred", "\\x1b[31mred"),
    "return": ("good\rBLOCKED", "good\\rBLOCKED"),
    "tab, bell, NUL": ("\t\a\0", "\\t\\x07\\x00"),
    "C1": ("\x9b2J\x85", "\\x9b2J\\x85"),
    "other lines": ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
    "turned around": ("\u202egnp.exe", "\\u202egnp.exe"),
    "half a character": ("\ud800", "\\ud800"),
    "no character": ("\ufffe\U0010ffff", "\\ufffe\\U0010ffff"),
}


def test_what_cannot_be_printed_is_an_escape() -> None:
    """On the same lines; `plain_line` has one line."""
    for text, escaped in SHOWN.values():
        assert plain(text) == escaped
        assert plain_line(text) == escaped.replace("\n", "\\n")
    # A long line is cut, with a sign of it.
    assert plain_line("x" * 9, 5) == "xxxx…"
    assert plain_line("x" * 5, 5) == "xxxxx"
    assert plain_line("\u2028" * 9, 8) == "\\u2028\\…"
    assert plain_line("x" * 999, None) == "x" * 999


def test_a_mistake_is_told_in_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a file is called."""

    def refuse() -> int:
        raise ResultsError("a\x1b[2J: not there\nb")

    assert run_command(refuse) == 3
    assert capsys.readouterr().err == "a\\x1b[2J: not there\nb\n"


class _Model(BaseModel, extra="forbid"):
    numbers: list[int]


# Data of a model, and how the first fault of it begins.
FIRST_FAULTS: list[tuple[object, str]] = [
    ({"numbers": ["x"]}, "numbers.0: input should be a valid integer, unable to parse string"),
    ({"numbers": [], "a\nb\x1b": 1}, "a\\nb\\x1b: extra inputs are not permitted"),
    ({"numbers": [], "x" * 999: 1}, f"{'x' * 199}…: extra inputs are not permitted"),
    ({"numbers": ["x"] * 1001}, "the file: 1,001 faults"),
    ([], "the file: input should be an object"),
]


def test_the_first_fault_is_one_line() -> None:
    """Keys come from the file, too; very many faults are counted."""
    for data, said in FIRST_FAULTS:
        with pytest.raises(ValidationError) as caught:
            _Model.model_validate_json(json.dumps(data))
        assert first_fault(caught.value).startswith(said)
