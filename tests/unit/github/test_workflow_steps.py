"""The scripts of the workflows run here by bash, job by job, with a nox that only notes its words.

What the sessions do is asked by tests/unit/sessions; the scripts are those of the real files.
"""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernelproof.checks.__main__ import main as checks_main
from kernelproof.checks.perf import gate_card
from kernelproof.checks.perf.__main__ import main as perf_main
from kernelproof.plan import cases, schedule
from kernelproof.records import golden
from kernelproof.report.__main__ import main as report_main
from kernelproof.selftest.mutation.__main__ import main as mutation_main
from kernelproof.sessions import bless
from tests.unit.extending.tree import Tree
from tests.unit.github.workflow_files import BASELINE, CI, GPU, PAGES, Shell, value_of
from tests.unit.machine.git_commands import git

BY_HAND = {"row": "", "check": "all", "against": ""}
FILES = ["report.html", "report.json", "report.md", "report.xml"]
KEY = "fp32-E8-K8-T1"
TIMES = "perf-regress -- --row=cpu --processes=12"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in which nothing has run yet."""
    return Shell(folder=tmp_path)


def test_the_plan_is_what_schedule_prints(shell: Shell) -> None:
    """The job plans every GPU row; an input stays one word, and without rows no report is made."""
    assert shell.run(GPU.jobs["plan"], BY_HAND, ROW="", CHECK="all")
    assert json.loads(shell.outputs["rows"]) == schedule.schedule(cases.Selection())
    for row in ("h200 --row=a100", '"; touch "$NOTES"; "'):
        assert not shell.run(GPU.jobs["plan"], BY_HAND, ROW=row, CHECK="all")
        assert f"--row: found {row!r}, expected a row of matrix.yaml" in shell.printed
    assert not shell.run(GPU.jobs["report"], BY_HAND, ROWS="", CHECK="all")
    assert "ROWS: the plan has no rows" in shell.printed
    assert shell.noted == []


def test_by_hand_a_run_does_what_its_inputs_say(tmp_path: Path) -> None:
    """The row runs the sessions asked for until one is red, and the report judges just those."""
    bits, times, judged = "parity(cpu)", "perf-regress -- --row=cpu", "report -- --row cpu"
    against = f"{times} --against=v1;  exit 7"
    for check, commit, failing, commands in (
        ("all", "", "none", [bits, times, judged]),
        ("all", "", "parity", [bits, judged]),
        ("all", "", "perf-regress", [bits, times, judged]),
        ("parity", "", "none", [bits, f"{judged} --check parity"]),
        ("perf", "", "none", [times, f"{judged} --check perf"]),
        ("all", "v1;  exit 7", "none", [bits, against, f"{judged} --check parity"]),
        ("perf", "v1;  exit 7", "none", [against]),
    ):
        folder = tmp_path / f"{check} {commit} {failing}"
        shell, inputs = Shell(folder=folder, cwd=folder), {"check": check, "against": commit}
        shell.failing = failing
        report = GPU.jobs["report"]
        reported = GPU.step("Judge all that was planned")["env"]["CHECK"].strip("${ }")
        is_green = shell.run(GPU.jobs["row"], inputs, ROW="cpu", AGAINST=commit)
        assert is_green == (failing == "none")
        if value_of(report["if"], inputs):
            shell.run(report, inputs, ROWS="cpu", CHECK=value_of(reported, inputs))
        assert shell.noted == commands


def test_reports_and_times_against_a_commit_are_shown(shell: Shell) -> None:
    """The summary has them even if they are red, and the job is red then."""
    shell.cwd, shell.failing = shell.folder, "parity"
    (shell.folder / "results").mkdir()
    (shell.folder / "results" / "report.md").write_text("### BLOCKED\n")
    assert not shell.run(CI.jobs["parity"], {})
    shell.failing = "report"
    assert not shell.run(GPU.jobs["report"], BY_HAND, ROWS="cpu", CHECK="all")
    shell.failing, inputs = "perf-regress", {**BY_HAND, "check": "perf", "against": "v1"}
    assert not shell.run(GPU.jobs["row"], inputs, ROW="cpu", AGAINST="v1")
    times = "```text\nperf-regress: noted\n```\n"
    assert shell.summary == "### BLOCKED\n" * 2 + times


@pytest.mark.parametrize("code", [0, 1, 75, 3])
def test_the_page_is_made_of_red_reports_too(shell: Shell, code: int) -> None:
    """The page holds this run's report and reads those of earlier runs; other codes end the job."""
    shell.cwd, shell.failing, shell.code = shell.folder, "report", code
    (shell.folder / "results").mkdir()
    for name in FILES:
        (shell.folder / "results" / name).touch()
    is_made = code != 3  # results that cannot be read
    given = {"BRANCH": "main", "GH_TOKEN": "token", "ROWS": "cpu h200"}
    assert shell.run(PAGES.jobs["build"], {}, **given) == is_made
    listed = "gh run list --workflow gpu.yml --branch main --status completed --limit 60 "
    assert shell.noted[0].startswith(listed)
    run = (shell.folder / "history" / "runs.txt").read_text().strip()
    assert shell.noted[1] == f"gh run download {run} --name report --dir history/{run}"
    assert shell.noted[2] == "report -- --history history --row cpu --row h200"
    page = [file.name for file in (shell.folder / "page").glob("*")]
    assert sorted(page) == (["index.html", *FILES] if is_made else [])


def test_each_kind_of_baseline_is_measured_in_its_own_way(tmp_path: Path) -> None:
    """New bits may fail and new times may be red before they are blessed; nothing else may."""
    bits, blessed = "parity(cpu)", "--row=cpu --reason=--why  not"
    for kind, failing, code, is_measured, commands in (
        ("codegen", "none", 0, True, [bits, f"bless -- codegen {blessed}"]),
        ("golden", "parity", 1, True, [bits, f"bless -- golden {blessed}"]),
        ("golden", "parity", 4, False, [bits]),
        ("codegen", "parity", 1, False, [bits]),
        ("perf", "perf-regress", 1, True, [bits, TIMES, f"bless -- perf {blessed}"]),
        ("perf", "perf-regress", 75, True, [bits, TIMES, f"bless -- perf {blessed}"]),
        ("perf", "perf-regress", 5, False, [bits, TIMES]),
        ("perf", "bless", 1, False, [bits, TIMES, f"bless -- perf {blessed}"]),
        ("gate-card", "none", 0, True, ["gate-card -- --row=cpu"]),
    ):
        folder = tmp_path / f"{kind} {failing} {code}"
        shell = Shell(folder=folder, failing=failing, code=code)
        given = {"ROW": "cpu", "KIND": kind, "REASON": "--why  not"}
        assert shell.run(BASELINE.jobs["measure"], {"kind": kind}, **given) == is_measured
        assert shell.noted == commands


def test_no_times_of_an_interpreter_are_planned(shell: Shell) -> None:
    """The plan refuses a baseline of a kind that the row cannot have."""
    assert shell.run(BASELINE.jobs["plan"], {}, ROW="cpu", KIND="golden")
    assert [row["name"] for row in json.loads(shell.outputs["rows"])] == ["cpu"]
    assert not shell.run(BASELINE.jobs["plan"], {}, ROW="cpu", KIND="perf")


def test_the_sessions_take_these_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands behind the sessions parse the words that the tests above expect."""

    class ParsedError(Exception):
        """The end of a command after its words were parsed."""

    def parse_and_end(parser: ArgumentParser, words: Sequence[str]) -> None:
        parse(parser, words)
        raise ParsedError

    parse = ArgumentParser.parse_args
    monkeypatch.setattr(ArgumentParser, "parse_args", parse_and_end)
    row, against = ["--row=cpu"], ["--against=v1"]
    for main, words in (
        (report_main, ["--row", "cpu", "--check", "parity"]),
        (report_main, ["--history", "history", "--row", "cpu", "--row", "h200"]),
        (report_main, [*row, "--processes=12"]),
        (checks_main, ["perf", "--on", "cpu", *row, "--processes=12"]),
        (perf_main, ["--on", "cpu", *row, *against]),
        (bless.main, ["golden", *row, "--reason=--why  not"]),
        (gate_card.main, row),
        (mutation_main, [*row, "--quick"]),
    ):
        with pytest.raises(ParsedError):
            main(words)


def test_a_baseline_is_proposed_on_a_branch_of_its_own(shell: Shell, tmp_path: Path) -> None:
    """The branch changes that file alone, says the reason, old and new; main stays as it was."""
    tree, origin = Tree.at(tmp_path / "tree").root, tmp_path / "origin.git"
    folder = tree / "pipeline" / "baselines" / "golden"
    measured = tree / "results" / "measured" / "golden"
    measured.mkdir(parents=True)
    (measured / "gemma4_routing.json").write_bytes((folder / "gemma4_routing.json").read_bytes())
    _forget(folder, KEY)
    (tree / ".gitignore").write_text("results/\n")
    git(tree, "init", "--quiet", "--initial-branch", "main")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "The project")
    git(tree, "clone", "--quiet", "--bare", str(tree), str(origin))
    git(tree, "remote", "add", "origin", str(origin))
    sha = git(tree, "rev-parse", "HEAD")
    shell.cwd = tree
    given = {"ROW": "cpu", "KIND": "golden", "REASON": "a new $(shape)"}
    given |= {"BASE": "main", "GH_TOKEN": "token"}
    assert shell.run(BASELINE.jobs["propose"], {}, **given), shell.printed
    branch, file = "baseline/golden-cpu-1001-1", "pipeline/baselines/golden/gemma4_routing.json"
    assert git(origin, "rev-parse", "main") == git(origin, "rev-parse", f"{branch}^") == sha
    assert git(origin, "diff", "--name-only", "main", branch) == file
    message, title = git(origin, "log", "-1", "--format=%B", branch), "Bless the golden baselines"
    assert message.startswith(f"{title} of cpu\n\nBaselines of kind golden, measured")
    assert "\nReason: a new $(shape)\n" in message
    assert f"\n  {KEY}: nothing -> " in message
    assert message.endswith(shell.summary.strip())
    opened = f"--base main --head {branch} --title {title} of cpu --body-file results/body.md"
    assert shell.noted == [f"gh pr create {opened}"]
    assert not shell.run(BASELINE.jobs["propose"], {}, **given)
    assert "found no golden baseline of cpu that changes" in shell.printed


def _forget(folder: Path, key: str) -> None:
    """Takes one digest out of the golden digests in `folder`."""
    stored = golden.load("gemma4_routing", folder)
    assert stored
    digests = {name: digest for name, digest in stored.digests.items() if name != key}
    golden.write(stored.model_copy(update={"digests": digests}), folder)
