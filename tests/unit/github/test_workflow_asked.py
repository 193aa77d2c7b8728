"""What the workflows ask nox, by what they are told: by hand, by an event, by a session's code.

The stand-in for nox notes what it is asked; one baseline is measured, blessed and proposed.
"""

import json
from pathlib import Path

import pytest

from kernelproof.plan import cases, schedule
from kernelproof.records import golden
from tests.unit.github.workflows.hub import BRANCH, Hub, git
from tests.unit.github.workflows.runner import sessions, start

ROWS = json.dumps(schedule.schedule(cases.Selection(row=["cpu"]), kind="golden"))
LOST = frozenset({"row"})
BY_HAND = {"row": "", "check": "all", "against": ""}
KEY = "fp32-E8-K8-T1"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """A repository of this module."""
    return Hub.at(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def quick(shared: Hub) -> Hub:
    """The same, whose nox has noted nothing yet, and does no more than that."""
    shared.noted()
    shared.sessions, shared.codes = "", {}
    return shared


def test_the_plan_is_what_schedule_prints(quick: Hub) -> None:
    """In the form in which GitHub takes a job's output; the report names each row of it."""
    run = start(quick, "gpu", "push", lost=LOST)
    planned = schedule.schedule(cases.Selection())
    assert json.loads(run.outputs["plan"]["rows"]) == planned
    assert sessions(quick)[0] == " ".join(
        ["report --", *(f"--row {row['name']}" for row in planned)]
    )


@pytest.mark.parametrize("event", ["push", "merge_group"])
def test_no_other_branch_is_published(quick: Hub, event: str) -> None:
    """Vetted branches and the merge queue are judged as main is, and leave the page alone."""
    run = start(quick, "gpu", event, branch="gpu/1", rows=ROWS, lost=LOST)
    assert run.results["pages"] == "skipped"
    assert sessions(quick) == ["report -- --row cpu"]


@pytest.mark.parametrize("row", ["h200 --row=a100", '"; touch "$NOTES"; "'], ids=["words", "code"])
def test_a_row_that_is_none_ends_the_plan(quick: Hub, row: str) -> None:
    """The input stays one word whatever it holds; nothing runs, and the report is no other's."""
    run = start(quick, "gpu", "workflow_dispatch", inputs={**BY_HAND, "row": row})
    assert run.results == {
        "plan": "failure",
        "row": "skipped",
        "report": "failure",
        "pages": "skipped",
    }
    assert f"--row: found {row!r}, expected a row of matrix.yaml" in run.said["plan"]
    assert "ROWS: the plan has no rows" in run.said["report"]
    assert sessions(quick) == []


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, ["parity(cpu)", "perf-regress -- --row=cpu", "report -- --row cpu"]),
        ({"check": "parity"}, ["parity(cpu)", "report -- --row cpu --check parity"]),
        ({"check": "perf"}, ["perf-regress -- --row=cpu", "report -- --row cpu --check perf"]),
        (
            {"against": "v1;  exit 7"},
            [
                "parity(cpu)",
                "perf-regress -- --row=cpu --against=v1;  exit 7",
                "report -- --row cpu --check parity",
            ],
        ),
        ({"check": "perf", "against": "v1"}, ["perf-regress -- --row=cpu --against=v1"]),
    ],
    ids=["all", "parity", "perf", "against", "perf against"],
)
def test_by_hand_a_run_asks_what_it_is_told_to(
    quick: Hub, inputs: dict[str, str], words: list[str]
) -> None:
    """And the report judges just that: times against a commit are judged where they are taken."""
    start(quick, "gpu", "workflow_dispatch", inputs={**BY_HAND, **inputs}, rows=ROWS)
    assert sessions(quick) == words


def test_times_against_a_commit_are_shown(quick: Hub) -> None:
    """On the run's own page, where they are red, too."""
    quick.codes = {"perf-regress": 1}
    inputs = {**BY_HAND, "check": "perf", "against": "v1"}
    run = start(quick, "gpu", "workflow_dispatch", inputs=inputs, rows=ROWS)
    assert (run.results["row"], run.results["report"]) == ("failure", "skipped")
    assert quick.summary == "```text\nperf-regress: noted\n```\n"


@pytest.mark.parametrize(("failing", "ran"), [("parity", 1), ("perf-regress", 2)])
def test_wrong_bits_are_not_timed_and_a_red_row_is_red(quick: Hub, failing: str, ran: int) -> None:
    """Whatever a session's code, it is the job's; what comes after it is not run."""
    quick.codes = {failing: 1}
    run = start(quick, "gpu", "push", rows=ROWS)
    assert run.results["row"] == "failure"
    asked = [line.split()[0] for line in sessions(quick)]
    assert asked[: ran + 1] == [*["parity(cpu)", "perf-regress"][:ran], "report"]


def _forget(hub: Hub, key: str) -> None:
    """Takes one digest out of the repository's golden ones."""
    folder = hub.folder / "tree" / "pipeline" / "baselines" / "golden"
    stored = golden.load("gemma4_routing", folder)
    assert stored
    digests = {name: one for name, one in stored.digests.items() if name != key}
    seal = golden.seal_of(digests)
    golden.write(stored.model_copy(update={"digests": digests, "seal": seal}), folder)
    hub.push("Forget a digest")


def test_a_baseline_is_measured_and_proposed(tmp_path: Path) -> None:
    """On a branch of its own: that file alone, the reason, old and new; main stays as it was."""
    hub = Hub.at(tmp_path)
    _forget(hub, KEY)
    inputs = {"row": "cpu", "kind": "golden", "reason": "a new $(shape)"}
    run = start(hub, "baseline", "workflow_dispatch", inputs=inputs)
    assert set(run.results.values()) == {"success"}, run.said
    branch = f"baseline/golden-cpu-{hub.run}-1"
    assert git(hub.origin, "rev-parse", BRANCH) == hub.sha
    assert git(hub.origin, "rev-parse", f"{branch}^") == hub.sha
    file = "pipeline/baselines/golden/gemma4_routing.json"
    assert git(hub.origin, "diff", "--name-only", BRANCH, branch) == file
    said = git(hub.origin, "log", "-1", "--format=%B", branch)
    assert said.startswith(
        "Bless the golden baselines of cpu\n\nBaselines of kind golden, measured"
    )
    assert "\nReason: a new $(shape)\n" in said
    assert f"\n  {KEY}: nothing -> " in said
    assert said.endswith(hub.summary.strip())
    title = "--title Bless the golden baselines of cpu --body-file results/body.md"
    assert hub.noted()[-1] == f"gh pr create --base {BRANCH} --head {branch} {title}"


@pytest.mark.parametrize(
    ("kind", "codes", "words"),
    [
        ("codegen", {}, ["parity(cpu)", "bless -- codegen --row=cpu --reason=--why  not"]),
        ("golden", {"parity": 4}, ["parity(cpu)"]),
        ("codegen", {"parity": 1}, ["parity(cpu)"]),
        (
            "perf",
            {"perf-regress": 75},
            [
                "parity(cpu)",
                "perf-regress -- --row=cpu --processes=12",
                "bless -- perf --row=cpu --reason=--why  not",
            ],
        ),
        ("perf", {"perf-regress": 5}, ["parity(cpu)", "perf-regress -- --row=cpu --processes=12"]),
        ("gate-card", {}, ["gate-card -- --row=cpu"]),
    ],
    ids=["code", "another machine", "wrong bits", "times", "an unreadable baseline", "card"],
)
def test_each_kind_is_measured_in_its_own_way(
    quick: Hub, kind: str, codes: dict[str, int], words: list[str]
) -> None:
    """New bits and new times may be red before they are blessed; nothing else may.

    Nothing changes here, and nothing is proposed.
    """
    quick.codes = codes
    inputs = {"row": "h200", "kind": kind, "reason": "--why  not"}
    run = start(quick, "baseline", "workflow_dispatch", inputs=inputs, rows=ROWS)
    assert sessions(quick) == words
    is_measured = run.results["measure"] == "success"
    assert run.results["propose"] == ("failure" if is_measured else "skipped")
    refusal = f"found no {kind} baseline of h200 that changes"
    assert (refusal in run.said.get("propose", "")) == is_measured


@pytest.mark.parametrize(
    ("kind", "branch"),
    [("perf", BRANCH), ("golden", "gpu/1")],
    ids=["times of an interpreter", "another branch"],
)
def test_a_baseline_that_may_not_be_is_not_measured(quick: Hub, kind: str, branch: str) -> None:
    """The plan refuses it, or nothing starts at all."""
    inputs = {"row": "cpu", "kind": kind, "reason": "x"}
    run = start(quick, "baseline", "workflow_dispatch", inputs=inputs, branch=branch)
    assert run.results["plan"] == ("failure" if branch == BRANCH else "skipped")
    assert (run.results["measure"], run.results["propose"]) == ("skipped", "skipped")
