"""The reports of earlier runs: their order, what is skipped, and what the report says of that."""

import datetime
import json
from pathlib import Path

import pytest

from kernelproof.errors import ResultsError, run_command
from kernelproof.files.fault_messages import MOST_FAULTS
from kernelproof.report import earlier_runs
from kernelproof.report.__main__ import main
from kernelproof.report.report_file import Report
from tests.unit.report.test_history import run_of

UNREADABLE = {
    "": "invalid json: eof while parsing a value at line 1 column 0",
    "{": "invalid json: eof while parsing an object at line 1 column 1",
    "[" * 5000: "invalid json: recursion limit exceeded at line 1 column 202",
    "[]": "[]: input should be an object",
    '{"version": 2}': "2 at version: input should be 1",
    '{"version": 1}': "nothing at commit",
}


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    file = folder / "report.json"
    file.write_text(text)
    return file


def _keep(folder: Path, report: Report) -> Path:
    return _write(folder, report.model_dump_json())


def test_runs_are_read_in_the_order_of_their_times(tmp_path: Path) -> None:
    """From folders up to three deep, whatever they are called; one without a time is the oldest."""
    _keep(tmp_path / "a", run_of(3, 10))
    _keep(tmp_path / "b" / "results", run_of(1, 10))
    _keep(tmp_path / "c" / "d" / "e", run_of(2, 10).model_copy(update={"date": None}))
    _keep(tmp_path / "c" / "d" / "e" / "f", run_of(9, 10))
    (tmp_path / "report.json").write_text("not one of the runs")
    found = earlier_runs.read(tmp_path)
    assert [int(report.commit) for report in found.reports] == [2, 1, 3]
    assert found.skipped == ()


def test_an_older_report_has_no_date(tmp_path: Path) -> None:
    """Version 1 of before is still read."""
    file = _keep(tmp_path / "a", run_of(1, 10))
    old = file.read_text().replace('"date":"2026-11-24T13:00:00Z",', "")
    assert "date" not in old
    file.write_text(old)
    assert [report.date for report in earlier_runs.read(tmp_path).reports] == [None]


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: repr(text[:20]))
def test_an_unreadable_run_is_skipped(tmp_path: Path, text: str) -> None:
    """With a line that has its file, what was found and what was expected; the rest are read."""
    _keep(tmp_path / "a", run_of(1, 10))
    file = _write(tmp_path / "b", text)
    _keep(tmp_path / "c", run_of(2, 10))
    found = earlier_runs.read(tmp_path)
    assert [int(report.commit) for report in found.reports] == [1, 2]
    line = f"skipped {file}: found {UNREADABLE[text]}; expected a report of version 1"
    assert found.skipped == (line,)


def test_what_is_no_file_is_skipped(tmp_path: Path) -> None:
    """As what cannot be read."""
    _keep(tmp_path / "a", run_of(1, 10))
    folder = tmp_path / "b" / "report.json"
    folder.mkdir(parents=True)
    line = f"skipped {folder}: found is a directory; expected a report of version 1"
    assert earlier_runs.read(tmp_path).skipped == (line,)


def test_a_huge_file_is_skipped(tmp_path: Path) -> None:
    """No more of it is read than a report may have."""
    _keep(tmp_path / "a", run_of(1, 10))
    with _write(tmp_path / "b", "").open("wb") as file:
        file.truncate(2**23 + 1)
    (line,) = earlier_runs.read(tmp_path).skipped
    assert line.endswith("found over 8,388,608 bytes; expected a report of version 1")


def test_a_history_of_nothing_readable_is_exit_code_3(tmp_path: Path) -> None:
    """Each is told, and the folder: what it is of is something else than runs."""
    files = [_write(tmp_path / name, "{") for name in "ab"]
    with pytest.raises(ResultsError) as caught:
        earlier_runs.read(tmp_path)
    *lines, last = str(caught.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"skipped {file}" for file in files]
    assert last == f"--history: {tmp_path}: found 2 unreadable, expected a report among them"
    assert caught.value.exit == 3


def test_no_folder_is_told(tmp_path: Path) -> None:
    """A folder that is empty has no runs yet; one that is not there is a mistake."""
    assert earlier_runs.read(tmp_path).reports == ()
    with pytest.raises(ResultsError) as caught:
        earlier_runs.read(tmp_path / "gone")
    said = f"--history: {tmp_path}/gone: found no folder, expected one of runs"
    assert str(caught.value) == said


def test_a_fault_within_a_run_has_its_place(tmp_path: Path) -> None:
    """By the names and numbers that lead to it."""
    file = _keep(tmp_path / "a", run_of(1, 10))
    file.write_text(file.read_text().replace('"dtype":"fp32"', '"dtype":32'))
    _keep(tmp_path / "b", run_of(2, 10))
    (line,) = earlier_runs.read(tmp_path).skipped
    assert "found 32 at cases.0.dtype: input should be a valid string; " in line


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (MOST_FAULTS, "found 1 at x0: extra inputs are not permitted"),
        (MOST_FAULTS + 1, "found the file: 1,001 faults"),
    ],
    ids=["many", "too many"],
)
def test_a_run_of_many_faults_is_one_line(tmp_path: Path, faults: int, said: str) -> None:
    """The first of them; of too many only how many they are."""
    whole = json.loads(run_of(1, 10).model_dump_json())
    _keep(tmp_path / "a", run_of(2, 10))
    _write(tmp_path / "b", json.dumps({**whole, **{f"x{place}": 1 for place in range(faults)}}))
    (line,) = earlier_runs.read(tmp_path).skipped
    assert f"report.json: {said}; expected" in line


def test_a_run_without_a_date_is_older_than_any(tmp_path: Path) -> None:
    """Whenever those were that have one."""
    first = datetime.datetime(1970, 1, 1, 0, 0, 0, 500_000, datetime.UTC)
    _keep(tmp_path / "a", run_of(1, 10).model_copy(update={"date": first}))
    _keep(tmp_path / "b", run_of(2, 10).model_copy(update={"date": None}))
    assert [int(report.commit) for report in earlier_runs.read(tmp_path).reports] == [2, 1]


def test_the_report_says_what_it_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each on stderr, a count in the terminal and on the page; the exit code is the same."""
    arguments = ["--row", "cpu", "--results", str(tmp_path / "results")]
    assert run_command(lambda: main(arguments)) == 1
    _keep(tmp_path / "history" / "a", run_of(1, 10))
    file = _write(tmp_path / "history" / "b", "{")
    capsys.readouterr()
    assert run_command(lambda: main([*arguments, "--history", str(tmp_path / "history")])) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"skipped {file}: found invalid json: eof")
    assert len(told.err.splitlines()) == 1
    assert "history: 2 runs, 0 steps; 1 unreadable, skipped\n" in told.out
    page = (tmp_path / "results" / "report.html").read_text()
    data = page.partition('id="data">')[2].partition("</script>")[0]
    history = json.loads(data)["history"]
    assert (len(history["runs"]), history["skipped"]) == (2, 1)
