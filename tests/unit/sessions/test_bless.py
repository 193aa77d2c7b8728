"""Blessing and reproducing, as their users do it, in a copy of the tree with the toy kernel."""

import subprocess
from pathlib import Path

import pytest

from tests.unit.extending.tree import Tree

CASE = "toy-cpu-fp32-N33-T40"
REASON = ("--reason", "the toy's first bits")


def _git(tree: Tree, *words: str) -> str:
    name = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    command = ["git", "-C", str(tree.root), *name, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _bless(tree: Tree, *arguments: str) -> tuple[int, str]:
    done = tree.python(
        "kernelproof.sessions.bless", "golden", "--row=cpu", "--kernel=toy", *arguments
    )
    return done.returncode, done.stderr or done.stdout


def _commit(tree: Tree) -> None:
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message", "Change it")


@pytest.fixture(scope="module")
def blessed(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """A repository whose toy was run and blessed, before that is committed."""
    tree = Tree.at(tmp_path_factory.mktemp("tree"))
    tree.add_toy()
    tree.replace("matrix.yaml", "golden: false", "golden: true")
    (tree.root / ".gitignore").write_text("__pycache__/\nresults/\n")
    _git(tree, "init", "--quiet")
    _commit(tree)
    tree.cells("parity", "--kernel=toy")
    done = tree.report("--row=cpu", "--kernel=toy")
    assert done.returncode == 1
    assert "golden: no blessed digest of fp32-N1-T0" in done.stdout
    code, said = _bless(tree, *REASON)
    assert (code, said.splitlines()[-1]) == (
        0,
        "pipeline/baselines/golden/toy.json: 12 of 12 digests blessed; commit it",
    )
    return tree


@pytest.fixture
def tree(blessed: Tree, tmp_path: Path) -> Tree:
    """A copy of it, with its results."""
    subprocess.run(["cp", "-R", f"{blessed.root}/.", str(tmp_path)], check=True)
    return Tree(root=tmp_path)


def test_what_is_blessed_is_good(tree: Tree) -> None:
    """The results it came from stay results of this source, and nothing else was written."""
    assert tree.report("--row=cpu", "--kernel=toy").returncode == 0
    changed = _git(tree, "status", "--porcelain", "--untracked-files=all")
    assert changed == "?? pipeline/baselines/golden/toy.json\n"


def test_a_dirty_tree_is_refused(tree: Tree) -> None:
    """Its bits are nobody's."""
    told = "found uncommitted changes, expected a clean tree: commit them, run parity again\n"
    assert _bless(tree, *REASON) == (1, told)


@pytest.mark.parametrize("reason", ["", "  "])
def test_an_empty_reason_is_refused(tree: Tree, reason: str) -> None:
    """Whoever reads the history has to find one."""
    told = "--reason: found nothing, expected why the baseline may be another one\n"
    assert _bless(tree, "--reason", reason) == (1, told)


def test_results_of_another_commit_are_refused(tree: Tree) -> None:
    """They are run again first; then there is nothing to bless."""
    _commit(tree)
    code, said = _bless(tree, *REASON)
    assert code == 1
    assert said.startswith("found 12 of 12 cases that do not pass, expected none: missing toy-cpu-")
    tree.cells("parity", "--kernel=toy")
    told = "toy: nothing to bless, all 12 digests are those of the results\n"
    assert _bless(tree, *REASON) == (0, told)


def test_a_definition_that_moved_is_told_and_can_be_blessed(tree: Tree) -> None:
    """Kernel and reference agree on other bits: red, until somebody says why that is right."""
    for file in ("kernel.py", "reference.py"):
        path = tree.root / "kernels" / "toy" / file
        path.write_text(path.read_text().replace("* scale", "* 2.0 * scale"))
    _commit(tree)
    tree.cells("parity", "--kernel=toy")
    done = tree.report("--row=cpu", "--kernel=toy", f"--case={CASE}")
    assert done.returncode == 1
    assert "golden: the definition moved" in done.stdout
    code, said = _bless(tree, "--reason", "twice the toy")
    assert code == 0, said
    text = (tree.root / "pipeline/baselines/golden/toy.json").read_text()
    assert '"reason":"twice the toy"' in text
    assert '"reason":"the toy\'s first bits"' in text
    assert '"was":"' in text
    assert tree.report("--row=cpu", "--kernel=toy").returncode == 0


def test_a_record_is_reproduced(tree: Tree) -> None:
    """From its file or its id: the same bits, and what differs between the two runs."""
    _commit(tree)
    file = tree.root / "results" / "parity" / f"{CASE}.json"
    for result in (str(file), CASE):
        done = tree.python("kernelproof.sessions.reproduce", "--this-python", "--row=cpu", result)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        assert lines[:3] == [f"{CASE}: running it here", "here      pass", "recorded  pass"]
        assert [line.split(",")[0] for line in lines[3:5]] == [
            "inputs    same bits",
            "outputs   same bits",
        ]
        assert lines[5] == "conditions that differ, the most telling first:"
        assert lines[6].startswith("  commit: ")


def test_other_bits_and_conditions_are_told(tree: Tree) -> None:
    """A record that claims other bits, from another machine; --at-commit runs its own commit."""
    _commit(tree)
    file = tree.root / "results" / "parity" / f"{CASE}.json"
    text = file.read_text().replace('"python": "3.', '"python": "2.')
    digest = text.partition('"digest": "')[2][:64]
    file.write_text(text.replace(digest, "f" * 64))
    done = tree.python(
        "kernelproof.sessions.reproduce", "--this-python", "--row=cpu", "--at-commit", CASE
    )
    assert done.returncode == 1, done.stderr
    assert f"outputs   other bits: {'f' * 64} -> {digest}" in done.stdout
    assert "  machine.python: 2." in done.stdout
    assert "  commit: " not in done.stdout
    assert _git(tree, "worktree", "list").count("\n") == 1


@pytest.mark.parametrize(
    ("result", "code", "told"),
    [
        (
            "toy-cpu-fp32-N33-T41",
            2,
            "result: found 'toy-cpu-fp32-N33-T41', expected a record's file or",
        ),
        ("none.json", 3, "result: "),
        ("pyproject.toml", 2, "result: found 'pyproject.toml', expected"),
    ],
    ids=["unknown case", "no file", "no record"],
)
def test_what_cannot_be_reproduced(tree: Tree, result: str, code: int, told: str) -> None:
    """One clear line."""
    done = tree.python("kernelproof.sessions.reproduce", "--this-python", "--row=cpu", result)
    assert done.returncode == code
    assert done.stderr.startswith(told)
    assert "Traceback" not in done.stderr
