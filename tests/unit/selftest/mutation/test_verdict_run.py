"""A run of the mutants of a small file of verdict code, and the tests that reach each mutant.

The run is a process in a copy of the tree, as coverage has to begin before the first import.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.plan.repository import python_path
from kernelproof.selftest.mutation.__main__ import main
from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.verdict_coverage import (
    CoverageRun,
    FileCoverage,
    MutantReach,
    RedTestsError,
    run_tests,
)
from tests.unit.extending.tree import Tree
from tests.unit.selftest.mutation.made_mutants import made_mutant

SOURCE = '''\
"""Code that makes verdicts."""

import os
import time

GOOD = ("pass", "same")


def is_good(word: str) -> bool:
    """Returns whether a word lets a build through."""
    return word in GOOD


def longest(words: list[str]) -> int:
    """Returns the letters of the longest word."""
    most = 0
    for word in words:
        if len(word) > most:
            most = len(word)
    return most


def share(part: int, of: int) -> float:
    """Returns a share in percent."""
    if not of:
        return 100.0
    return 100 * part / of


def wait(seconds: int) -> None:
    """Waits for no time."""
    if seconds == 3:
        time.sleep(60)


def stop(code: int) -> None:
    """Stops the process, never."""
    if code == 4:
        os.abort()


if __name__ == "__main__":
    print(is_good("pass"))
'''
TESTS = '''\
"""Tests of it."""

from kernelproof.toy import is_good, longest, share, stop, wait


def test_words() -> None:
    """Both kinds."""
    assert [is_good(word) for word in ("pass", "same", "fail")] == [True, True, False]


def test_longest() -> None:
    """Several words, and none."""
    assert (longest(["a", "abc", "ab"]), longest([])) == (3, 0)


def test_share() -> None:
    """One share."""
    assert share(1, 4)


def test_wait_and_stop() -> None:
    """Both return."""
    assert (wait(2), stop(3)) == (None, None)
'''
LIST = """\
files: [toy.py]
tests: [test_toy.py]
proofs:
  - concludes: equivalent
    tied_to: {toy.longest: "f5d2f5ee3d3a"}
    code: "len(word) > most"
    operator: comparison
    because: a word of as many letters has as many letters
"""
ENGINE = "pipeline/kernelproof/selftest/mutation"
TEST = "tests/unit/test_toy.py::test_"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """Returns a copy whose verdict code is one small file."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    (tree.root / "tests" / "unit").mkdir()
    (tree.root / "tests" / "unit" / "__init__.py").write_text('"""Tests."""\n')
    (tree.root / "tests" / "unit" / "test_toy.py").write_text(TESTS)
    (tree.root / "pipeline" / "kernelproof" / "toy.py").write_text(SOURCE)
    (tree.root / ENGINE / "verdicts.yaml").write_text(LIST)
    tree.replace(f"{ENGINE}/verdict_worker.py", "SECONDS_A_TEST = 20", "SECONDS_A_TEST = 1")
    return tree


def test_each_mutant_is_killed_by_a_test_or_blocks(tree: Tree, tmp_path: Path) -> None:
    """A test that fails, never ends or dies kills; a line that no test runs blocks, too."""
    command = ["kernelproof.selftest.mutation", "--of", "verdicts", "--results", str(tmp_path)]
    done = tree.python(*command)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "survived  toy.share.arithmetic.1"
    (line,) = (text for text in lines if text.startswith("pipeline/"))
    assert line.split()[:3] == ["pipeline/kernelproof/toy.py", "21", "10"]
    assert "not covered: pipeline/kernelproof/toy.py: lines 26, 33, 39; branches " in done.stdout
    assert (
        "\n  alone: nox -s mutants -- --of verdicts --mutant toy.share.arithmetic.1\n"
        in done.stdout
    )
    assert (tree.root / "pipeline" / "kernelproof" / "toy.py").read_text() == SOURCE
    run = json.loads((tmp_path / "verdict-mutants.json").read_text())
    killers = {
        mutant["id"]: (*mutant["killed_by"], mutant["status"])[0] for mutant in run["mutants"]
    }
    assert killers["toy.is_good.membership.1"]["case"] == f"{TEST}words"
    assert killers["toy.module.word.1"]["case"] == f"{TEST}words"
    assert killers["toy.longest.comparison.1"] == "equivalent"
    for name, reason in (("wait", "LateError: it takes over 1 s"), ("stop", "SIGABRT")):
        killer = killers[f"toy.{name}.comparison.1"]
        assert (killer["case"], killer["reason"]) == (f"{TEST}wait_and_stop", reason)


def test_red_tests_kill_nothing(tree: Tree) -> None:
    """The run ends with the first red test, since red tests would kill every mutant."""
    (tree.root / "tests" / "unit" / "test_red.py").write_text(TESTS.replace("(3, 0)", "(4, 0)"))
    request = {"files": ["toy.py"], "tests": ["tests/unit/test_red.py"]}
    with pytest.raises(RedTestsError) as caught:
        run_tests(tree.root, request, {**os.environ, "PYTHONPATH": python_path(tree.root)})
    message = "mutants: found tests/unit/test_red.py::test_longest to be red without any mutant: "
    assert str(caught.value).startswith(message)


def test_mutants_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`--list` with `--file` prints a line for each mutant of that file, and runs none."""
    assert main(["--of", "verdicts", "--list", "--file", "report/page_mutants.py"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("report.page_mutants.content.negation.1  ") for line in lines)
    assert all(line.startswith("report.page_mutants.") for line in lines)


def _mutant(text: str) -> Mutant:
    """Returns a mutant of the first place where this text stands."""
    start = SOURCE.index(text)
    line, column = SOURCE[:start].count("\n") + 1, start - SOURCE.rfind("\n", 0, start) - 1
    return replace(made_mutant(), line=line, place=(line, column, line, column + len(text)))


def test_a_mutant_meets_the_tests_that_run_its_statement() -> None:
    """The quickest first; of what an import runs, those beside what runs any of the file."""
    lines = {11: [1, 3], 25: [0, 1, 3], 26: [1], 27: [0]}
    seconds = {"a::middle": 3.0, "a::slow": 2.0, "c::other": 0.1, "b::quick": 1.0, "b::beside": 0.5}
    coverage = FileCoverage(
        statements=9, branches=2, missing_lines=[], missing_branches=[], tests=lines
    )
    run = CoverageRun(seconds=seconds, failed={}, files={"toy.py": coverage})
    reach = MutantReach("toy.py", SOURCE, run)
    for text, tests in {
        "word in GOOD": ["b::quick", "a::slow"],
        "100.0": ["a::slow"],
        "not of:\n": ["b::quick", "a::slow", "a::middle"],
        '"same"': ["b::beside", "b::quick", "a::slow", "a::middle"],
    }.items():
        assert [*reach.tests(_mutant(text))] == tests
