"""Records: written whole or not at all, and read back whole or refused."""

import errno
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from kernelproof.errors import ResultsError
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.record_files import HalfWrittenError, Record

CASE = Case(kernel="toy", row="cpu", dtype="fp32", shape=(("E", 8), ("K", 2), ("T", 3)))
PLANNED = Planned(case=CASE, check=Check.PARITY, device="cpu", golden=False)
FILE = "parity/toy-cpu-fp32-E8-K2-T3.json"

FIELDS = ["version", "case", "check", "outcome", "reason", "numbers", "digest", "input_digest"]
FIELDS += ["seed", "distributions", "timing", "seconds", "commit", "dirty", "tree", "machine"]
FIELDS += ["reproduce"]


def record_of(planned: Planned, **changes: Any) -> Record:
    """A whole record of a pass, with some fields changed."""
    fields = {
        "case": planned.case.id,
        "check": planned.check,
        "outcome": "pass",
        "reason": "",
        "numbers": {"launches": 1.0, "max_ulp": 0.5},
        "digest": "1" * 64,
        "input_digest": "2" * 64,
        "seed": 2**64 - 1,
        "distributions": ["normal", "one_nan"],
        "seconds": 0.25,
        "commit": "c" * 40,
        "dirty": False,
        "tree": "7" * 64,
        "machine": {"os": "Linux", "device": {"name": planned.device}},
        "reproduce": f"nox -s reproduce -- {planned.case.id}",
    }
    return Record.model_validate({**fields, **changes})


def _files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("outcome", ["pass", "fail", "error", "timeout"])
def test_a_record_reads_back_as_it_was_written(tmp_path: Path, outcome: str) -> None:
    """Whatever the outcome and the letters of its reason, and with no draft left beside it."""
    reason = 'found "a" <&]]> \\ \x00\x1b[31m\nexpected ±3e4, 東京'
    record = record_of(PLANNED, outcome=outcome, reason=reason)
    record_files.write(tmp_path, PLANNED, record)
    assert record_files.read(tmp_path, PLANNED) == record
    assert _files(tmp_path) == [FILE]


def test_the_fields_of_a_record(tmp_path: Path) -> None:
    """Version 1: these, and no others; `read` refuses one more or one less."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert list(json.loads((tmp_path / FILE).read_bytes())) == FIELDS


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan], ids=str)
def test_a_number_that_is_not_finite_reads_back(tmp_path: Path, number: float) -> None:
    """An infinite error is what a broken kernel gives: its record must stay a `fail`."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED, numbers={"max_ulp": number}))
    record = record_files.read(tmp_path, PLANNED)
    assert record is not None
    assert repr(record.numbers) == repr({"max_ulp": number})


def test_a_record_replaces_the_older_one(tmp_path: Path) -> None:
    """A shorter record leaves nothing of a longer one."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED, outcome="fail", reason="long " * 1000))
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert record_files.read(tmp_path, PLANNED) == record_of(PLANNED)


@pytest.mark.parametrize("older", [None, record_of(PLANNED, outcome="fail")], ids=["none", "older"])
@pytest.mark.parametrize("step", ["write_text", "replace"])
def test_a_crash_while_writing_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, older: Record | None
) -> None:
    """A process that dies before or at the rename leaves no half record."""
    if older:
        record_files.write(tmp_path, PLANNED, older)

    def die(file: Path, *_: Any, **__: Any) -> NoReturn:
        file.write_bytes(b'{"version": 1, "case": "toy')
        raise SystemExit(9)

    with monkeypatch.context() as broken:
        broken.setattr(Path, step, die)
        with pytest.raises(SystemExit):
            record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert record_files.read(tmp_path, PLANNED) == older


@pytest.mark.parametrize("step", ["mkdir", "write_text", "replace"])
@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.EACCES, "permission denied"), (errno.ENOSPC, "no space left on device")],
    ids=["unwritable", "full"],
)
def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int, words: str
) -> None:
    """ResultsError, exit code 3, with the place and the system's words; no draft stays."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    (tmp_path / "parity").mkdir()
    with monkeypatch.context() as broken:
        broken.setattr(Path, step, refuse)
        with pytest.raises(ResultsError) as caught:
            record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert str(caught.value) == f"{tmp_path / FILE}: {words}; expected a writable place"
    assert caught.value.exit == 3
    assert _files(tmp_path) == []


@pytest.mark.parametrize("folder", ["file", "file/below"])
def test_a_file_where_the_folder_should_be_cannot_be_written_to(
    tmp_path: Path, folder: str
) -> None:
    """ResultsError, and the file stays as it was."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ResultsError, match="expected a writable place"):
        record_files.write(tmp_path / folder, PLANNED, record_of(PLANNED))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_file_where_the_folder_should_be_cannot_be_read(tmp_path: Path) -> None:
    """ResultsError that says what to do."""
    folder = tmp_path / "file"
    folder.touch()
    with pytest.raises(ResultsError) as caught:
        record_files.read(folder, PLANNED)
    wanted = f"{folder}: found a file, expected the folder of results; move it away"
    assert str(caught.value) == wanted


def test_a_folder_where_the_record_should_be_is_told(tmp_path: Path) -> None:
    """ResultsError from reading, writing and discarding alike."""
    file = tmp_path / FILE
    file.mkdir(parents=True)
    with pytest.raises(ResultsError) as reading:
        record_files.read(tmp_path, PLANNED)
    assert str(reading.value) == f"{file}: is a directory; expected a readable record"
    with pytest.raises(ResultsError) as writing:
        record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert str(writing.value) == f"{file}: is a directory; expected a writable place"
    with pytest.raises(ResultsError, match=f"^{file}: .*; expected a file to replace$"):
        record_files.discard(tmp_path, [PLANNED])


@pytest.mark.parametrize("folder", ["", "nowhere", "nowhere/below"])
def test_no_record_reads_as_none(tmp_path: Path, folder: str) -> None:
    """Whether the folder is empty or not there at all."""
    assert record_files.read(tmp_path / folder, PLANNED) is None


def test_every_truncation_is_half_written(tmp_path: Path) -> None:
    """At whichever byte a record was cut off."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    file = tmp_path / FILE
    whole = file.read_bytes().rstrip()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        with pytest.raises(HalfWrittenError):
            record_files.read(tmp_path, PLANNED)


def _with(**changes: Any) -> bytes:
    fields = {**record_of(PLANNED).model_dump(mode="json"), **changes}
    return json.dumps({key: value for key, value in fields.items() if value != ...}).encode()


AGAIN = "delete it and run the case again"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"null", f"the file: input should be an object; {AGAIN}"),
        (b"[]", f"the file: input should be an object; {AGAIN}"),
        (_with(extra=1), f"extra: extra inputs are not permitted; {AGAIN}"),
        (_with(tree=...), f"tree: field required; {AGAIN}"),
        (_with(seconds="1"), f"seconds: input should be a valid number; {AGAIN}"),
        (_with(dirty=0), f"dirty: input should be a valid boolean; {AGAIN}"),
        (_with(reason=None), f"reason: input should be a valid string; {AGAIN}"),
        (_with(version=2), f"version: input should be 1; {AGAIN}"),
        (_with(check="party"), f"check: input should be 'parity' or 'perf'; {AGAIN}"),
        (
            _with(outcome="skip"),
            f"outcome: input should be 'pass', 'fail', 'error', 'crash' or 'timeout'; {AGAIN}",
        ),
        (
            _with(digest="A" * 64),
            f"digest: string should match pattern '^[0-9a-f]{{64}}$'; {AGAIN}",
        ),
        (_with(case="toy-cpu-fp32-E8-K2-T4"), "found the record of toy-cpu-fp32-E8-K2-T4, parity"),
        (_with(reason="x" * 2**20), "found over 1,048,576 bytes, expected a record"),
    ],
    ids=lambda value: value.partition(";")[0] if isinstance(value, str) else "",
)
def test_what_is_no_whole_record_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """JSON of another form, or of another case, with the place of the first fault."""
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(HalfWrittenError) as caught:
        record_files.read(tmp_path, PLANNED)
    assert str(caught.value) == f"{file.name}: {said}"


@pytest.mark.parametrize("content", [b"", b"{}{}", b"\xff\xfe", b"\0" * 99, b"pass"], ids=repr)
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    """Empty, doubled, binary and plain text."""
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(
        HalfWrittenError, match=r"^toy-.*\.json: the file: invalid json: .*; delete"
    ):
        record_files.read(tmp_path, PLANNED)


def test_discarding_takes_the_records_of_the_plan_alone(tmp_path: Path) -> None:
    """And does not mind that there is none."""
    other = replace(PLANNED, case=replace(CASE, dtype="fp16"))
    for planned in (PLANNED, other):
        record_files.write(tmp_path, planned, record_of(planned))
    record_files.discard(tmp_path, [PLANNED])
    record_files.discard(tmp_path, [PLANNED])
    assert _files(tmp_path) == ["parity/toy-cpu-fp16-E8-K2-T3.json"]
