"""Sealed files of every kind: read as they were written, or refused with one clear line."""

import copy
import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pydantic import ValidationError

from kernelproof.errors import run_command
from kernelproof.plan.repository import ROOT
from kernelproof.records import code_lock, golden, sensitivity, time_baseline
from tests.unit.records.stored_files import (
    KINDS,
    Place,
    StoredFile,
    holder_of,
    refusal_in,
    refusal_of,
)

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_a_file_is_read_as_it_was_written(kind: StoredFile, tmp_path: Path) -> None:
    """A second writing changes no byte, no draft stays, and what was read cannot be changed."""
    file = kind.placed(tmp_path)
    text = file.read_text()
    content = kind.read(tmp_path)
    kind.write(tmp_path)
    assert file.read_text() == text
    assert text.endswith("}\n")
    assert kind.load(tmp_path) == content
    assert kind.load(tmp_path) is not content  # which a cache would keep
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [file]
    with pytest.raises(ValidationError, match="frozen"):
        setattr(content, next(iter(type(content).model_fields)), None)


@each_kind
def test_a_missing_file_is_none(kind: StoredFile, tmp_path: Path) -> None:
    """A kernel or row that nobody blessed yet is no mistake."""
    assert kind.read(tmp_path) is None


def test_the_files_of_the_project_are_in_its_tree() -> None:
    """They are read, with their seals; messages name them from its root, as git takes them."""
    paths = [
        golden.path_of("toy"),
        code_lock.path_of("toy"),
        time_baseline.path_of("h200", "toy"),
        sensitivity.path_of("h200"),
    ]
    assert [str(path.relative_to(ROOT / "pipeline" / "baselines")) for path in paths] == [
        "golden/toy.json",
        "codegen/toy.json",
        "perf/h200/toy.json",
        "perf/h200/gate-card.json",
    ]
    assert golden.load("gemma4_routing")
    assert code_lock.read("gemma4_routing")
    assert time_baseline.load("h200", "gemma4_routing")
    assert sensitivity.load("h200")
    said = str(golden.FORMAT.refusal(paths[0], "found it gone"))
    assert said.startswith("pipeline/baselines/golden/toy.json: found it gone; restore it: ")
    assert "git checkout -- pipeline/baselines/golden/toy.json, or " in said


def _leaves(data: Any, place: Place = ()) -> Iterator[Place]:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _leaves(value, (*place, key))
        elif key != "seal":
            yield (*place, key)


def _edited(value: Any) -> Any:
    """Returns another value of the same type, which a model is likely to take as well."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value * 1.5 if isinstance(value, float) else value + 1
    if not value:
        return "b" * 64
    return ("a" if value[0] == "b" else "b") + value[1:]


def _lengthen(holder: Any) -> None:
    values = holder if isinstance(holder, list) else holder.get("benchmarks", [])
    values += values[:1]


EDITS: dict[str, Callable[[Any, Place], object]] = {
    "changed": lambda data, place: holder_of(data, place).__setitem__(
        place[-1], _edited(holder_of(data, place)[place[-1]])
    ),
    "removed": lambda data, place: holder_of(data, place).__delitem__(place[-1]),
    "its holder removed": lambda data, place: holder_of(data, place[:-1]).__delitem__(place[-2]),
    "a list made longer by a merge": lambda data, place: _lengthen(holder_of(data, place)),
}


@each_kind
def test_every_edit_by_hand_is_refused(kind: StoredFile, tmp_path: Path) -> None:
    """Each value in turn is changed or lost, with what holds it, and the seal stays."""
    file = kind.placed(tmp_path)
    stored = json.loads(file.read_bytes())
    read, by_seal = [], 0
    for place in _leaves(stored):
        if kind is KINDS["golden"] and place[0] != "digests":
            continue  # The seal of golden digests is over their lines alone.
        for name, edit in EDITS.items():
            if name == "its holder removed" and len(place) == 1:
                continue
            data = copy.deepcopy(stored)
            edit(data, place)
            if data == stored:
                continue  # The place is in no list.
            file.write_text(json.dumps(data))
            refusal = refusal_in(kind, tmp_path)
            by_seal += "found a seal of other content, expected" in refusal
            read += [] if refusal else [f"{place} {name}"]
    assert read == []
    assert by_seal


@each_kind
def test_a_cut_file_is_refused(kind: StoredFile, tmp_path: Path) -> None:
    """Wherever it was cut."""
    file = kind.placed(tmp_path)
    content = file.read_bytes().rstrip()
    for length in range(0, len(content), 61):
        file.write_bytes(content[:length])
        assert refusal_in(kind, tmp_path).startswith("found text that is no JSON (")


# What somebody made of the text of a file, and a part of what is said of it.
HOSTILE: dict[str, tuple[Callable[[str], str], str]] = {
    "empty": (lambda _: "", "no JSON"),
    "twice": (lambda text: text + text, "no JSON"),
    "no mapping": (lambda _: "[]", "the file: input should be an object"),
    "nothing": (lambda _: "null", "the file: input should be an object"),
    "nested deeply": (lambda _: "[" * 100_000, "no JSON"),
    "no UTF-8": (lambda text: text + "\udcff", "no JSON ('utf-8' codec can't decode byte 0xff"),
    "a byte order mark": (lambda text: "\ufeff" + text, "no JSON"),
    "a key twice": (
        lambda text: text.replace("{", '{"version": 1, "version": 2, ', 1),
        "no JSON (the key 'version' is repeated)",
    ),
    "a key twice, deep": (
        lambda text: text.replace('": {', '": {"x": 1, "x": 2, ', 1),
        "no JSON (the key 'x' is repeated)",
    ),
    "an unknown key": (lambda text: text.replace("{", '{"a\\u001b": 1, ', 1), "a\\x1b: extra inp"),
    "another version": (
        lambda text: text.replace('"version": 1', '"version": 2'),
        "version: input",
    ),
    "many values": (lambda text: text + "[" * 150_001, "found over 150,000 values and fields"),
}


@each_kind
def test_a_hostile_file_is_refused(kind: StoredFile, tmp_path: Path) -> None:
    """In one line, whatever it holds, and with exit code 5."""
    file = kind.placed(tmp_path)
    text = file.read_text()
    wrong = []
    for name, (edit, said) in HOSTILE.items():
        file.write_bytes(edit(text).encode("utf-8", "surrogateescape"))
        refusal = refusal_in(kind, tmp_path)
        is_ignored = kind is KINDS["times"] and name == "an unknown key"
        wrong += [] if said in refusal or is_ignored else [f"{name}: {refusal}"]
    assert wrong == []
    file.write_text("")
    assert run_command(lambda: int(kind.read(tmp_path) is None)) == 5


@each_kind
def test_the_longest_file_is_read(kind: StoredFile, tmp_path: Path) -> None:
    """To the byte; a longer one is not."""
    file, limit = kind.placed(tmp_path), kind.stored_format.most_bytes
    text = file.read_text()
    file.write_text(text.ljust(limit))
    assert kind.read(tmp_path)
    file.write_text(text.ljust(limit + 1))
    assert refusal_in(kind, tmp_path).startswith(f"found over {limit:,} bytes, expected ")


@each_kind
def test_a_file_that_cannot_be_read_is_told(kind: StoredFile, tmp_path: Path) -> None:
    """In the system's words: a file in place of its folder, a folder of its name, a bad disk."""
    (tmp_path / "file").touch()
    refusal = refusal_in(kind, tmp_path / "file")
    assert refusal.startswith("found not a directory, expected a readable file; ")
    (tmp_path / kind.file).mkdir(parents=True)
    assert refusal_in(kind, tmp_path).startswith("found is a directory, expected a readable file; ")
    for error in (OSError(errno.EIO, "Input/output error"), OSError("Gone")):
        with patch("kernelproof.files.safe_read.read_bounded", side_effect=error):
            refusal = refusal_in(kind, tmp_path)
        words = (error.strerror or "gone").lower()
        assert refusal.startswith(f"found {words}, expected a readable file; ")


@each_kind
def test_a_file_without_its_own_seal_is_refused(kind: StoredFile, tmp_path: Path) -> None:
    """A seal may neither be missing nor be of other content."""
    file = kind.placed(tmp_path)
    data = json.loads(file.read_bytes())
    holder = data[kind.stored_format.seal_in] if kind.stored_format.seal_in else data
    assert len(holder.pop("seal")) == 64
    file.write_text(json.dumps(data))
    noun = kind.stored_format.noun
    assert refusal_in(kind, tmp_path).startswith(f"found no seal, expected {noun} with one; ")
    holder["seal"] = "0" * 64
    file.write_text(json.dumps(data))
    words = f"found a seal of other content, expected {noun} that nobody edited; "
    assert refusal_in(kind, tmp_path).startswith(words)


def test_messages_name_the_content_and_the_command_that_makes_it() -> None:
    """Each kind of file has its own words, and a size of its own."""
    formats = {name: kind.stored_format for name, kind in KINDS.items()}
    assert {name: (kind.noun, kind.remake, kind.most_bytes) for name, kind in formats.items()} == {
        "golden": ("golden digests", 'nox -s bless -- golden --reason "..."', 2**22),
        "lock": ("a lock of generated code", 'nox -s bless -- codegen --reason "..."', 2**22),
        "times": ("the times of a kernel", 'nox -s bless -- perf --reason "..."', 2**24),
        "card": ("a gate card", "nox -s gate-card", 2**24),
    }


TIMES_OF = "found the times of {}, expected those of toy on h200; "
# A kind of file, the name of its kernel or row, and the first words if that is x.
OF_OTHERS: list[tuple[str, Place, str]] = [
    ("golden", ("kernel",), "found the digests of 'x', expected those of 'toy'; "),
    ("lock", ("kernel",), "found the lock of 'x', expected that of 'toy'; "),
    ("times", ("kernelproof", "kernel"), TIMES_OF.format("x on h200")),
    ("times", ("kernelproof", "row"), TIMES_OF.format("toy on x")),
    ("card", ("row",), "found the card of x, expected that of h200; "),
]


def test_the_file_of_another_kernel_or_row_is_refused(tmp_path: Path) -> None:
    """Sealed as it may be, it was copied to the wrong name."""
    for name, place, words in OF_OTHERS:
        assert refusal_of(KINDS[name], tmp_path, place, "x").startswith(words)
