"""The workflows: what may reach a self-hosted runner, and what each of them is held to."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nox.registry
import pytest
import yaml

import noxfile
from pipeline import cases, matrix, schedule
from pipeline.matrix import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.y*ml"))
CI, GPU = FOLDER / "ci.yml", FOLDER / "gpu.yml"
HOSTED = {"ubuntu-24.04"}
# What starts a workflow on reviewed code only: anybody's pull request can start all others.
REVIEWED = {"push", "schedule", "workflow_dispatch"}
PLANNED = "${{ fromJSON(needs.plan.outputs.rows) }}"
Block = dict[Any, Any]

each_workflow = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@cache
def _read(file: Path) -> Block:
    workflow = yaml.safe_load(file.read_text(encoding="utf-8"))
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the key `on` as true
    return dict(workflow)


def _stages(file: Path) -> Iterator[Block]:
    yield from _read(file)["jobs"].values()


def _steps(file: Path) -> Iterator[Block]:
    for stage in _stages(file):
        yield from stage["steps"]


def _scripts(file: Path) -> list[str]:
    return [step["run"] for step in _steps(file) if "run" in step]


def _labels(stage: Block) -> set[str]:
    """The labels of every machine that a stage can run on; `?` for what cannot be followed."""
    runs_on = stage.get("runs-on")
    if not isinstance(runs_on, str | list):
        return {"?"}
    labels = set()
    for label in [runs_on] if isinstance(runs_on, str) else runs_on:
        if "${{" not in label:
            labels.add(label)
        elif label == "${{ matrix.row.runner }}" and stage["strategy"]["matrix"]["row"] == PLANNED:
            entries = schedule.schedule(cases.Selection())
            labels.update(name for entry in entries for name in entry["runner"])
        else:
            labels.add("?")
    return labels


def _sessions(file: Path) -> set[str]:
    """The nox sessions that its scripts run; `$ROW` stands for each row that is planned."""
    words = [shlex.split(line) for run in _scripts(file) for line in run.splitlines()]
    named = {line[i + 2] for line in words for i, word in enumerate(line) if word == "nox"}
    rows = [entry["name"] for entry in schedule.schedule(cases.Selection())]
    return {name.replace("$ROW", row) for name in named for row in rows}


@each_workflow
def test_unreviewed_code_reaches_hosted_machines_only(file: Path) -> None:
    """A workflow that anybody can start asks for no other machine."""
    triggers = set(_read(file)["on"])
    labels = {label for stage in _stages(file) for label in _labels(stage)}
    assert labels <= HOSTED or triggers <= REVIEWED


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param({"runs-on": "self-hosted"}, id="label"),
        pytest.param({"runs-on": ["ubuntu-24.04", "gpu"]}, id="labels"),
        pytest.param({"runs-on": {"group": "ubuntu-24.04"}}, id="group"),
        pytest.param({"uses": "./.github/workflows/gpu.yml"}, id="called workflow"),
        pytest.param({"runs-on": "${{ inputs.runner }}"}, id="input"),
        pytest.param(
            {
                "runs-on": "${{ matrix.runner }}",
                "strategy": {"matrix": {"runner": ["ubuntu-24.04"]}},
            },
            id="matrix of its own",
        ),
        pytest.param(
            {"runs-on": "${{ matrix.row.runner }}", "strategy": {"matrix": {"row": PLANNED}}},
            id="planned rows",
        ),
    ],
)
def test_no_way_to_another_machine_is_taken_for_a_hosted_one(stage: Block) -> None:
    """What cannot be followed counts as another machine."""
    assert not _labels(stage) <= HOSTED


def test_the_planned_rows_run_on_their_own_runners_and_the_rest_on_hosted_ones() -> None:
    """The labels come from the plan, and a red row does not stop the others."""
    stages = dict(_read(GPU)["jobs"])
    parity = stages.pop("parity")
    assert parity["runs-on"] == "${{ matrix.row.runner }}"
    assert parity["strategy"] == {"fail-fast": False, "matrix": {"row": PLANNED}}
    assert stages["plan"]["outputs"] == {"rows": "${{ steps.plan.outputs.rows }}"}
    assert [_labels(stage) for stage in stages.values()] == [HOSTED] * len(stages)


def test_the_row_without_a_gpu_runs_on_the_machine_that_the_matrix_gives_it() -> None:
    """The two hand-kept labels are the same."""
    interpreted = [row for row in matrix.load().rows.values() if row.backend == "interpreter"]
    parity = _read(CI)["jobs"]["parity"]
    assert [[parity["runs-on"]]] == [row.runner for row in interpreted]


def test_runs_are_started_as_designed() -> None:
    """Pull requests start the one; the night, and a hand, the other; main both."""
    triggers = {file.name: _read(file)["on"] for file in FILES}
    pushes = {"branches": ["main"]}
    assert triggers["ci.yml"] == {"pull_request": None, "push": pushes}
    assert set(triggers["gpu.yml"]) == REVIEWED
    assert triggers["gpu.yml"]["push"] == pushes
    assert set(triggers["gpu.yml"]["workflow_dispatch"]["inputs"]) == {"row"}


@each_workflow
def test_permissions_are_none_for_the_whole_and_to_read_for_a_stage(file: Path) -> None:
    """Nothing here writes to the repository."""
    assert _read(file)["permissions"] == {}
    for stage in _stages(file):
        assert stage["permissions"] == {"contents": "read"}


@each_workflow
def test_every_action_is_pinned_to_a_commit_and_says_its_version(file: Path) -> None:
    """GitHub's own actions alone, at forty digits."""
    lines = re.findall(r"^ *(?:- )?uses: *(.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == sum("uses" in step for step in _steps(file)) > 0
    pinned = r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+"
    assert [line for line in lines if not re.fullmatch(pinned, line)] == []


def test_an_action_has_one_commit_and_one_version_in_all_workflows() -> None:
    """An update reaches every place."""
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    pins = set(re.findall(r"uses: (\S+@\S+ # \S+)", text))
    assert len(pins) == len({pin.partition("@")[0] for pin in pins}) > 0


@each_workflow
def test_no_checkout_leaves_credentials_behind(file: Path) -> None:
    """Each stage has one, as its first step: later ones run what it brings."""
    for stage in _stages(file):
        first, *others = stage["steps"]
        assert first["uses"].startswith("actions/checkout@")
        assert first["with"]["persist-credentials"] is False
        assert not any("checkout" in step.get("uses", "") for step in others)


@each_workflow
def test_every_stage_has_a_timeout(file: Path) -> None:
    """Half an hour at most; for a row, what the limits in matrix.yaml add up to."""
    for stage in _stages(file):
        minutes = stage["timeout-minutes"]
        assert minutes == "${{ matrix.row.minutes }}" or 0 < minutes <= 30


@each_workflow
def test_no_expression_stands_in_a_script(file: Path) -> None:
    """Values reach the shell through the environment, as data."""
    assert [script for script in _scripts(file) if "${{" in script] == []


def test_pull_requests_see_no_secret() -> None:
    """Neither by name nor as the token of the run."""
    text = CI.read_text(encoding="utf-8").lower()
    assert re.findall(r"secrets|github[._]token|id-token", text) == []


@each_workflow
def test_no_gpu_row_is_named(file: Path) -> None:
    """Neither it nor its device, architecture or own label: matrix.yaml alone knows them."""
    rows = {name: row for name, row in matrix.load().rows.items() if row.backend != "interpreter"}
    words = {word for name, row in rows.items() for word in (name, row.device, row.arch)}
    text = file.read_text(encoding="utf-8")
    assert [word for word in sorted(words) if re.search(rf"\b{re.escape(word)}", text)] == []


@each_workflow
def test_every_session_exists(file: Path) -> None:
    """With each planned row in the place of $ROW."""
    assert noxfile.ROOT == ROOT
    sessions = _sessions(file)
    assert sessions - set(nox.registry.get()) == set()
    assert len(sessions) > 1


def test_ci_runs_lint_tests_codegen_and_parity() -> None:
    """All that a change has to pass, and no more."""
    assert _sessions(CI) == {"lint", "tests", "codegen", "parity"}


@each_workflow
def test_packages_are_the_ones_of_the_toolchains(file: Path) -> None:
    """The versions that the tests were run with."""
    toolchain = (ROOT / "pipeline" / "requirements" / "cpu.txt").read_text(encoding="utf-8")
    installs = [script.split() for script in _scripts(file) if "pip install" in script]
    packages = {word for words in installs for word in words[words.index("install") + 1 :]}
    assert packages - set(toolchain.splitlines()) == set()
    assert any(package.startswith("nox==") for package in packages)
