"""The report's command: what it has judged, the files it writes, what it prints, its code."""

import datetime
import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import UserError
from kernelproof.machine import hardware, revision
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.verdict import CaseVerdict
from kernelproof.report import __main__ as command
from kernelproof.report.markdown import markdown
from kernelproof.report.report_file import Report
from kernelproof.report.terminal import conclusion
from tests.unit.report.test_history import run_of
from tests.unit.report.test_report import judged

HERE = hardware.Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
FILES = ["report.html", "report.json", "report.md", "report.xml"]
STATE = Revision(commit="d" * 40, dirty=False, tree="7" * 64)


class Asked:
    """Stands in for the judge: notes what it is asked, and gives what it is told to."""

    def __init__(self) -> None:
        self.plan: Sequence[Planned] = ()
        self.folder = Path()
        self.found = [judged("pass", 1), judged("fail", 2, "9 differ")]

    def __call__(self, plan: Sequence[Planned], folder: Path, state: Revision) -> list[CaseVerdict]:
        """As `verdict.judge` is called."""
        assert state == STATE
        self.plan, self.folder = plan, folder
        return self.found

    @property
    def cells(self) -> set[tuple[str, str]]:
        """The checks and rows that were planned."""
        return {(one.check, one.case.row) for one in self.plan}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """A judge of a clean tree, on a machine without a GPU."""
    found = Asked()
    monkeypatch.setattr(command, "judge", found)
    monkeypatch.setattr(revision, "current", lambda: STATE)
    monkeypatch.setattr(hardware, "accelerators", tuple)
    return found


def _read(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_bytes())


def test_the_rows_of_this_machine_are_judged(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that interprets where there is no GPU, else that of the GPU, in every check."""
    command.main(["--results", str(tmp_path)])
    assert asked.cells == {(Check.PARITY, "cpu")}
    assert asked.folder == tmp_path
    monkeypatch.setattr(hardware, "accelerators", lambda: (HERE,))
    command.main(["--results", str(tmp_path)])
    assert asked.cells == {(Check.PARITY, "h200"), (Check.PERF, "h200")}


@pytest.mark.parametrize(
    ("arguments", "cells"),
    [
        (["--row=h200"], {(Check.PARITY, "h200"), (Check.PERF, "h200")}),
        (["--row=h200", "--check=perf"], {(Check.PERF, "h200")}),
        (["--row=h200", "--check=parity", "--resume"], {(Check.PARITY, "h200")}),
        (["--row=cpu", "--row=h100", "--check=parity"], {("parity", "cpu"), ("parity", "h100")}),
        (["--row=cpu", "--processes=9", "--gpus=2"], {(Check.PARITY, "cpu")}),
    ],
    ids=["row", "check", "resumed", "rows", "options of the cells"],
)
def test_what_is_named_is_judged(
    asked: Asked,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    cells: set[tuple[str, str]],
) -> None:
    """Nobody asks which machine this is; what is for the cells alone is passed over."""
    monkeypatch.setattr(hardware, "accelerators", pytest.fail)
    command.main([*arguments, "--results", str(tmp_path)])
    assert asked.cells == cells


@pytest.mark.parametrize("option", ["--case=x", "--dtype=fp31", "--kernel=x", "--row=cpuu"])
def test_a_wrong_name_is_told_before_anything_else(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """Nobody asks which machine this is, and nothing is written."""
    monkeypatch.setattr(hardware, "accelerators", pytest.fail)
    with pytest.raises(UserError, match=f"found '{option.partition('=')[2]}'"):
        command.main([option, "--results", str(tmp_path)])
    assert (asked.plan, list(tmp_path.iterdir())) == ((), [])


def test_the_files_are_of_one_report(asked: Asked, tmp_path: Path) -> None:
    """Whole, with the time of now in whole seconds; nothing else is left beside them."""
    before = datetime.datetime.now(datetime.UTC)
    assert command.main(["--row=cpu", "--results", str(tmp_path / "new")]) == 1
    folder = tmp_path / "new"
    assert sorted(file.name for file in folder.iterdir()) == FILES
    report = _read(folder)
    assert report.date
    assert abs(report.date - before) < datetime.timedelta(seconds=60)
    assert report.date.microsecond == 0
    assert (report.commit, report.dirty) == (STATE.commit, STATE.dirty)
    assert report.summary == {"pass": 1, "fail": 1}
    assert (folder / "report.json").read_text() == report.model_dump_json(indent=1) + "\n"
    assert (folder / "report.md").read_text() == markdown(report)
    root = ET.parse(folder / "report.xml").getroot()  # noqa: S314  (the project's own output)
    assert [test.get("name") for test in root.iter("testcase")] == [
        one.planned.case.id for one in asked.found
    ]
    assert _data(folder)["conclusion"] == conclusion(report)
    assert _data(folder)["history"] is None


def _data(folder: Path) -> dict[str, Any]:
    """The data that the page holds."""
    page = (folder / "report.html").read_text()
    data: dict[str, Any] = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    return data


@pytest.mark.usefixtures("asked")
def test_the_page_has_what_is_stored_beside_the_records(tmp_path: Path) -> None:
    """Of the repository, and of the folder of results."""
    bench = {"row": "cpu", "date": "2026-11-24", "command": "x", "commit": "b" * 40}
    text = json.dumps({**bench, "dirty": False, "machine": {"os": "Moon"}, "measured": []})
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "cpu.json").write_text(text)
    command.main(["--row=cpu", "--results", str(tmp_path)])
    told = _data(tmp_path)
    assert {"row": "cpu", "of": "bench", "what": {"os": "Moon"}} in told["machines"]
    assert told["golden"].keys() == {"gemma4_routing"}


def test_a_terminal_has_the_report_alone(
    asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The conclusion comes last; without a folder of runs nothing is said of a history."""
    asked.found = [judged("pass", 1)]
    assert command.main(["--row=cpu", "--results", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0].split()[:3] == ["check", "cell", "kernel"]
    assert printed.out.splitlines()[-1] == "GOOD: 1 pass at dddddddddddd"
    assert (printed.err, "history" in printed.out) == ("", False)


@pytest.mark.usefixtures("asked")
def test_a_history_ends_with_this_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the terminal, above the report, and on the page, where the newest run is this one."""
    for place in (1, 2):
        folder = tmp_path / "runs" / str(place)
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(run_of(place, 10).model_dump_json())
    arguments = ["--row=cpu", "--results", str(tmp_path / "new"), "--history", f"{tmp_path}/runs"]
    assert command.main(arguments) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "history: 3 runs, 0 steps"
    assert printed[1].startswith("check ")
    commits = [run["commit"] for run in _data(tmp_path / "new")["history"]["runs"]]
    assert commits == [f"{1:040}", f"{2:040}", "d" * 40]


def test_results_are_those_of_the_repository(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no folder is named."""
    monkeypatch.setattr(record_files, "FOLDER", tmp_path)
    command.main(["--row=cpu"])
    assert asked.folder == tmp_path
    assert (tmp_path / "report.json").is_file()
