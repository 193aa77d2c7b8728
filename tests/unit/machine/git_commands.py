"""Git commands in a repository of a test."""

import subprocess
from pathlib import Path


def git(folder: Path, *words: str) -> str:
    """Runs git in a folder as some author who signs nothing; returns what it prints."""
    author = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgSign=false"]
    command = ["git", "-C", str(folder), *author, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
