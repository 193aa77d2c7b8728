"""The judge of the judge, run as a user runs it, on a file that judges in a copy of the tree."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.unit.extending.tree import Tree

JUDGE = '''\
"""Judges."""

GOOD = ("pass", "same")


def is_good(word: str) -> bool:
    """Whether a word lets a build through."""
    return word in GOOD


def longest(words: list[str]) -> int:
    """The letters of the longest word."""
    most = 0
    for word in words:
        if len(word) > most:
            most = len(word)
    return most


def share(part: int, of: int) -> float:
    """In percent."""
    if not of:
        return 100.0
    return 100 * part / of


if __name__ == "__main__":
    print(is_good("pass"))
'''
TESTS = '''\
"""Asks it."""

from pipeline.toy import is_good, longest, share


def test_words() -> None:
    """Of both kinds."""
    assert [is_good(word) for word in ("pass", "same", "fail")] == [True, True, False]


def test_longest() -> None:
    """Of several, and of none."""
    assert (longest(["a", "abc", "ab"]), longest([])) == (3, 0)


def test_share() -> None:
    """Of some, and of none."""
    assert (share(1, 4), share(0, 0)) == (25, 100)
'''
LISTED = """\
files: [toy.py]
tests: [test_toy.py]
proofs:
  - concludes: equivalent
    tied_to: {toy.longest: "4a7b01834ad6"}
    code: "len(word) > most"
    operator: comparison
    because: a word of as many letters has as many letters
"""


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A copy whose judging code is one small file."""
    tree = Tree.at(tmp_path / "tree")
    (tree.root / "tests" / "unit").mkdir()
    (tree.root / "tests" / "unit" / "__init__.py").write_text('"""Tests."""\n')
    (tree.root / "tests" / "unit" / "test_toy.py").write_text(TESTS)
    (tree.root / "pipeline" / "toy.py").write_text(JUDGE)
    (tree.root / "pipeline" / "judged" / "judged.yaml").write_text(LISTED)
    return tree


def _judged(tree: Tree, *arguments: str) -> subprocess.CompletedProcess[str]:
    return tree.python("kernelproof.selftest.verdict_mutation", "--workers", "2", *arguments)


def test_what_is_covered_and_killed_is_good(tree: Tree) -> None:
    """Exit code 0; every mutant has its record, and the file is as it was."""
    done = _judged(tree)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    head, line, *_ = done.stdout.splitlines()
    assert head.split()[4:] == ["mutants", "killed", "equivalent", "seconds"]
    assert line.split()[:5] == ["pipeline/toy.py", "13", "6", "100.0", "%"]
    assert "; 1 equivalent by proof\nGOOD: " in done.stdout
    assert (tree.root / "pipeline" / "toy.py").read_text() == JUDGE
    whole = json.loads((tree.root / "results" / "judge.json").read_text())
    assert whole["score"]["killed"] == whole["score"]["of"] == len(whole["mutants"]) - 1
    by = {one["id"]: one["killed_by"][0]["test"] for one in whole["mutants"] if one["killed_by"]}
    assert by["toy.is_good.membership.1"] == "tests/unit/test_toy.py::test_words"
    assert by["toy.module.word.1"] == "tests/unit/test_toy.py::test_words"


def test_what_no_test_runs_or_tells_blocks(tree: Tree) -> None:
    """The branch and the line by their numbers, the mutant with its change and its command."""
    tree.replace("tests/unit/test_toy.py", "(share(1, 4), share(0, 0)) == (25, 100)", "share(1, 4)")
    done = _judged(tree)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "not covered: pipeline/toy.py: lines 23; branches 22 -> 23\n" in done.stdout
    assert (
        "survived toy.share.arithmetic.1 (arithmetic, pipeline/toy.py:24)\n"
        "  1 cases pass\n"
        "  -    return 100 * part / of\n"
        "  +    return 100 + part / of\n"
        "  alone: nox -s judge -- --mutant toy.share.arithmetic.1\n"
    ) in done.stdout
    alone = _judged(tree, "--mutant", "toy.is_good.membership.1")
    assert alone.stdout.startswith("killed toy.is_good.membership.1 (membership, ")
    assert "tests/unit/test_toy.py::test_words: assert [" in alone.stdout


@pytest.mark.parametrize(
    ("does", "why"),
    [("pass", "LateError: it takes over 2 s"), ("os.abort()", "SIGABRT")],
    ids=["hangs", "dies"],
)
def test_a_mutant_without_an_answer(tree: Tree, does: str, why: str) -> None:
    """A test that never ends, or whose process dies, is seen by whoever runs it."""
    loop = f"import os\n\n    while GOOD == 1:\n        {does}\n    return word in GOOD"
    (tree.root / "pipeline" / "toy.py").write_text(JUDGE.replace("return word in GOOD", loop))
    tree.replace(
        "pipeline/kernelproof/selftest/verdict_mutation/verdict_worker.py",
        "SECONDS_A_TEST = 20",
        "SECONDS_A_TEST = 2",
    )
    done = _judged(tree, "--mutant", "toy.is_good.comparison.1")
    assert done.stdout.startswith("killed toy.is_good.comparison.1 "), done.stdout + done.stderr
    assert done.stdout.splitlines()[1].endswith(why)
    assert "score: 1 of 1 killed" in done.stdout


def test_red_tests_judge_nothing(tree: Tree) -> None:
    """They would kill every mutant."""
    tree.replace("tests/unit/test_toy.py", "(3, 0)", "(4, 0)")
    done = _judged(tree)
    assert (done.returncode, done.stdout) == (1, "")
    said = "judge: found tests/unit/test_toy.py::test_longest to be red without any mutant: "
    assert done.stderr.startswith(said), done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--file", "toi.py"],
            "--file: found 'toi.py', expected a file's name; did you mean 'toy.py'?",
        ),
        (["--mutant", "toy.x"], "--mutant: found 'toy.x', expected a mutant's name; "),
    ],
)
def test_unknown_names_are_told(tree: Tree, arguments: list[str], said: str) -> None:
    """With what was meant; nothing runs."""
    done = _judged(tree, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)


def test_mutants_are_listed(tree: Tree) -> None:
    """A line each, without a run."""
    done = _judged(tree, "--list", "--file", "toy.py")
    assert "toy.is_good.membership.1  'in' -> 'not in'" in done.stdout.splitlines()
