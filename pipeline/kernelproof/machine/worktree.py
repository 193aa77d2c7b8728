"""Worktrees: the files of another commit beside this tree, for as long as they are needed."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelproof.errors import UsageError
from kernelproof.plan.repository import ROOT

_HASH = re.compile(r"[0-9a-f]{40,64}")


def commit_of(name: str) -> str | None:
    """Returns the full hash of a commit by any of its names, or None if this clone has none."""
    if name.startswith("-") or "\0" in name:
        return None
    done = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    commit = done.stdout.strip()  # two hashes for a range, and a marked one for ^HEAD
    return commit if _HASH.fullmatch(commit) else None


def require_commit(option: str, name: str) -> str:
    """Returns the full hash of a commit; raises UsageError if this clone has none of the name."""
    if commit := commit_of(name):
        return commit
    message = f"{option}: found {name!r}, expected a commit of this clone; fetch it, run again"
    raise UsageError(message)


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """Yields the folder of a worktree of this commit; raises UsageError if git makes none."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        added = _git("worktree", "add", "--detach", str(root), commit)
        if added.returncode:
            message = f"{commit[:12]}: {added.stderr.strip()}; fetch it, run again"
            raise UsageError(message)
        try:
            yield root
        finally:
            _git("worktree", "remove", "--force", str(root))


def between(good: str, bad: str) -> list[str]:
    """Returns the commits after `good` up to `bad`, the oldest first, along first parents."""
    done = _git("rev-list", "--reverse", "--first-parent", f"{good}..{bad}")
    return done.stdout.split()


def subject_of(commit: str) -> str:
    """Returns a commit as people know it: ``c4fd0a0cc595 Keep the tensor first``."""
    done = _git("log", "-1", "--format=%h %s", "--abbrev=12", commit)
    return done.stdout.strip() or commit[:12]


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
