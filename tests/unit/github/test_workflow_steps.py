"""The workflows run here, step by step, for the row that needs no GPU and one case of it.

`tests/unit/github/workflows/hub.py` stands for GitHub; scripts, exit codes, outputs and artifacts are
those of the real files.
"""

import json
from pathlib import Path

import pytest

from kernelproof.plan import cases, schedule
from kernelproof.report.report_file import Report
from tests.unit.github.workflows.hub import BRANCH, Hub
from tests.unit.github.workflows.runner import Run, again, start
from tests.unit.github.workflows.stand_ins import CASE

ROWS = json.dumps(schedule.schedule(cases.Selection(row=["cpu"]), kind="golden"))
ALL = {"plan": "success", "row": "success", "report": "success", "pages": "success"}
FILES = ["report.html", "report.json", "report.md", "report.xml"]


def _report(folder: Path) -> Report:
    return Report.model_validate_json((folder / "report.json").read_bytes())


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """A repository whose nox runs parity, report and bless."""
    return Hub.at(tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def nights(hub: Hub) -> tuple[Run, Run]:
    """Two runs of gpu.yml: in the first one the row's runner never came."""
    before = start(hub, "gpu", "schedule", rows=ROWS, lost=frozenset({"row"}))
    hub.noted()
    return before, start(hub, "gpu", "schedule", rows=ROWS)


def test_ci_runs_in_order_and_leaves_its_report(hub: Hub) -> None:
    """Every session, a result that passes, and the four files of the report in the artifact."""
    hub.noted()
    run = start(hub, "ci", "pull_request")
    assert set(run.results.values()) == {"success"}, run.said
    install = "pip install nox==2026.10.20"
    sessions = ["lint", "tests", "page", "codegen", "parity", "mutants -- --quick"]
    assert hub.noted() == [line for name in sessions for line in (install, f"nox -s {name}")]
    report = _report(hub.artifacts / "results")
    assert (report.summary, [case.id for case in report.cases]) == ({"pass": 1}, [CASE])
    found = {file.name for file in (hub.artifacts / "results").iterdir()}
    assert {*FILES, "parity"} <= found
    assert hub.summary.startswith(f"### GOOD: 1 pass at {hub.sha[:12]}\n")


def test_a_runner_that_never_came_is_missing_and_blocks(hub: Hub, nights: tuple[Run, Run]) -> None:
    """The report has its verdict and its command, and the page is published all the same."""
    run = nights[0]
    assert run.results == {**ALL, "row": "failure", "report": "failure"}, run.said
    report = _report(hub.folder / "runs" / str(run.number) / "report")
    assert (report.rows, report.blocks, report.summary) == (["cpu"], True, {"missing": 1})
    summary = (hub.folder / f"summary-{run.number}").read_text()
    assert summary.startswith("### BLOCKED: 1 missing at ")
    assert f"`nox -s parity -- --case {CASE}`" in summary


def test_a_night_goes_from_the_plan_to_the_page(hub: Hub, nights: tuple[Run, Run]) -> None:
    """Parity before perf, records to the report, the report and the one before it to the page."""
    run = nights[1]
    assert run.results == ALL, run.said
    artifacts = hub.folder / "runs" / str(run.number)
    assert [file.name for file in (artifacts / "results-cpu").rglob("*.json")] == [f"{CASE}.json"]
    assert _report(artifacts / "report").summary == {"pass": 1}
    assert (artifacts / "report" / "parity" / f"{CASE}.json").is_file()
    assert "history: " in run.said["build"]
    assert hub.deployed == ["index.html", *FILES]
    assert hub.attested[-4:] == FILES
    noted = hub.noted()
    assert [line for line in noted if line.startswith("nox")] == [
        "nox -s parity(cpu)",
        "nox -s perf-regress -- --row=cpu",
        "nox -s report -- --row cpu",
        "nox -s report -- --history history --row cpu",
    ]
    before = nights[0].number
    listed = f"gh run list --workflow gpu.yml --branch {BRANCH} --status completed --limit 60 "
    assert [line for line in noted if line.startswith(listed)] != []
    assert f"gh run download {before} --name report --dir history/{before}" in noted


def test_a_run_that_is_started_again_is_published_again(hub: Hub, nights: tuple[Run, Run]) -> None:
    """Its page has another name than that of the first attempt, which is still there."""
    hub.deployed = []
    run = again(nights[1])
    assert run.results == ALL, run.said
    assert hub.deployed == ["index.html", *FILES]
