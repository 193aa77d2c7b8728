"""The source of a result: the commit, whether the tree was dirty, and a digest of its files."""

import subprocess
from pathlib import Path

import pytest

from kernelproof.machine import revision
from kernelproof.plan.repository import ROOT

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
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small tree outside any repository, with a file in every place of interest."""
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
    """The same tree with everything committed."""
    _git(tree, "init", "--quiet")
    _git(tree, "add", "--all", "--force")
    _git(tree, "commit", "--quiet", "--message=Start")
    return tree


def _git(root: Path, *arguments: str) -> str:
    settings = ["user.name=Someone", "user.email=someone@example.org", "commit.gpgSign=false"]
    options = [part for setting in settings for part in ("-c", setting)]
    command = ["git", "-C", str(root), *options, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_without_a_repository_the_commit_is_unknown(tree: Path) -> None:
    """And the tree counts as dirty, since nothing says that it is not."""
    state = revision.current(tree)
    assert (state.commit, state.dirty, len(state.tree)) == ("unknown", True, 64)


def test_without_git_the_commit_is_unknown(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has the files alone still gives them their digest."""
    digest = revision.current(repository).tree
    monkeypatch.setenv("PATH", "")
    wanted = revision.Revision(commit="unknown", dirty=True, tree=digest)
    assert revision.current(repository) == wanted


def test_a_commit_without_changes_is_clean(repository: Path) -> None:
    """Its 40 digits are those of git."""
    state = revision.current(repository)
    assert (state.commit, state.dirty) == (_git(repository, "rev-parse", "HEAD"), False)


@pytest.mark.parametrize("name", ["README.md", "kernels/toy/new.py"], ids=["changed", "untracked"])
def test_a_change_makes_the_tree_dirty(repository: Path, name: str) -> None:
    """Whether git knows the file or not; the commit stays."""
    before = revision.current(repository)
    (repository / name).write_text("changed\n")
    after = revision.current(repository)
    assert (after.commit, after.dirty) == (before.commit, True)


@pytest.mark.parametrize("name", MADE_OF)
def test_the_digest_sees_what_results_depend_on(tree: Path, name: str) -> None:
    """A file changed, renamed or removed gives another digest; undone, the same one again."""
    file, text = tree / name, (tree / name).read_text()
    before = revision.current(tree).tree
    file.write_text(text.upper())
    changed = revision.current(tree).tree
    file.unlink()
    removed = revision.current(tree).tree
    file.with_name(f"other_{file.name}").write_text(text)
    renamed = revision.current(tree).tree
    file.with_name(f"other_{file.name}").unlink()
    file.write_text(text)
    assert revision.current(tree).tree == before
    distinct = {before, changed, removed}
    assert len(distinct) == 3
    # At the top, matrix.yaml and pyproject.toml count under their own names only.
    assert renamed == removed if "/" not in name else renamed not in distinct


@pytest.mark.parametrize("name", BESIDE)
def test_the_digest_overlooks_what_is_beside_them(tree: Path, name: str) -> None:
    """Prose, unit tests, results and compiled files leave a result valid."""
    before = revision.current(tree).tree
    (tree / name).write_text("changed\n")
    assert revision.current(tree).tree == before


def test_the_digest_is_that_of_the_files_wherever_they_are(tree: Path, tmp_path: Path) -> None:
    """A result of one machine is good on another, where the checkout has another path."""
    before = revision.current(tree)
    assert revision.current(tree.rename(tmp_path / "elsewhere")) == before


@pytest.mark.parametrize(
    "name",
    [
        "kernels/gemma4_routing/kernel.py",
        "pipeline/kernelproof/measure/comparison.py",
        "pipeline/kernelproof/run/case_plugin.py",
    ],
)
def test_the_places_it_reads_are_those_of_this_tree(name: str, tmp_path: Path) -> None:
    """The parts that it names exist here: a folder that moved would go unseen."""
    (tmp_path / name).parent.mkdir(parents=True)
    empty = revision.current(tmp_path).tree
    (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    assert revision.current(tmp_path).tree != empty
