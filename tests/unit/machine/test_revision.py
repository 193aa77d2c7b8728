"""The revision of a tree: its commit, uncommitted changes, and a digest of the files that count."""

from pathlib import Path

import pytest

from kernelproof.machine import revision
from kernelproof.plan.repository import ROOT
from tests.unit.machine.git_commands import git

MADE_OF = (
    "kernels/toy/kernel.py",
    "pipeline/kernelproof/machine/toolchains/cpu.txt",
    "pipeline/kernelproof/checks/verdicts.py",
    "pipeline/kernelproof/checks/parity/ask.py",
    "matrix.yaml",
    "pyproject.toml",
)
BESIDE = (
    "README.md",
    "tests/unit/checks/test_verdict.py",
    "results/parity/toy.json",
    "kernels/toy/notes.md",
    "kernels/toy/__pycache__/kernel.cpython-311.pyc",
    "pipeline/baselines/golden/toy.json",
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a small tree outside any repository, with a file in every place of interest."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    root = tmp_path / "tree"
    for name in (*MADE_OF, *BESIDE):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"the text of {name}\n")
    return root


@pytest.fixture
def repository(tree: Path) -> Path:
    """Returns the same tree with everything committed."""
    git(tree, "init", "--quiet")
    git(tree, "add", "--all", "--force")
    git(tree, "commit", "--quiet", "--message=Start")
    return tree


def test_without_git_the_commit_is_unknown(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree counts as dirty, since nothing says that it is not; its digest is the same."""
    digest = revision.current(repository).tree
    unknown = revision.Revision(commit="unknown", dirty=True, tree=digest)
    with monkeypatch.context() as without_git:
        without_git.setenv("PATH", "")
        assert revision.current(repository) == unknown
    (repository / ".git").rename(repository.parent / "moved")
    assert (revision.current(repository), len(digest)) == (unknown, 64)


@pytest.mark.parametrize("name", ["README.md", "kernels/toy/new.py"], ids=["changed", "untracked"])
def test_a_change_makes_the_tree_dirty(repository: Path, name: str) -> None:
    """A change of a file that git knows or of one that it does not; the commit stays."""
    commit = git(repository, "rev-parse", "HEAD")
    for is_dirty in (False, True):
        found = revision.current(repository)
        assert (found.commit, found.dirty) == (commit, is_dirty)
        (repository / name).write_text("changed\n")


def test_the_digest_sees_what_results_depend_on(tree: Path) -> None:
    """A file changed, renamed or removed gives another digest; undone, the same one again."""
    start = revision.current(tree).tree
    for name in MADE_OF:
        file, text = tree / name, (tree / name).read_text()
        file.write_text(text.upper())
        changed = revision.current(tree).tree
        moved = file.rename(file.with_name(f"other_{file.name}"))
        moved.write_text(text)
        renamed = revision.current(tree).tree
        moved.unlink()
        removed = revision.current(tree).tree
        file.write_text(text)
        # At the top, matrix.yaml and pyproject.toml count under their own names only.
        is_within = "/" in name
        assert len({start, changed, removed, renamed}) == (4 if is_within else 3), name
        assert is_within or renamed == removed, name
        assert revision.current(tree).tree == start


def test_the_digest_overlooks_what_is_beside_them(tree: Path, tmp_path: Path) -> None:
    """Prose, unit tests, results, baselines, compiled files and the tree's own path."""
    start, wrong = revision.current(tree), []
    for name in BESIDE:
        (tree / name).write_text("changed\n")
        wrong += [] if revision.current(tree) == start else [name]
    assert wrong == []
    elsewhere = tmp_path / "baselines" / "elsewhere"
    elsewhere.parent.mkdir()
    assert revision.current(tree.rename(elsewhere)) == start


def test_the_places_it_reads_are_those_of_this_tree(tmp_path: Path) -> None:
    """The digest depends on a file of each folder here: one that moved would go unseen."""
    empty = revision.current(tmp_path).tree
    package = "pipeline/kernelproof/measure/comparison.py"
    names = ("kernels/gemma4_routing/kernel.py", package, "tests/cells/test_parity.py")
    for name in (*names, "matrix.yaml", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        assert revision.current(tmp_path).tree != empty, name
        (tmp_path / name).unlink()
