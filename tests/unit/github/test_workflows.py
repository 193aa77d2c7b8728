"""The workflows: what they run, how they fit each other, and that they name no hardware.

What may start them and what they may reach is asked by test_security.py.
"""

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import nox.registry
import yaml

import noxfile
from kernelproof.checks.perf.gate_card import BASELINE_PROCESSES
from kernelproof.plan import cases, matrix, schedule
from kernelproof.plan.repository import ROOT, TOOLCHAINS
from kernelproof.plan.schema import Check
from kernelproof.plan.timing_pace import PACE
from tests.unit.github.workflow_files import (
    BASELINE,
    CI,
    GPU,
    NIGHTLY,
    PAGES,
    WORKFLOWS,
    Block,
    WorkflowFile,
)

QUEUE = {"group": "${{ matrix.row.queue }}", "cancel-in-progress": False, "queue": "max"}
_REFERENCE = re.compile(r"\b(?:needs|steps|inputs|matrix)\.[\w.]*\w")
_STEP_OUTPUT = re.compile(r"steps\.\w+\.outputs")


def _sessions(file: WorkflowFile) -> set[str]:
    """Returns the nox sessions that its scripts run; `$ROW` stands for each planned row."""
    lines = [line for run in file.scripts for line in run.splitlines() if "nox -s " in line]
    named = {shlex.split(line.partition("nox -s ")[2])[0] for line in lines}
    rows = [entry["name"] for entry in schedule.schedule(cases.Selection(), kind="golden")]
    return {name.replace("$ROW", row) for name in named for row in rows}


def test_inputs_offer_what_there_is() -> None:
    """The choices of the two workflows that a hand starts are the checks and the kinds."""
    inputs = GPU.triggers["workflow_dispatch"]["inputs"]
    assert inputs.keys() == {"row", "check", "against"}
    assert inputs["check"]["options"] == ["all", *Check]
    inputs = BASELINE.triggers["workflow_dispatch"]["inputs"]
    assert inputs.keys() == {"row", "kind", "reason"}
    assert inputs["kind"]["options"] == list(schedule.KINDS)
    assert all(settings["required"] for settings in inputs.values())
    assert GPU.jobs["pages"]["with"].keys() == PAGES.triggers["workflow_call"]["inputs"].keys()


def test_expressions_name_what_exists() -> None:
    """GitHub reads an input, a step, a needed job or an output that is not there as nothing."""
    wrong = []
    for file in WORKFLOWS.values():
        for key, job in file.jobs.items():
            known = set(_known(file, job))
            for reference in _REFERENCE.findall(yaml.safe_dump(job, width=10_000)):
                whole_output = _STEP_OUTPUT.match(reference)
                if (whole_output[0] if whole_output else reference) not in known:
                    wrong.append(f"{file.name}: {key}: {reference}")
    assert wrong == []


def _known(file: WorkflowFile, job: Block) -> Iterator[str]:
    """Yields what the expressions of a job may name."""
    for settings in file.triggers.values():
        inputs: dict[str, Any] = settings.get("inputs", {}) if isinstance(settings, dict) else {}
        yield from (f"inputs.{name}" for name in inputs)
    yield from (f"matrix.row.{name}" for name in schedule.ScheduledRow.__annotations__)
    yield from (f"steps.{step['id']}.outputs" for step in job.get("steps", []) if "id" in step)
    for name in [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", []):
        yield f"needs.{name}.result"
        outputs = file.jobs[name].get("outputs", {})
        yield from (f"needs.{name}.outputs.{output}" for output in outputs)


def test_rows_wait_for_each_other_host_by_host() -> None:
    """Runs of the plan and new baselines share a host's queue, and no run's own group is a host's.

    The commit of a baseline, or the one that is named, is somewhere in the history.
    """
    for file, key in ((GPU, "row"), (BASELINE, "measure")):
        job = file.jobs[key]
        assert job["concurrency"] == QUEUE
        assert job["timeout-minutes"] == "${{ matrix.row.minutes }}"
        assert file.content["concurrency"]["group"].endswith("-run-${{ github.run_id }}")
        checkout = job["steps"][0]["with"]
        assert (checkout["fetch-depth"], checkout["clean"]) == (0, True)
    queues = [entry["queue"] for entry in schedule.schedule(cases.Selection(), kind="golden")]
    assert [queue for queue in queues if not queue.startswith("host-")] == []


def test_artifacts_come_where_they_are_looked_for() -> None:
    """Red results are uploaded, too; an artifact begins at its pattern's first wildcard."""
    upload = GPU.step("Upload the results")
    assert upload["with"]["path"] == "results/*/*.json"
    download = GPU.step("Download every row's results")["with"]
    assert download == {"pattern": "results-*", "path": "results", "merge-multiple": True}
    row = upload["with"]["name"].replace("${{ matrix.row.name }}", "h200")
    report = GPU.step("Upload the report")
    assert fnmatch(row, download["pattern"])
    assert not fnmatch(report["with"]["name"], download["pattern"])
    for step in (report, CI.step("Upload the results")):
        assert step["with"]["path"] == "results/"
    for step in (upload, report, CI.step("Upload the results")):
        assert step["if"] == "always()"
        assert step["with"]["overwrite"] is True
    for file, uploaded, downloaded in (
        (PAGES, report, "Download this run's report"),
        (PAGES, PAGES.step("Upload the page"), "Download the page"),
        (BASELINE, BASELINE.step("Upload the baselines"), "Download the baselines"),
    ):
        assert file.step(downloaded)["with"]["name"] == uploaded["with"]["name"]
    assert BASELINE.step("Download the baselines")["with"]["path"] == "results/measured"
    assert BASELINE.step("Upload the baselines")["with"]["path"] == "pipeline/baselines/"


def test_a_run_that_is_started_again_is_published_again() -> None:
    """GitHub Pages deploys neither of two artifacts of one name, so each attempt has its own."""
    name = "github-pages-${{ github.run_attempt }}"
    assert PAGES.step("Upload the page for GitHub Pages")["with"] == {"name": name, "path": "page/"}
    assert PAGES.jobs["build"]["outputs"] == {"artifact": name}
    deployed = PAGES.step("Deploy the page")["with"]
    assert deployed == {"artifact_name": "${{ needs.build.outputs.artifact }}"}
    download, attest = PAGES.step("Download the page"), PAGES.step("Attest the report")
    assert attest["with"]["subject-path"] == f"{download['with']['path']}/report.*"


def test_a_baseline_of_times_has_as_many_processes_as_the_gate_card_judges_by() -> None:
    """The two numbers are kept by hand, and allow what perf-regress does by itself."""
    assert f"--processes={BASELINE_PROCESSES} " in BASELINE.step("Time")["run"]
    assert PACE.first <= BASELINE_PROCESSES <= PACE.most


def test_an_action_has_one_commit_and_one_version_in_all_workflows() -> None:
    """An update reaches every place."""
    text = "".join(file.text for file in WORKFLOWS.values())
    pins = set(re.findall(r"uses: (actions/\S+@\S+ # \S+)", text))
    assert len(pins) == len({pin.partition("@")[0] for pin in pins}) > 0


def test_no_row_but_the_interpreted_one_is_named() -> None:
    """Names, devices and architectures of GPU rows stand in matrix.yaml alone."""
    gpus, rows = {}, matrix.load().rows
    for name, row in rows.items():
        if row.backend == "interpreter":
            assert row.runner == [CI.jobs["parity"]["runs-on"]]
        else:
            gpus[name] = row
    words = {word for name, row in gpus.items() for word in (name, row.device, row.arch)}
    pattern = re.compile("|".join(rf"\b{re.escape(word)}" for word in words))
    texts = {name: file.text for name, file in WORKFLOWS.items()}
    assert [name for name, text in texts.items() if pattern.search(text)] == []


def test_every_session_exists() -> None:
    """Each workflow runs sessions, which the noxfile has, with each planned row for $ROW."""
    assert noxfile.ROOT == ROOT
    sessions = {name: _sessions(file) for name, file in WORKFLOWS.items()}
    assert all(sessions.values())
    assert set().union(*sessions.values()) - set(nox.registry.get()) == set()


def test_changes_and_nights_run_their_sessions() -> None:
    """A change passes all of ci.yml; what takes long runs each night, with its default options."""
    changes = ["lint", "tests", "page", "codegen", "parity", "mutants -- --quick"]
    assert [run for run in CI.scripts if "nox -s" in run] == [f"nox -s {name}" for name in changes]
    nights = ["mutants -- --of verdicts", "fuzz", "mutants", "faults"]
    runs = [run for run in NIGHTLY.scripts if "nox -s" in run]
    assert runs == [f"nox -s {name}" for name in nights]
    inputs = NIGHTLY.step("Upload the inputs that went wrong")["with"]["path"]
    assert "results/fuzz/\n" in inputs


def test_packages_are_the_ones_of_the_toolchains() -> None:
    """Every workflow installs nox, in the version that the tests run with, and no other package."""
    toolchain = (TOOLCHAINS / "cpu.txt").read_text(encoding="utf-8").splitlines()
    for file in WORKFLOWS.values():
        installs = [script.split() for script in file.scripts if "pip install" in script]
        packages = {word for words in installs for word in words[words.index("install") + 1 :]}
        assert packages - set(toolchain) == set()
        assert any(package.startswith("nox==") for package in packages)


def test_the_files_read_alike_and_name_what_runs() -> None:
    """No file has anchors; workflows, jobs and steps are named, and a job names no step twice."""
    for file in WORKFLOWS.values():
        assert yaml.AnchorToken not in map(type, yaml.scan(file.text))
        assert file.content["name"]
        for job in file.jobs.values():
            names = [step["name"] for step in job.get("steps", [])]
            assert job["name"]
            assert len(set(names)) == len(names)
