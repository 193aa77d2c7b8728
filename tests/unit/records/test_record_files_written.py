"""Records on a disk: the very bytes, the drafts, the folder, and the longest that is read."""

import errno
import json
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pydantic import ValidationError

from kernelproof.errors import ResultsError
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from tests.unit.records.test_record_files import FILE, PLANNED, record_of

NAME = Path(FILE).name
MOST = 1024 * 1024


def _refusing(error: OSError) -> Any:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise error

    return refuse


def test_results_are_kept_beside_the_kernels() -> None:
    """Where people look for them, and git does not."""
    assert record_files.FOLDER == ROOT / "results"


def test_a_record_is_readable_text(tmp_path: Path) -> None:
    """A field a line, and an end of the last one."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    text = (tmp_path / FILE).read_text()
    assert text == record_of(PLANNED).model_dump_json(indent=1) + "\n"
    assert '\n "outcome": "pass",\n' in text


def test_a_record_stays_as_it_was_read() -> None:
    """Nothing can be put into it afterwards."""
    with pytest.raises(ValidationError, match="frozen"):
        record_of(PLANNED).outcome = "fail"


def test_a_draft_is_hidden_and_its_process_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the record: no reader takes it for one, and no other process writes it."""
    drafts: list[Path] = []
    replace = Path.replace

    def noted(draft: Path, target: Path) -> Path:
        drafts.append(draft)
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", noted)
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert drafts == [tmp_path / "parity" / f".{NAME}.{os.getpid()}.tmp"]


def test_discarding_takes_the_drafts_of_dead_processes(tmp_path: Path) -> None:
    """Of these records alone; what else lies there is somebody's."""
    (tmp_path / "parity").mkdir()
    drafts = [f".{NAME}.1.tmp", f".{NAME}.23.tmp"]
    others = [f".{NAME}", f"{NAME}.1.tmp", f".{NAME}.1.txt", f".other-{NAME}.1.tmp"]
    for name in (*drafts, *others):
        (tmp_path / "parity" / name).touch()
    record_files.discard(tmp_path, [PLANNED])
    assert sorted(file.name for file in (tmp_path / "parity").iterdir()) == sorted(others)


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(errno.EACCES, "Permission denied"), "permission denied"), (OSError("Gone"), "gone")],
    ids=["system", "other"],
)
def test_a_system_that_refuses_is_told_in_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    """With the place and with what was expected, whatever was to be done there."""
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", _refusing(error))
        with pytest.raises(ResultsError) as caught:
            record_files.discard(tmp_path, [PLANNED])
    assert str(caught.value) == f"{tmp_path / FILE}: {words}; expected a file to replace"
    with monkeypatch.context() as broken:
        broken.setattr(Path, "mkdir", _refusing(error))
        with pytest.raises(ResultsError) as caught:
            record_files.make_folder(tmp_path)
        assert str(caught.value) == f"{tmp_path}: {words}; expected a writable place"
        with pytest.raises(ResultsError) as caught:
            record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    assert str(caught.value) == f"{tmp_path / FILE}: {words}; expected a writable place"


def test_a_folder_is_made_where_it_is_not_there(tmp_path: Path) -> None:
    """With those above it; one that is there is left as it is."""
    folder = tmp_path / "new" / "results"
    record_files.make_folder(folder)
    (folder / "kept").touch()
    record_files.make_folder(folder)
    assert [file.name for file in folder.iterdir()] == ["kept"]


@pytest.mark.parametrize("number", [[], {}, "many", "inf"], ids=str)
def test_what_is_no_number_is_told(tmp_path: Path, number: object) -> None:
    """But for the words that stand for what JSON has not."""
    fields = {**record_of(PLANNED).model_dump(mode="json"), "numbers": {"max_ulp": number}}
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_text(json.dumps(fields))
    with pytest.raises(record_files.HalfWrittenError) as caught:
        record_files.read(tmp_path, PLANNED)
    said = "numbers.max_ulp: input should be a valid number; delete it and run the case again"
    assert str(caught.value) == f"{NAME}: {said}"


@pytest.mark.parametrize(("seconds", "is_read"), [(0, 1), (1e9, 1), (-0.1, 0), (1e9 + 0.5, 0)])
def test_a_case_takes_a_time(tmp_path: Path, seconds: float, *, is_read: bool) -> None:
    """That is neither less than none, nor decades."""
    fields = {**record_of(PLANNED).model_dump(mode="json"), "seconds": seconds}
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_text(json.dumps(fields))
    if is_read:
        assert record_files.read(tmp_path, PLANNED)
    else:
        with pytest.raises(record_files.HalfWrittenError, match="seconds: input should be "):
            record_files.read(tmp_path, PLANNED)


def test_the_longest_record_is_read(tmp_path: Path) -> None:
    """To the byte; one more is no record."""
    bare = len(record_of(PLANNED, outcome="fail").model_dump_json())
    whole = record_of(PLANNED, outcome="fail", reason="x" * (MOST - bare))
    file = tmp_path / FILE
    file.parent.mkdir()
    file.write_text(whole.model_dump_json())
    assert file.stat().st_size == MOST
    assert record_files.read(tmp_path, PLANNED) == whole
    file.write_text(whole.model_dump_json() + "\n")
    with pytest.raises(record_files.HalfWrittenError, match="found over 1,048,576 bytes"):
        record_files.read(tmp_path, PLANNED)


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), OSError("Gone")], ids=["system", "other"]
)
def test_a_record_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """In the system's words."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED))
    monkeypatch.setattr("kernelproof.files.safe_read.read", _refusing(error))
    with pytest.raises(ResultsError) as caught:
        record_files.read(tmp_path, PLANNED)
    words = (error.strerror or "gone").lower()
    assert str(caught.value) == f"{tmp_path / FILE}: {words}; expected a readable record"
