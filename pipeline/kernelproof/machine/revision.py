"""Which source a result came from: the commit, whether the tree was dirty, and its digest."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from kernelproof.plan.repository import ROOT

# What a result depends on; a change of anything else leaves it valid within its commit. Baselines
# are what results are judged by: blessing them must not undo the results they came from.
_PARTS = ("kernels", "pipeline", "tests/cells", "matrix.yaml", "pyproject.toml")
_SUFFIXES = frozenset({".py", ".yaml", ".txt", ".toml", ".json"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A state of the repository; without git, the commit is ``unknown`` and the tree dirty."""

    commit: str
    dirty: bool
    tree: str


def current(root: Path = ROOT) -> Source:
    """The state that the files under `root` are in."""
    commit = _git(root, "rev-parse", "HEAD")
    status = _git(root, "status", "--porcelain")
    return Source(
        commit=commit.strip() if commit else "unknown",
        dirty=commit is None or status is None or bool(status.strip()),
        tree=_digest(root),
    )


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None where it fails or is not there."""
    command = ["git", "-C", str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _digest(root: Path) -> str:
    """A sha256 over the names and contents of the files that results depend on."""
    total = hashlib.sha256()
    files = {file for part in _PARTS for file in ((root / part), *(root / part).rglob("*"))}
    for file in sorted(files):
        if file.is_file() and file.suffix in _SUFFIXES and "baselines" not in file.parts:
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()
