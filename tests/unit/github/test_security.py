"""Unreviewed code reaches no GPU runner, baseline, secret or write token: held, and seen to fail.

The rules are in tests/unit/github/workflows/rules.py. Each hole of holes.py and leaks.py beside them is
planted in the text of the real files, in memory, and the rules have to find it.
"""

import pytest

from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from tests.unit.github.workflows.holes import HOLES, Hole
from tests.unit.github.workflows.leaks import LEAKS
from tests.unit.github.workflows.reading import HOSTED, UNKNOWN, Workflow, texts, workflows
from tests.unit.github.workflows.rules import UNREVIEWED, WRITERS, objections, starts


def test_no_workflow_has_a_hole() -> None:
    """What the rules say of the project's own files."""
    assert objections() == []


@pytest.mark.parametrize("hole", [*HOLES, *LEAKS], ids=lambda hole: hole.name)
def test_a_planted_hole_is_found(hole: Hole) -> None:
    """In the first place that it fits, of the real file."""
    planted = texts()
    assert hole.old in planted[hole.file]
    planted[hole.file] = planted[hole.file].replace(hole.old, hole.new, 1)
    assert [said for said in objections(planted) if hole.said in said] != []


def test_what_pull_requests_start_can_be_read_from_the_files() -> None:
    """Of all workflows, one: nothing else is started by them, or called from there."""
    every = workflows()
    started = {name for name, file in every.items() if starts(file, every) & UNREVIEWED}
    assert started == {"ci.yml"}


def test_the_rules_look_at_every_workflow_and_every_job() -> None:
    """Each has jobs, and each job a machine or a workflow that it calls."""
    every = workflows()
    assert every.keys() == {"baseline.yml", "ci.yml", "gpu.yml", "nightly.yml", "pages.yml"}
    for file in every.values():
        for key in file.jobs:
            assert file.labels(key) or file.calls[key] in every


def test_a_row_runs_on_the_labels_of_the_matrix_and_the_rest_on_hosted_machines() -> None:
    """Those of every row; a runner that is added is followed."""
    every = workflows()
    labels = {label for row in matrix.load().rows.values() for label in row.runner}
    planned = {("gpu.yml", "row"), ("baseline.yml", "measure")}
    for file in every.values():
        for key in file.jobs.keys() - file.calls.keys():
            expected = labels if (file.name, key) in planned else HOSTED
            assert file.labels(key) == expected, f"{file.name}: {key}"


def test_whoever_may_write_is_there() -> None:
    """A job that is gone takes its leave with it."""
    every = workflows()
    assert [one for one in WRITERS if one[1] not in every[one[0]].jobs] == []


@pytest.mark.parametrize(
    "runs_on",
    ["${{ inputs.runner }}", "{group: gpus}", "[ubuntu-24.04, '${{ vars.LABEL }}']"],
)
def test_a_machine_that_cannot_be_followed_is_unknown(runs_on: str) -> None:
    """It counts as one of the team's own."""
    text = f"on: push\njobs:\n  one:\n    runs-on: {runs_on}\n"
    assert UNKNOWN in Workflow("x.yml", text).labels("one")


def test_the_rule_is_written_down() -> None:
    """For people: what holds it names what the rules ask for."""
    text = (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8")
    words = [
        "baselines",
        "github-pages",
        "gpu/**",
        "ephemeral",
        "tests/unit/github/test_security.py",
    ]
    assert [word for word in words if word not in text] == []
