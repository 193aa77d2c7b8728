"""Files are replaced at once: a crash or a full disk leaves what was there."""

import errno
import os
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import pytest

from kernelproof.errors import ResultsError
from kernelproof.files.atomic_write import write_whole

STEPS = ["mkdir", "write_text", "replace"]


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_text_replaces_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it, in folders that are made; by a hidden draft beside it, the process's own."""
    drafts: list[Path] = []
    replace = Path.replace

    def noted(draft: Path, target: Path) -> Path:
        drafts.append(draft)
        return replace(draft, target)

    monkeypatch.setattr(Path, "replace", noted)
    file = tmp_path / "a" / "b" / "file"
    for text in ("long " * 1000, "±3e4, 東京\n"):
        write_whole(file, text)
        assert file.read_bytes() == text.encode()
    assert drafts == [file.with_name(f".file.{os.getpid()}.tmp")] * 2
    assert _names(file.parent) == ["file"]


@pytest.mark.parametrize("older", [None, "older"])
def test_a_crash_leaves_the_older_text(tmp_path: Path, older: str | None) -> None:
    """A process that dies before or at the rename leaves no half text."""
    file = tmp_path / "file"
    if older:
        file.write_text(older)

    def die(path: Path, *_: Any, **__: Any) -> NoReturn:
        path.write_bytes(b"half a te")
        raise SystemExit(9)

    for step in STEPS[1:]:
        with patch.object(Path, step, die), pytest.raises(SystemExit):
            write_whole(file, "text")
        assert (file.read_text() if file.exists() else None) == older


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the place and the system's words; no draft stays."""
    errors = [OSError(errno.EACCES, "Permission denied"), OSError(errno.ENOSPC, "No space left")]
    for step in STEPS:
        for error in (*errors, OSError("Gone")):
            with (
                patch.object(Path, step, side_effect=error),
                pytest.raises(ResultsError) as caught,
            ):
                write_whole(tmp_path / "file", "text")
            words = (error.strerror or "gone").lower()
            assert str(caught.value) == f"{tmp_path / 'file'}: {words}; expected a writable place"
            assert _names(tmp_path) == []


def test_a_file_or_folder_in_the_way_stays(tmp_path: Path) -> None:
    """A file for one of the folders, a folder for the file."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for place in ("file/text", "file/below/text", "folder"):
        with pytest.raises(ResultsError, match="expected a writable place"):
            write_whole(tmp_path / place, "text")
    assert (tmp_path / "file").read_text() == "mine"
    assert _names(tmp_path) == ["file", "folder"]
