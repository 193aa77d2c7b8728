"""What stands for GitHub: a repository, artifacts, and runners on which workflows run step by step.

Scripts are run by bash with the options, the variables and the files that GitHub gives them, in a
clone of the repository; actions are replaced by what they do here: clone, copy, or note.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelproof.plan.repository import ROOT
from tests.unit.extending.tree import Tree
from tests.unit.github.workflows import stand_ins

BRANCH = "main"
_IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def git(folder: Path, *arguments: str) -> str:
    """What git prints there."""
    command = ["git", "-C", str(folder), *_IDENTITY, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass(kw_only=True)
class Hub:
    """A repository at `origin`, and what its workflows leave."""

    folder: Path
    sessions: str = "parity report bless"
    codes: dict[str, int] = field(default_factory=dict)
    run: int = 1000
    attested: list[str] = field(default_factory=list)
    deployed: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, folder: Path) -> "Hub":
        """A fresh one, whose repository holds a copy of the project's, in one commit."""
        tree = Tree.at(folder / "tree")
        shutil.copy(ROOT / ".gitignore", tree.root / ".gitignore")
        git(tree.root, "init", "--quiet", "--initial-branch", BRANCH)
        hub = cls(folder=folder)
        hub.commit("The project")
        git(tree.root, "clone", "--quiet", "--bare", str(tree.root), str(hub.origin))
        git(tree.root, "remote", "add", "origin", str(hub.origin))
        stand_ins.write(folder / "bin")
        for name in ("jobs", "runs", "home"):
            (folder / name).mkdir()
        return hub

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.folder / "origin.git"

    @property
    def sha(self) -> str:
        """The commit that runs are of."""
        return git(self.folder / "tree", "rev-parse", "HEAD")

    @property
    def artifacts(self) -> Path:
        """Those of the present run, a folder each."""
        return self.folder / "runs" / str(self.run)

    @property
    def summary(self) -> str:
        """The present run's step summaries."""
        file = self.folder / f"summary-{self.run}"
        return file.read_text() if file.exists() else ""

    def noted(self) -> list[str]:
        """The lines that the stand-ins have noted since this was asked last."""
        file = self.folder / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def commit(self, subject: str) -> None:
        """Commits everything in the tree."""
        git(self.folder / "tree", "add", "--all")
        git(self.folder / "tree", "commit", "--quiet", "--message", subject)

    def push(self, subject: str) -> None:
        """Commits everything in the tree, and pushes it to the default branch."""
        self.commit(subject)
        git(self.folder / "tree", "push", "--quiet", "origin", BRANCH)

    def bash(
        self, script: str, cwd: Path, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Runs a script as GitHub does, in an environment that has nothing of this process's."""
        file = cwd.parent / "script.sh"
        file.write_text(script)
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        settings = {
            "PATH": path,
            "HOME": str(self.folder / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_RUN_ID": str(self.run),
            "GITHUB_RUN_ATTEMPT": "1",
            "GITHUB_SHA": self.sha,
            "GITHUB_WORKSPACE": str(cwd),
            "GITHUB_STEP_SUMMARY": str(self.folder / f"summary-{self.run}"),
            "RUNNER_TEMP": str(cwd.parent),
            "NOTES": str(self.folder / "notes"),
            "KEPT": str(self.folder / "runs"),
            "SESSIONS": self.sessions,
            "CODES": json.dumps(self.codes),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
            cwd=cwd,
            env={**settings, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def act(self, name: str, settings: Mapping[str, Any], cwd: Path) -> dict[str, str]:
        """Does what an action does, and returns its outputs; OSError where it fails."""
        if name == "checkout":
            depth = [] if settings.get("fetch-depth") == 0 else ["--depth", "1"]
            url = f"file://{self.origin}"
            git(cwd, "clone", "--quiet", *depth, "--branch", BRANCH, url, str(cwd))
        elif name == "upload-artifact":
            self._upload(cwd, settings)
        elif name == "upload-pages-artifact":
            self._upload(cwd, {"name": "github-pages", **settings}, is_new=True)
        elif name == "download-artifact":
            self._download(cwd, settings)
        elif name == "attest":
            found = [file.name for file in sorted(cwd.glob(settings["subject-path"]))]
            assert found, settings
            self.attested += found
        elif name == "deploy-pages":
            name = settings.get("artifact_name", "github-pages")
            self.deployed = sorted(file.name for file in (self.artifacts / name).iterdir())
            return {"page_url": "https://example.org"}
        else:
            assert name == "setup-python", f"{name}: an action that nothing stands for"
        return {}

    def _upload(self, cwd: Path, settings: Mapping[str, Any], *, is_new: bool = False) -> None:
        """Copies files; from the first wildcard of the path on, they keep their folders.

        Of two artifacts of one name, which only some actions can replace, nothing takes either.
        """
        if is_new and (self.artifacts / settings["name"]).exists():
            raise FileExistsError(settings["name"])
        pattern = settings["path"].rstrip("/")
        root = (
            cwd / pattern.partition("*")[0].rpartition("/")[0] if "*" in pattern else cwd / pattern
        )
        found = sorted(cwd.glob(pattern)) if "*" in pattern else sorted(root.rglob("*"))
        files = [file for file in found if file.is_file()]
        if not files and settings.get("if-no-files-found") != "warn":
            raise FileNotFoundError(pattern)
        for file in files:
            place = self.artifacts / settings["name"] / file.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)

    def _download(self, cwd: Path, settings: Mapping[str, Any]) -> None:
        """Copies one artifact, which has to be there, or all that match, into one folder."""
        if "pattern" in settings:
            assert settings["merge-multiple"] is True
            found = sorted(self.artifacts.glob(settings["pattern"]))
        else:
            found = [self.artifacts / settings["name"]]
        for folder in found:
            shutil.copytree(folder, cwd / settings["path"], dirs_exist_ok=True)
