"""The revision of the source that a result is of: commit, uncommitted changes, digest of files."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernelproof.plan.repository import ROOT

# A result depends on these alone: a change of anything else leaves it valid within its commit.
# Baselines are no part: to bless them must not undo the results that they came from.
_PARTS = ("kernels", "pipeline", "tests/cells", "matrix.yaml", "pyproject.toml")
_SUFFIXES = frozenset({".py", ".yaml", ".txt", ".toml", ".json"})
_LEFT_OUT = "baselines"
_SECONDS_FOR_GIT = 60


@dataclass(frozen=True, kw_only=True)
class Revision:
    """A state of the repository's files; without git, the commit is ``unknown`` and it is dirty.

    `tree` is the sha256 digest of the files that results depend on.
    """

    commit: str
    dirty: bool
    tree: str


def current(root: Path = ROOT) -> Revision:
    """Returns the revision of the files under `root`."""
    commit = _output_of_git(root, "rev-parse", "HEAD")
    status = _output_of_git(root, "status", "--porcelain")
    return Revision(
        commit=commit.strip() if commit else "unknown",
        dirty=commit is None or status is None or bool(status.strip()),
        tree=_digest(root),
    )


def _output_of_git(root: Path, *arguments: str) -> str | None:
    """Returns the output of a git command, or None if git fails or is not installed."""
    command = ["git", "-C", str(root), *arguments]
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_FOR_GIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return process.stdout if process.returncode == 0 else None


def _digest(root: Path) -> str:
    """Returns a sha256 digest of the names and contents of the files that results depend on."""
    digest = hashlib.sha256()
    files = {file for part in _PARTS for file in ((root / part), *(root / part).rglob("*"))}
    for file in sorted(files):
        name = file.relative_to(root)
        if file.is_file() and file.suffix in _SUFFIXES and _LEFT_OUT not in name.parts:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            digest.update(f"{name.as_posix()} {content}\n".encode())
    return digest.hexdigest()
