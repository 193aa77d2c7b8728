"""Another commit's files, beside this tree, for as long as they are needed."""

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
    """The full hash of a commit that this clone has, by any of its names, or None."""
    if name.startswith("-") or "\0" in name:
        return None
    done = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    found = done.stdout.strip()  # of a range it says two, of ^HEAD what it leaves out
    return found if _HASH.fullmatch(found) else None


def require_commit(option: str, name: str) -> str:
    """The full hash of a commit; UsageError where this clone has none of this name."""
    if found := commit_of(name):
        return found
    message = f"{option}: found {name!r}, expected a commit of this clone; fetch it, run again"
    raise UsageError(message)


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """The folder of a worktree of this commit; UsageError where git makes none."""
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
    """The commits after `good` up to `bad`, the oldest first, along first parents."""
    done = _git("rev-list", "--reverse", "--first-parent", f"{good}..{bad}")
    return done.stdout.split()


def subject_of(commit: str) -> str:
    """``c4fd0a0cc595 Keep the tensor first``."""
    done = _git("log", "-1", "--format=%h %s", "--abbrev=12", commit)
    return done.stdout.strip() or commit[:12]


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False
    )
