"""Records: read back as they were written, or refused; and what is removed before a run."""

import errno
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pydantic import ValidationError

from kernelproof.errors import ResultsError
from kernelproof.machine.revision import Revision
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from kernelproof.records.record_files import HalfWrittenError, discard
from tests.unit.records.made_records import CASE, PLANNED, record_of

FILE = "parity/toy-cpu-fp32-E8-K2-T3.json"
READ = "kernelproof.files.safe_read.read_bounded"
MOST_BYTES = 1024 * 1024
AGAIN = "delete it and run the case again"

FIELDS = ["version", "case", "check", "outcome", "reason", "numbers", "digest", "input_digest"]
FIELDS += ["seed", "distributions", "timing", "seconds", "commit", "dirty", "tree", "machine"]
FIELDS += ["reproduce"]


def _files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def _refusal(folder: Path, content: bytes) -> str:
    """Returns why this content is no whole record; empty if it is one."""
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    try:
        assert record_files.read(folder, PLANNED)
    except HalfWrittenError as error:
        return str(error).removeprefix(f"{file.name}: ")
    return ""


def _with(**changes: Any) -> bytes:
    fields = {**record_of(PLANNED).model_dump(mode="json"), **changes}
    return json.dumps({key: value for key, value in fields.items() if value != ...}).encode()


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    """Whatever the outcome and the letters of its reason; a field a line, and no draft."""
    assert record_files.FOLDER == ROOT / "results"
    reason = 'found "a" <&]]> \\ \x00\x1b[31m\nexpected ±3e4, 東京'
    for outcome in ("pass", "fail", "error", "crash", "timeout"):
        record = record_of(PLANNED, outcome=outcome, reason=reason)
        record_files.write(tmp_path, PLANNED, record)
        assert record_files.read(tmp_path, PLANNED) == record
        text = (tmp_path / FILE).read_text()
        assert text == record.model_dump_json(indent=1) + "\n"
        assert f'\n "outcome": "{outcome}",\n' in text
    assert _files(tmp_path) == [FILE]
    assert list(json.loads((tmp_path / FILE).read_bytes())) == FIELDS
    with pytest.raises(ValidationError, match="frozen"):
        record_of(PLANNED).outcome = "fail"
    # An infinite error is what a broken kernel gives: its record must stay a `fail`.
    for number in (math.inf, -math.inf, math.nan):
        record_files.write(tmp_path, PLANNED, record_of(PLANNED, numbers={"max_ulp": number}))
        assert repr(record_files.read_file(tmp_path / FILE).numbers) == repr({"max_ulp": number})


def test_a_truncated_record_is_half_written(tmp_path: Path) -> None:
    """At whichever byte it was cut off."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    content = (tmp_path / FILE).read_bytes().rstrip()
    read = [length for length in range(len(content)) if not _refusal(tmp_path, content[:length])]
    assert read == []


# Contents that are no whole record of the case, and how the refusal begins.
HALF_WRITTEN: list[tuple[bytes, str]] = [
    (b"", f"found text that is no JSON (Expecting value: line 1 column 1 (char 0)); {AGAIN}"),
    (b"{}{}", "found text that is no JSON ("),
    (b"\xff\xfe", "found text that is no JSON ("),
    (b"\0" * 99, "found text that is no JSON ("),
    (b"pass", "found text that is no JSON ("),
    (_with()[:-1] + b', "outcome": "pass"}', "found text that is no JSON (the key 'outcome' is"),
    (b"null", f"the file: input should be an object; {AGAIN}"),
    (b"[]", "the file: input should be an object"),
    (_with(extra=1), f"extra: extra inputs are not permitted; {AGAIN}"),
    (_with(tree=...), f"tree: field required; {AGAIN}"),
    (_with(seconds="1"), "seconds: input should be a valid number"),
    (_with(seconds=-0.1), "seconds: input should be greater than or equal to 0"),
    (_with(seconds=1e9 + 0.5), "seconds: input should be less than or equal to 1000000000"),
    (_with(seconds=math.nan), "seconds: input should be"),
    (_with(seconds=math.inf), "seconds: input should be less than or equal to 1000000000"),
    (_with(dirty=0), "dirty: input should be a valid boolean"),
    (_with(reason=None), "reason: input should be a valid string"),
    (_with(version=2), "version: input should be 1"),
    (_with(check="party"), "check: input should be 'parity' or 'perf'"),
    (_with(outcome="skip"), "outcome: input should be 'pass', 'fail', 'error', 'crash' or 'time"),
    (_with(digest="A" * 64), "digest: string should match pattern '^[0-9a-f]{64}$'"),
    (_with(numbers={"a": []}), "numbers.a: input should be a valid number"),
    (_with(numbers={"a": {}}), "numbers.a: input should be a valid number"),
    (_with(numbers={"a": "many"}), "numbers.a: input should be a valid number"),
    (_with(numbers={"a": "inf"}), "numbers.a: input should be a valid number"),
    (_with(**{"a\nb\x1b[2J": 1}), "a\\nb\\x1b[2J: extra inputs are not permitted"),
    (_with(**{"x" * 5000: 1}), f"{'x' * 199}…: extra inputs are not permitted"),
    (_with(distributions=[0] * 2000), "the file: 2,000 faults"),
    (_with(case="toy-cpu-fp32-E8-K2-T4"), "found the record of toy-cpu-fp32-E8-K2-T4, parity"),
    (_with(check="perf"), "found the record of toy-cpu-fp32-E8-K2-T3, perf"),
    (_with(case="a\nb"), "found the record of a\\nb, parity, expected that of its name"),
]


def test_what_is_no_whole_record_is_refused(tmp_path: Path) -> None:
    """In one plain line: JSON of another form or case, with the place of the first fault."""
    refusals = [(_refusal(tmp_path, content), words) for content, words in HALF_WRITTEN]
    assert [pair for pair in refusals if not pair[0].startswith(pair[1])] == []
    assert [refusal for refusal, _ in refusals if not refusal.isprintable()] == []
    for seconds in (0, 1e9):
        assert _refusal(tmp_path, _with(seconds=seconds)) == ""


def test_the_longest_record_is_read(tmp_path: Path) -> None:
    """To the byte; one more is no record."""
    bare = len(record_of(PLANNED, outcome="fail").model_dump_json())
    record = record_of(PLANNED, outcome="fail", reason="x" * (MOST_BYTES - bare))
    content = record.model_dump_json().encode()
    assert len(content) == MOST_BYTES
    assert _refusal(tmp_path, content) == ""
    assert _refusal(tmp_path, content + b"\n") == f"found over 1,048,576 bytes; {AGAIN}"


def test_a_place_that_is_no_folder_of_results_is_told(tmp_path: Path) -> None:
    """A file for the folder, a folder for the record: reading, writing, discarding alike."""
    folder = tmp_path / "file"
    folder.touch()
    with pytest.raises(ResultsError) as caught:
        record_files.read(folder, PLANNED)
    mend = f"{folder}: found a file, expected the folder of results; move it away"
    assert str(caught.value) == mend
    file = tmp_path / FILE
    file.mkdir(parents=True)
    with pytest.raises(ResultsError, match=f"^{file}: is a directory; expected a readable record$"):
        record_files.read(tmp_path, PLANNED)
    with pytest.raises(ResultsError, match=f"^{file}: is a directory; expected a writable place$"):
        record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    with pytest.raises(ResultsError, match=f"^{file}: .*; expected a file to replace$"):
        discard(tmp_path, [PLANNED])


# An action that fails, the part of the system that fails in it, the place, and the expected one.
REFUSED: list[tuple[Callable[[Path], object], str, str, str]] = [
    (lambda folder: discard(folder, [PLANNED]), "pathlib.Path.unlink", FILE, "a file to replace"),
    (record_files.make_folder, "pathlib.Path.mkdir", "", "a writable place"),
    (lambda folder: record_files.read(folder, PLANNED), READ, FILE, "a readable record"),
]


def test_a_system_that_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    """With the place and with what was expected, whatever was to be done there."""
    for error in (OSError(errno.EACCES, "Permission denied"), OSError("Gone")):
        for act, function, place, expected in REFUSED:
            with patch(function, side_effect=error), pytest.raises(ResultsError) as caught:
                act(tmp_path)
            words = (error.strerror or "gone").lower()
            assert str(caught.value) == f"{tmp_path / place}: {words}; expected {expected}"


def test_a_folder_is_made_unless_it_exists(tmp_path: Path) -> None:
    """With those above it; no record is in it, nor in one that does not exist."""
    folder = tmp_path / "new" / "results"
    assert record_files.read(folder, PLANNED) is None
    record_files.make_folder(folder)
    (folder / "kept").touch()
    record_files.make_folder(folder)
    assert _files(folder) == ["kept"]
    assert record_files.read(folder, PLANNED) is None


def test_discarding_takes_records_and_drafts_of_the_plan_alone(tmp_path: Path) -> None:
    """`discard` removes a plan's records, any process's drafts of them, and nothing else."""
    other = replace(PLANNED, case=replace(CASE, dtype="fp16"))
    for planned in (PLANNED, other):
        record_files.write(tmp_path, planned, record_of(planned))
    name = Path(FILE).name
    kept = [f".{name}", f"{name}.1.tmp", f".{name}.1.txt", f".other-{name}.1.tmp"]
    for draft in (f".{name}.1.tmp", f".{name}.23.tmp", *kept):
        (tmp_path / "parity" / draft).touch()
    discard(tmp_path, [PLANNED])
    discard(tmp_path, [PLANNED])
    names = [*kept, "toy-cpu-fp16-E8-K2-T3.json"]
    assert _files(tmp_path) == sorted(f"parity/{name}" for name in names)


def test_a_recorded_case_is_one_of_these_sources(tmp_path: Path) -> None:
    """A case without a record, with half of one or with one of other sources is not recorded."""
    revision = Revision(commit="c" * 40, dirty=False, tree="7" * 64)
    assert not record_files.is_recorded(PLANNED, tmp_path, revision)
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert record_files.is_recorded(PLANNED, tmp_path, revision)
    assert not record_files.is_recorded(PLANNED, tmp_path, replace(revision, tree="8" * 64))
    record_files.path_of(tmp_path, PLANNED).write_text("{")
    assert not record_files.is_recorded(PLANNED, tmp_path, revision)
