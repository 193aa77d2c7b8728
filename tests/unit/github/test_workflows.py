"""The workflows: what starts them, what they run, and that matrix.yaml alone names hardware.

What may reach a GPU runner is asked by test_security.py.
"""

import re
import shlex
from typing import Any

import nox.registry
import pytest
import yaml

import noxfile
from kernelproof.checks.perf.gate_card import BASELINE_PROCESSES
from kernelproof.plan import cases, matrix, schedule
from kernelproof.plan.repository import ROOT, TOOLCHAINS
from kernelproof.plan.schema import Check
from kernelproof.plan.timing_pace import PACE
from tests.unit.github.workflows.reading import FOLDER, Workflow, workflows

EVERY = workflows()
CI, GPU, BASELINE, PAGES, NIGHTLY = (
    EVERY[f"{name}.yml"] for name in ("ci", "gpu", "baseline", "pages", "nightly")
)
QUEUE = {"group": "${{ matrix.row.queue }}", "cancel-in-progress": False, "queue": "max"}

each_workflow = pytest.mark.parametrize("file", EVERY.values(), ids=EVERY)


def _sessions(file: Workflow) -> set[str]:
    """The nox sessions that its scripts run; `$ROW` stands for each row that is planned."""
    lines = [line for run in file.scripts for line in run.splitlines() if "nox -s " in line]
    named = {shlex.split(line.partition("nox -s ")[2])[0] for line in lines}
    rows = [entry["name"] for entry in schedule.schedule(cases.Selection(), kind="golden")]
    return {name.replace("$ROW", row) for name in named for row in rows}


def _step(file: Workflow, name: str) -> dict[str, Any]:
    return dict(next(step for _, step in file.steps if step["name"] == name))


def test_runs_are_started_as_designed() -> None:
    """Pull requests start one; reviewed code another, which calls the page; a hand the last."""
    assert CI.triggers == {
        "pull_request": None,
        "merge_group": None,
        "push": {"branches": ["main"]},
    }
    reviewed = {"push", "merge_group", "schedule", "workflow_dispatch"}
    assert GPU.triggers.keys() == reviewed
    assert GPU.triggers["push"] == {"branches": ["main", "gpu/**"]}
    inputs = GPU.triggers["workflow_dispatch"]["inputs"]
    assert inputs.keys() == {"row", "check", "against"}
    assert inputs["check"]["options"] == ["all", *Check]
    assert PAGES.triggers.keys() == {"workflow_call"}
    assert GPU.calls == {"pages": "pages.yml"}
    assert BASELINE.triggers.keys() == {"workflow_dispatch"}
    inputs = BASELINE.triggers["workflow_dispatch"]["inputs"]
    assert inputs.keys() == {"row", "kind", "reason"}
    assert inputs["kind"]["options"] == list(schedule.KINDS)
    assert all(one["required"] for one in inputs.values())
    assert NIGHTLY.triggers.keys() == {"schedule", "workflow_dispatch"}


def test_the_row_without_a_gpu_runs_on_the_machine_that_the_matrix_gives_it() -> None:
    """The two hand-kept labels are the same."""
    interpreted = [row for row in matrix.load().rows.values() if row.backend == "interpreter"]
    assert [[CI.jobs["parity"]["runs-on"]]] == [row.runner for row in interpreted]


def test_rows_wait_for_each_other_host_by_host_and_a_red_one_stops_none() -> None:
    """Whoever asks: runs of the plan, or new baselines. No run's own group is a host's."""
    for file, key in ((GPU, "row"), (BASELINE, "measure")):
        job = file.jobs[key]
        assert job["concurrency"] == QUEUE
        assert job["strategy"]["fail-fast"] is False
        assert job["timeout-minutes"] == "${{ matrix.row.minutes }}"
        assert file.content["concurrency"]["group"].endswith("-run-${{ github.run_id }}")
    queues = [entry["queue"] for entry in schedule.schedule(cases.Selection(), kind="golden")]
    assert [queue for queue in queues if not queue.startswith("host-")] == []


def test_all_that_perf_needs_is_checked_out() -> None:
    """The commit of a baseline, or the one that is named, is somewhere in the history."""
    for file, key in ((GPU, "row"), (BASELINE, "measure")):
        settings = file.jobs[key]["steps"][0]["with"]
        assert (settings["fetch-depth"], settings["clean"]) == (0, True)


def test_results_are_uploaded_whatever_they_are() -> None:
    """An artifact begins at the pattern's first wildcard, and the report's is no row's."""
    upload = _step(GPU, "Upload the results")
    assert upload["if"] == "always()"
    assert upload["with"]["name"] == "results-${{ matrix.row.name }}"
    assert upload["with"]["path"] == "results/*/*.json"
    assert GPU.jobs["report"]["if"].startswith("always() && ")
    for file, name in ((GPU, "Upload the report"), (CI, "Upload the results")):
        assert (_step(file, name)["if"], _step(file, name)["with"]["path"]) == (
            "always()",
            "results/",
        )


def test_a_baseline_of_times_has_as_many_processes_as_the_gate_card_judges_by() -> None:
    """The two numbers are kept by hand, and allow what perf-regress does by itself."""
    assert f"--processes={BASELINE_PROCESSES} " in _step(BASELINE, "Time")["run"]
    assert PACE.first <= BASELINE_PROCESSES <= PACE.most


def test_an_action_has_one_commit_and_one_version_in_all_workflows() -> None:
    """An update reaches every place."""
    text = "".join(file.text for file in EVERY.values())
    pins = set(re.findall(r"uses: (actions/\S+@\S+ # \S+)", text))
    assert len(pins) == len({pin.partition("@")[0] for pin in pins}) > 0


@each_workflow
def test_no_gpu_row_is_named(file: Workflow) -> None:
    """Neither it nor its device, architecture or own label: matrix.yaml alone knows them."""
    rows = {name: row for name, row in matrix.load().rows.items() if row.backend != "interpreter"}
    words = {word for name, row in rows.items() for word in (name, row.device, row.arch)}
    assert [word for word in sorted(words) if re.search(rf"\b{re.escape(word)}", file.text)] == []


@each_workflow
def test_every_session_exists(file: Workflow) -> None:
    """With each planned row in the place of $ROW."""
    assert noxfile.ROOT == ROOT
    sessions = _sessions(file)
    assert sessions - set(nox.registry.get()) == set()
    assert len(sessions) > 0


def test_ci_runs_lint_tests_page_codegen_parity_and_mutants() -> None:
    """All that a change has to pass; perf-regress would be codegen again there."""
    assert _sessions(CI) == {"lint", "tests", "page", "codegen", "parity", "mutants"}
    assert "nox -s mutants -- --quick" in CI.scripts


def test_what_takes_long_runs_each_night() -> None:
    """On hosted machines: a pull request does not wait for it."""
    assert _sessions(NIGHTLY) == {"judge", "fuzz", "mutants", "faults"}
    assert "nox -s mutants" in NIGHTLY.scripts


def test_every_reader_is_given_new_broken_files_each_night() -> None:
    """As many as the session's own default; what went wrong can be fetched, and asked again."""
    assert [run for run in NIGHTLY.scripts if "fuzz" in run] == ["nox -s fuzz"]
    assert "results/fuzz/\n" in _step(NIGHTLY, "Upload the inputs that went wrong")["with"]["path"]


@each_workflow
def test_packages_are_the_ones_of_the_toolchains(file: Workflow) -> None:
    """The versions that the tests were run with."""
    toolchain = (TOOLCHAINS / "cpu.txt").read_text(encoding="utf-8")
    installs = [script.split() for script in file.scripts if "pip install" in script]
    packages = {word for words in installs for word in words[words.index("install") + 1 :]}
    assert packages - set(toolchain.splitlines()) == set()
    assert any(package.startswith("nox==") for package in packages)


@each_workflow
def test_names_say_what_runs(file: Workflow) -> None:
    """Of the workflow, of each job, and of each step, which a job does not name twice."""
    assert file.content["name"]
    for job in file.jobs.values():
        names = [step["name"] for step in job.get("steps", [])]
        assert job["name"]
        assert len(set(names)) == len(names)


def test_the_files_are_yaml_that_others_read_alike() -> None:
    """No tabs, no anchors, no key twice in what the tests above read."""
    for file in FOLDER.iterdir():
        tokens = [type(token) for token in yaml.scan(file.read_text(encoding="utf-8"))]
        assert yaml.AnchorToken not in tokens
