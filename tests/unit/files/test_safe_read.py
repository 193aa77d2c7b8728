"""No more of a file is read than its reader takes, and nothing that is no file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.errors import UserError
from kernelproof.files import safe_read, yaml_document
from kernelproof.records import bench_run as bench
from kernelproof.records import code_lock, golden, record_files, sensitivity, time_baseline
from kernelproof.report import earlier_runs


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    """Or one byte beyond the most, which tells that there is more."""
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    contents = [safe_read.read_bounded(file, most) for most in (3, 4, 5, 6)]
    assert contents == [b"1234", b"12345", b"12345", b"12345"]


READERS: dict[str, Callable[[Path], object]] = {
    "record": record_files.read_file,
    "golden": lambda file: golden.load(file.stem, file.parent),
    "lock": lambda file: code_lock.read(file.stem, file.parent),
    "baseline": lambda file: time_baseline.load(file.parent.name, file.stem, file.parents[1]),
    "card": lambda file: sensitivity.load(file.parent.name, file.parents[1]),
    "bench": bench.read,
    "history": lambda file: earlier_runs.read(file.parents[1]),
    "matrix": yaml_document.read,
}


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    """A pipe that nobody writes to, and a device without an end, as each reader's file."""
    names = {"card": "gate-card.json", "history": "report.json"}
    for reader, read in READERS.items():
        file = tmp_path / reader / "row" / names.get(reader, "toy.json")
        file.parent.mkdir(parents=True)
        os.mkfifo(file)
        with pytest.raises(UserError, match="not a regular file"):
            read(file)
        file.unlink()
        file.symlink_to("/dev/zero")
        with pytest.raises(UserError, match="not a regular file"):
            read(file)


def test_a_file_of_too_many_values_is_not_parsed() -> None:
    """An object counts for the fields that it may lack."""
    few, many = b"[" + b"0," * 149_990 + b"0]", b"[" + b"0," * 150_000 + b"0]"
    assert safe_read.excess_of(few, 2**20) == ""
    assert safe_read.excess_of(many, 2**20) == "over 150,000 values and fields"
    assert safe_read.excess_of(b"[" + b"{}," * 14_990 + b"{}]", 2**20) == ""
    assert safe_read.excess_of(b"[" + b"{}," * 15_000 + b"{}]", 2**20) != ""
    assert safe_read.excess_of(b"[0]", 2) == "over 2 bytes"


def test_what_the_project_stores_may_grow_fivefold() -> None:
    """Before a bound has to be moved."""
    folders = (golden.FOLDER, code_lock.FOLDER, time_baseline.FOLDER / "h200")
    files = [file for folder in folders for file in folder.glob("*.json")]
    assert len(files) >= 4
    assert [file for file in files if safe_read.excess_of(file.read_bytes() * 5, 2**24)] == []
