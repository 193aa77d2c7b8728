"""Another commit's files: of a small repository, by the names that a command line may give."""

from pathlib import Path
from typing import NoReturn

import pytest

from kernelproof.errors import Exit, UsageError
from kernelproof.machine import worktree as worktrees
from kernelproof.machine.worktree import between, commit_of, require_commit, subject_of, worktree
from tests.unit.machine.git_commands import git


class Repository:
    """A small repository: three commits on main, each of which writes its number to a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")
        self.commits = [self.commit(f"Write {n}", str(n)) for n in (1, 2, 3)]

    def git(self, *words: str) -> str:
        """Returns what git prints there."""
        return git(self.root, *words)

    def commit(self, subject: str, text: str) -> str:
        """The hash of one more commit."""
        (self.root / "file").write_text(text)
        self.git("add", "file")
        self.git("commit", "--quiet", "-m", subject)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """The repository that the commands take for their own."""
    monkeypatch.setattr(worktrees, "ROOT", tmp_path)
    return Repository(tmp_path)


def test_a_commit_has_many_names(repository: Repository) -> None:
    """All give its full hash; people know it by twelve digits and its subject, if it has one."""
    first, _, last = repository.commits
    repository.git("tag", "-a", "v1", "-m", "the first", first)
    names = ["HEAD", "main", last, last[:10], "@{0}"]
    assert [commit_of(name) for name in names] == [last] * len(names)
    assert [commit_of(name) for name in ("v1", "HEAD~2", "main^^")] == [first] * 3
    assert subject_of(first) == f"{first[:12]} Write 1"
    assert subject_of("f" * 40) == "f" * 12


def test_an_unknown_commit_is_refused(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files, ranges, names that nothing has; git is not asked for an option, which it may obey."""
    names = ["", "nowhere", "0" * 40, "HEAD~3", "HEAD:file", "main..HEAD", "^HEAD", "a b", "HEAD^@"]
    names += ["HEAD; touch x"]
    assert {commit_of(name) for name in names} == {None}
    assert require_commit("--against", "HEAD") == repository.commits[-1]
    monkeypatch.setattr(worktrees, "_git", lambda *_: pytest.fail("git was asked"))
    assert {commit_of(name) for name in ("-h", "--git-dir=/", "--upload-pack=x", "a\0b")} == {None}
    with pytest.raises(UsageError) as caught:
        require_commit("--against", "--all")
    expected = "expected a commit of this clone; fetch it, run again"
    assert str(caught.value) == f"--against: found '--all', {expected}"
    assert caught.value.exit == Exit.MATRIX


def test_between_are_the_commits_after_the_first(repository: Repository) -> None:
    """The oldest first, up to the last, along first parents: a merged branch is one step."""
    first, second, third = repository.commits
    assert between(first, third) == [second, third]
    assert between(third, third) == between(third, first) == []
    repository.git("checkout", "--quiet", "-b", "side", second)
    repository.commit("Aside", "3")
    repository.git("checkout", "--quiet", "main")
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge it", "side")
    assert between(second, "HEAD") == [third, repository.git("rev-parse", "HEAD")]


def _worktrees(repository: Repository) -> int:
    return repository.git("worktree", "list").count("\n") + 1


def test_a_worktree_has_the_files_of_its_commit(repository: Repository) -> None:
    """Beside a tree that stays as it is, and beside another one of the same commit."""
    (repository.root / "file").write_text("changed")
    with worktree(repository.commits[0]) as root, worktree(repository.commits[0]) as second:
        assert root != second
        assert (root / "file").read_text() == (second / "file").read_text() == "1"
        assert _worktrees(repository) == 3
    assert (repository.root / "file").read_text() == "changed"
    assert not any(folder.exists() for folder in (root.parent, second.parent))
    assert _worktrees(repository) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_worktree_is_removed_after_an_error(
    repository: Repository, error: type[BaseException]
) -> None:
    """Whatever was written in it meanwhile."""

    def fail(root: Path) -> NoReturn:
        (root / "file").write_text("dirty")
        (root / "more").write_text("new")
        raise error

    with pytest.raises(error), worktree(repository.commits[1]) as root:
        fail(root)
    assert not root.parent.exists()
    assert _worktrees(repository) == 1


@pytest.mark.usefixtures("repository")
def test_a_commit_that_has_no_tree_is_told() -> None:
    """The error names an unknown commit by its first twelve digits, and quotes git's own words."""
    with pytest.raises(UsageError) as caught, worktree("f" * 40):
        pytest.fail("there is no such tree")
    words = f"fatal: invalid reference: {'f' * 40}; fetch it, run again"
    assert str(caught.value) == f"{'f' * 12}: {words}"
