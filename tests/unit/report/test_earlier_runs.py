"""The reports of earlier runs: their order, those that are skipped, and the reasons."""

import datetime
import json
from pathlib import Path

import pytest

from kernelproof.errors import ResultsError
from kernelproof.files.fault_messages import MOST_FAULTS
from kernelproof.report import earlier_runs
from kernelproof.report.report_file import Report
from tests.unit.report.made_reports import run_of

WHOLE = json.loads(run_of(1, 10).model_dump_json())
# Unreadable reports, with what is found in each.
UNREADABLE = {
    "": "invalid json: eof while parsing a value at line 1 column 0",
    "{": "invalid json: eof while parsing an object at line 1 column 1",
    "[" * 5000: "invalid json: recursion limit exceeded at line 1 column 202",
    "[]": "[]: input should be an object",
    '{"version": 2}': "2 at version: input should be 1",
    '{"version": 1}': "nothing at commit",
    json.dumps(WHOLE | {f"x{place}": 1 for place in range(MOST_FAULTS)}): (
        "1 at x0: extra inputs are not permitted"
    ),
    json.dumps(WHOLE | {f"x{place}": 1 for place in range(MOST_FAULTS + 1)}): (
        "the file: 1,001 faults"
    ),
    json.dumps(WHOLE).replace('"dtype": "fp32"', '"dtype": 32'): (
        "32 at cases.0.dtype: input should be a valid string"
    ),
    " " * (2**23 + 1): "over 8,388,608 bytes",
}


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    file = folder / "report.json"
    file.write_text(text)
    return file


def _keep(folder: Path, report: Report) -> Path:
    return _write(folder, report.model_dump_json())


def _commits(folder: Path) -> list[int]:
    return [int(report.commit) for report in earlier_runs.read(folder).reports]


def test_runs_are_in_the_order_of_their_times(tmp_path: Path) -> None:
    """They are in folders up to three deep; one without a time, from before that, is the oldest."""
    undated = {name: value for name, value in WHOLE.items() if name != "date"}
    _keep(tmp_path / "a", run_of(3, 10))
    _keep(tmp_path / "b" / "results", run_of(2, 10))
    _write(tmp_path / "c" / "d" / "e", json.dumps(undated))
    _keep(tmp_path / "c" / "d" / "e" / "f", run_of(9, 10))
    (tmp_path / "report.json").write_text("not one of the runs")
    assert _commits(tmp_path) == [1, 2, 3]
    assert earlier_runs.read(tmp_path).skipped == ()
    first = datetime.datetime(1970, 1, 1, 0, 0, 0, 500_000, datetime.UTC)
    _keep(tmp_path / "d", run_of(4, 10).model_copy(update={"date": first}))
    assert _commits(tmp_path) == [1, 4, 2, 3]


def test_an_unreadable_run_is_skipped(tmp_path: Path) -> None:
    """Its line has the file, the first fault and what was expected; all others are read.

    Of a huge file, which may be gigabytes of zeros, no more is read than a report may have.
    """
    _keep(tmp_path / "a", run_of(1, 10))
    _keep(tmp_path / "z", run_of(2, 10))
    (tmp_path / "y" / "report.json").mkdir(parents=True)
    huge = _write(tmp_path / "x", "")
    with huge.open("wb") as stream:
        stream.truncate(2**40)
    expected = [(tmp_path / "y" / "report.json", "is a directory"), (huge, "over 8,388,608 bytes")]
    for place, (text, fault) in enumerate(UNREADABLE.items()):
        expected.append((_write(tmp_path / f"b{place}", text), fault))
    runs = earlier_runs.read(tmp_path)
    assert [int(report.commit) for report in runs.reports] == [1, 2]
    assert set(runs.skipped) == {
        f"skipped {file}: found {fault}; expected a report of version 1" for file, fault in expected
    }


def test_a_history_of_nothing_readable_is_exit_code_3(tmp_path: Path) -> None:
    """The error names a history folder without a readable report, and each of its files.

    No folder is a mistake, too; an empty one is none, since it has no runs yet.
    """
    assert earlier_runs.read(tmp_path).reports == ()
    files = [_write(tmp_path / name, "{") for name in "ab"]
    with pytest.raises(ResultsError) as caught:
        earlier_runs.read(tmp_path)
    *lines, last = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"skipped {file}" for file in files]
    assert last == f"--history: {tmp_path}: found 2 unreadable, expected a report among them"
    assert caught.value.exit == 3
    message = f"--history: {tmp_path}/gone: found no folder, expected one of runs"
    with pytest.raises(ResultsError, match=f"^{message}$"):
        earlier_runs.read(tmp_path / "gone")
