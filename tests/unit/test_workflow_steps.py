"""The workflows' scripts, run by bash as GitHub runs them; a note-taker stands for nox."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline import cases, schedule
from pipeline.matrix import ROOT

NOX = """\
#!/usr/bin/env bash
printf '%s\\n' "$@" > "$NOTES"
exit "$CODE"
"""


def _workflow(name: str) -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    assert workflow["defaults"] == {"run": {"shell": "bash"}}
    return dict(workflow["jobs"])


GPU, CI = _workflow("gpu.yml"), _workflow("ci.yml")


def _step(stage: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(next(step for step in stage["steps"] if step["name"] == name))


class Machine:
    """A folder that stands for a runner: its own python and nox first on the path."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.notes = folder, folder / "notes"
        self.output, self.summary = folder / "output", folder / "summary"
        (folder / "bin").mkdir()
        for name, script in {
            "nox": NOX,
            "python": f"#!/usr/bin/env bash\nexec '{sys.executable}' \"$@\"\n",
        }.items():
            command = folder / "bin" / name
            command.write_text(script)
            command.chmod(0o755)

    def run(
        self, step: dict[str, Any], *, cwd: Path | None = None, code: int = 0, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a step's script; nox ends with `code`, and notes what it was called with."""
        assert set(step.get("env", {})) == set(env)
        script = self.folder / "script.sh"
        script.write_text(step["run"])
        files = {"GITHUB_OUTPUT": self.output, "GITHUB_STEP_SUMMARY": self.summary}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        settings = {"PATH": path, "CODE": str(code), "NOTES": self.notes, **files, **env}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=cwd or self.folder,
            env={**os.environ, **{name: str(value) for name, value in settings.items()}},
            capture_output=True,
            text=True,
            check=False,
        )

    def noted(self) -> list[str]:
        """The words that nox was called with."""
        return self.notes.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A runner on which nothing has run yet."""
    return Machine(tmp_path)


@pytest.mark.parametrize("row", ["", "h200"], ids=["all rows", "one row"])
def test_the_plan_is_what_schedule_prints(machine: Machine, row: str) -> None:
    """In the form in which GitHub takes a step's output."""
    selection = cases.Selection(row=[row] if row else [])
    done = machine.run(_step(GPU["plan"], "Plan the rows"), cwd=ROOT, ROW=row)
    assert (done.returncode, done.stderr) == (0, "")
    name, _, value = machine.output.read_text().partition("=")
    assert (name, json.loads(value)) == ("rows", schedule.schedule(selection))


@pytest.mark.parametrize("row", ["h200 --row=a100", '"; touch "$NOTES"; "'], ids=["words", "code"])
def test_a_row_that_is_none_ends_the_plan_with_2(machine: Machine, row: str) -> None:
    """The input stays one word whatever it holds, and the plan's exit code is the step's."""
    done = machine.run(_step(GPU["plan"], "Plan the rows"), cwd=ROOT, ROW=row)
    assert done.returncode == 2
    assert done.stderr.startswith(f"--row: found {row!r}, expected a row of matrix.yaml")
    assert not machine.output.exists()
    assert not machine.notes.exists()


@pytest.mark.parametrize("code", [0, 1, 4])
def test_a_row_runs_its_own_session_and_its_code_comes_through(machine: Machine, code: int) -> None:
    """One word for nox, brackets and all."""
    step = _step(GPU["parity"], "Prove the bits")
    assert step["env"] == {"ROW": "${{ matrix.row.name }}"}
    assert machine.run(step, code=code, ROW="h200").returncode == code
    assert machine.noted() == ["-s", "parity(h200)"]


@pytest.mark.parametrize("code", [0, 1])
def test_the_report_judges_every_planned_row(machine: Machine, code: int) -> None:
    """Named one by one, whether they left results or not."""
    step = _step(GPU["report"], "Judge all that was planned")
    names = "${{ join(fromJSON(needs.plan.outputs.rows || '[]').*.name, ' ') }}"
    assert step["env"] == {"ROWS": names}
    assert machine.run(step, code=code, ROWS="a100 h200").returncode == code
    planned = ["--row", "a100", "--row", "h200"]
    assert machine.noted() == ["-s", "report", "--", "--check", "parity", *planned]


def test_no_plan_is_no_report(machine: Machine) -> None:
    """Without a row, the report would judge those of the hosted machine that it runs on."""
    done = machine.run(_step(GPU["report"], "Judge all that was planned"), ROWS="")
    assert done.returncode != 0
    assert done.stderr.endswith("ROWS: the plan has no rows\n")
    assert not machine.notes.exists()


@pytest.mark.parametrize("stage", [GPU["report"], CI["parity"]], ids=["gpu.yml", "ci.yml"])
def test_the_report_is_shown_even_where_it_blocks(machine: Machine, stage: dict[str, Any]) -> None:
    """On the run's own page."""
    step = _step(stage, "Show the report")
    assert step["if"] == "always()"
    (machine.folder / "results").mkdir()
    (machine.folder / "results" / "report.md").write_text("### BLOCKED\n")
    assert machine.run(step).returncode == 0
    assert machine.summary.read_text() == "### BLOCKED\n"


def test_records_come_back_to_where_the_report_reads_them() -> None:
    """An artifact begins at the pattern's first wildcard, and the report's is no row's."""
    upload = _step(GPU["parity"], "Upload the results")
    assert upload["if"] == GPU["report"]["if"] == "always()"
    assert upload["with"]["name"] == "results-${{ matrix.row.name }}"
    assert upload["with"]["path"] == "results/*/*.json"
    download = _step(GPU["report"], "Download every row's results")["with"]
    assert download == {"pattern": "results-*", "path": "results", "merge-multiple": True}
    report = _step(GPU["report"], "Upload the report")
    assert report["if"] == "always()"
    assert (report["with"]["name"], report["with"]["path"]) == ("report", "results/report.*")


def test_runs_wait_for_each_other_row_by_row_and_are_not_cancelled() -> None:
    """A run's own group has a name that no row can have."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/gpu.yml").read_text(encoding="utf-8"))
    group = "gpu-${{ matrix.row.name }}"
    queue = {"group": group, "cancel-in-progress": False, "queue": "max"}
    assert GPU["parity"]["concurrency"] == queue
    assert workflow["concurrency"]["group"] == "gpu-run-${{ github.run_id }}"
