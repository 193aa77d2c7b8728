"""The report's command: which cases it judges, its files, its output, its exit codes."""

import datetime
import json
import os
import pty
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.errors import run_command
from kernelproof.machine import hardware, revision
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Selection
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from kernelproof.report import __main__ as command
from kernelproof.report.markdown import markdown
from kernelproof.report.report_file import Report, report_of
from kernelproof.report.terminal import conclusion
from tests.unit.records.made_records import record_of
from tests.unit.report.made_reports import bench_of, run_of

H200 = hardware.Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
STRANGER = hardware.Accelerator(backend="cuda", name="Moon 1", arch="sm_1")
FILES = ["report.html", "report.json", "report.md", "report.xml"]
STATE = Revision(commit="d" * 40, dirty=False, tree="7" * 64)
MATRIX = matrix.load()
# Records here are made up: their bits are not the blessed ones, and need not be.
UNBLESSED = MATRIX.model_copy(
    update={
        "kernels": {
            name: kernel.model_copy(update={"golden": False})
            for name, kernel in MATRIX.kernels.items()
        }
    }
)
PLANNED = cases.plan(UNBLESSED, Selection(row=("cpu",)))
COLOUR = re.compile(rb"\x1b\[[0-9;]*(3[0-9]|4[0-9]|9[0-7])[0-9;]*m")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a GPU, and a clean tree whose kernels have no golden digests."""
    monkeypatch.setattr(matrix, "load", lambda: UNBLESSED)
    monkeypatch.setattr(revision, "current", lambda: STATE)
    monkeypatch.setattr(hardware, "accelerators", tuple)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Results in which every case of the cpu row passes."""
    for planned in PLANNED:
        record = record_of(planned, commit=STATE.commit, tree=STATE.tree)
        record_files.write(tmp_path / "results", planned, record)
    return tmp_path / "results"


def _run(folder: Path, *arguments: str) -> int:
    return run_command(lambda: command.main([*arguments, "--results", str(folder)]))


def _read(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_bytes())


def _cells(folder: Path) -> set[tuple[str, str]]:
    return {(case.check, case.row) for case in _read(folder).cases}


def _data(folder: Path) -> dict[str, Any]:
    """Returns the data that the page holds."""
    page = (folder / "report.html").read_text()
    data: dict[str, Any] = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    return data


def test_the_rows_of_this_machine_are_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """They are the interpreter's without a GPU, else those of the GPU, in every check.

    Exit code 4 if the GPU is that of no row; the message has the block to add.
    """
    monkeypatch.setattr(hardware, "accelerators", lambda: (STRANGER,))
    assert _run(tmp_path) == 4
    printed = capsys.readouterr()
    assert printed.err.startswith("this machine is no row of matrix.yaml: found Moon 1 (cuda, sm_1")
    assert "\n  my_row:\n    backend: cuda\n    device: Moon 1\n" in printed.err
    assert (printed.out, list(tmp_path.iterdir())) == ("", [])
    gpu_cells = {("parity", "h200"), ("perf", "h200")}
    for gpus, cells in (((), {("parity", "cpu")}), ((H200,), gpu_cells)):
        monkeypatch.setattr(hardware, "accelerators", lambda gpus=gpus: gpus)
        assert _run(tmp_path) == 1
        assert _cells(tmp_path) == cells


def test_named_rows_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine is; options that are for the cells alone are ignored."""
    monkeypatch.setattr(hardware, "accelerators", pytest.fail)
    for words, cells in {
        "--row=h200": {("parity", "h200"), ("perf", "h200")},
        "--row=h200 --check=perf": {("perf", "h200")},
        "--row=h200 --check=parity --resume": {("parity", "h200")},
        "--row=cpu --row=h100 --check=parity": {("parity", "cpu"), ("parity", "h100")},
        "--row=cpu --processes=9 --gpus=2": {("parity", "cpu")},
    }.items():
        assert _run(tmp_path, *words.split()) == 1
        assert _cells(tmp_path) == cells


def test_a_wrong_command_line_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """It is refused before the machine is asked, and nothing is judged or written."""
    monkeypatch.setattr(hardware, "accelerators", pytest.fail)
    monkeypatch.setattr(command, "judge", pytest.fail)
    usage = "usage: nox -s report --"
    for option, message in {
        "--case=x": "--case: found 'x', expected ",
        "--dtype=fp31": "--dtype: found 'fp31', expected ",
        "--kernel=x": "--kernel: found 'x', expected ",
        "--row=cpuu": "--row: found 'cpuu', expected ",
        "--check=parady": usage,
        "--nonsense": usage,
    }.items():
        try:
            code = _run(tmp_path, option)
        except SystemExit as end:  # argparse's
            code = int(end.code or 0)
        printed = capsys.readouterr()
        assert (code, printed.out, list(tmp_path.iterdir())) == (2, "", []), option
        assert printed.err.startswith(message)


def test_a_wrong_matrix_is_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Each fault is a line with its place."""
    text = (ROOT / "matrix.yaml").read_text()
    text = text.replace("backend: interpreter", "backend: interpretor")
    (tmp_path / "kernels").symlink_to(ROOT / "kernels")
    (tmp_path / "matrix.yaml").write_text(text.replace("memory_gb: 141", "memory_gb: 1e3"))
    monkeypatch.undo()
    monkeypatch.setattr(matrix, "load", partial(matrix.load, tmp_path / "matrix.yaml"))
    assert _run(tmp_path) == 2
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert re.search(r"matrix\.yaml:\d+:\d+: rows\.cpu\.backend: found .*'interpreter'\?$", first)
    assert re.search(r"matrix\.yaml:\d+:\d+: rows\.h200\.memory_gb: found .*'1e3'", second)
    assert printed.out == ""


def test_a_file_for_results_is_exit_code_3(tmp_path: Path, capsys: Capture) -> None:
    """The message is one line, and the file stays as it was."""
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "below"):
        assert _run(folder) == 3
        printed = capsys.readouterr()
        assert printed.err.startswith(f"{file}")
        assert (printed.out, len(printed.err.splitlines())) == ("", 1)
    assert file.read_text() == "mine"


def test_all_passes_are_good(folder: Path, capsys: Capture) -> None:
    """Exit code 0; the terminal ends with the conclusion, and has no history."""
    assert _run(folder) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split()[:3] == ["check", "cell", "kernel"]
    assert lines[-1] == f"GOOD: {len(PLANNED)} pass at dddddddddddd"
    assert (printed.err, "history" in printed.out) == ("", False)
    report = _read(folder)
    assert (report.blocks, report.rows, report.summary) == (False, ["cpu"], {"pass": len(PLANNED)})


def test_the_files_are_of_one_report(folder: Path) -> None:
    """They are whole, with no draft left; the date is that of now, in whole seconds."""
    record_files.path_of(folder, PLANNED[3]).write_text("{")
    before = datetime.datetime.now(datetime.UTC)
    assert _run(folder, "--row=cpu") == 1
    assert sorted(file.name for file in folder.iterdir() if file.is_file()) == FILES
    report = _read(folder)
    assert report.date
    assert abs(report.date - before) < datetime.timedelta(seconds=60)
    assert report.date.microsecond == 0
    assert (report.commit, report.dirty) == (STATE.commit, STATE.dirty)
    assert report.summary == {"pass": len(PLANNED) - 1, "error": 1}
    assert (folder / "report.json").read_text() == report.model_dump_json(indent=1) + "\n"
    assert (folder / "report.md").read_text() == markdown(report)
    root = ET.parse(folder / "report.xml").getroot()  # noqa: S314  (the project's own output)
    tests = [test.get("name") for test in root.iter("testcase")]
    assert tests == [planned.case.id for planned in PLANNED]
    assert sum(int(suite.attrib["errors"]) for suite in root) == 1
    assert (_data(folder)["conclusion"], _data(folder)["history"]) == (conclusion(report), None)


def test_a_deleted_record_is_missing(folder: Path, capsys: Capture) -> None:
    """It blocks, and the terminal has the command that runs just that case.

    Whichever one is deleted, it alone is missing beside its neighbours.
    """
    deleted = PLANNED[len(PLANNED) // 2]
    record_files.path_of(folder, deleted).rename(folder / "kept")
    assert _run(folder) == 1
    assert capsys.readouterr().out.endswith(
        f"\nmissing {deleted.case.id}\n"
        "no result: it did not run, or died before it could say\n"
        f"reproduce: nox -s parity -- --case {deleted.case.id}\n\n"
        f"BLOCKED: 1 missing, {len(PLANNED) - 1} pass at dddddddddddd\n"
    )
    (folder / "kept").rename(record_files.path_of(folder, deleted))
    for place, planned in enumerate(PLANNED):
        kept = record_files.path_of(folder, planned).rename(folder / "kept")
        neighbours = PLANNED[max(place - 1, 0) : place + 2]
        report = report_of(judge(neighbours, folder, STATE), STATE)
        blocking = [(case.id, case.verdict) for case in report.blocking]
        assert (blocking, report.blocks) == ([(planned.case.id, "missing")], True)
        kept.rename(record_files.path_of(folder, planned))


def test_other_files_make_every_record_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A kernel that was edited after its run is not proved by that run."""
    monkeypatch.setattr(revision, "current", lambda: replace(STATE, tree="8" * 64))
    assert _run(folder) == 1
    assert _read(folder).summary == {"missing": len(PLANNED)}
    title = f"missing {PLANNED[0].case.id} and {len(PLANNED) - 1} more"
    assert f"{title}\nits result is of other files" in capsys.readouterr().out


def test_inconclusive_cases_alone_are_exit_code_75(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are to be run again."""
    monkeypatch.setattr(command, "report_of", lambda *_: run_of(1, 10, verdict="inconclusive"))
    assert _run(tmp_path) == 75


def test_the_page_has_the_stored_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows the repository's baselines and the benches of the default results folder."""
    monkeypatch.setattr(record_files, "FOLDER", tmp_path)
    bench = bench_of([1]).model_copy(update={"machine": {"os": "Moon"}})
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "cpu.json").write_text(bench.model_dump_json())
    command.main(["--row=cpu"])
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == FILES
    data = _data(tmp_path)
    assert {"row": "cpu", "of": "bench", "what": {"os": "Moon"}} in data["machines"]
    assert data["golden"].keys() == {"gemma4_routing"}


def test_a_history_ends_with_this_run(tmp_path: Path, capsys: Capture) -> None:
    """In the terminal it stands above the report; what is skipped is a line on stderr each."""
    runs = [run_of(place, 10).model_dump_json() for place in (1, 2)]
    for place, text in enumerate([*runs, "{"], start=1):
        file = tmp_path / "runs" / str(place) / "report.json"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    new = tmp_path / "new"
    assert _run(new, "--history", f"{tmp_path}/runs") == 1
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "history: 3 runs, 0 steps; 1 unreadable, skipped"
    assert lines[1].startswith("check ")
    assert printed.err.startswith(f"skipped {file}: found invalid json: eof")
    assert len(printed.err.splitlines()) == 1
    history = _data(new)["history"]
    assert [run["commit"] for run in history["runs"]] == [f"{1:040}", f"{2:040}", "d" * 40]
    assert history["skipped"] == 1


def _on_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch, **variables: str) -> bytes:
    """Returns what the report writes to a terminal."""
    ours, theirs = pty.openpty()
    with monkeypatch.context() as patch, os.fdopen(theirs, "w") as terminal:
        for name, value in {"TERM": "xterm-256color", "COLUMNS": "100", **variables}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stdout", terminal)
        assert _run(folder) == 1
        terminal.flush()
        written = os.read(ours, 65536)
    os.close(ours)
    return written


def test_colours(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A terminal has them, unless NO_COLOR is set or it is a dumb one; a file has none."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    record_files.path_of(folder, PLANNED[0]).unlink()
    assert COLOUR.search(_on_a_terminal(folder, monkeypatch))
    assert not COLOUR.search(_on_a_terminal(folder, monkeypatch, NO_COLOR="1"))
    assert b"\x1b" not in _on_a_terminal(folder, monkeypatch, TERM="dumb")
    assert _run(folder) == 1
    assert "\x1b" not in capsys.readouterr().out
