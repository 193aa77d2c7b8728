"""Workflow files as the tests read them, and a shell that runs the scripts of one job."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from kernelproof.plan.repository import ROOT

FOLDER = ROOT / ".github" / "workflows"
Block = Mapping[str, Any]

# Notes the command, then ends with 0, with CODE if the command names the session FAILS, or with 4
# if it is gh without a token.
_NOTING = """#!/usr/bin/env bash
echo "${0##*/} $*" >> "$NOTES"
echo "${2-}: noted"
if [[ ${0##*/} == gh && -z "${GH_TOKEN-}" ]]; then exit 4; fi
if [[ "${2-}" == "$FAILS"* ]]; then exit "$CODE"; fi
"""
_PYTHON = f"""#!/usr/bin/env bash
if [[ "$1 $2" != "-m pip" ]]; then exec "{sys.executable}" "$@"; fi
"""


@dataclass(frozen=True)
class WorkflowFile:
    """A file of `.github/workflows`, by its name and its text."""

    name: str
    text: str

    @cached_property
    def content(self) -> dict[str, Any]:
        """The parsed file; YAML 1.1 reads the key ``on`` as true."""
        content = dict(yaml.safe_load(self.text))
        return {"on" if key is True else key: value for key, value in content.items()}

    @property
    def triggers(self) -> dict[str, Any]:
        """The events that start the workflow, each with its settings."""
        events = self.content["on"]
        return dict(events) if isinstance(events, dict) else {str(events): None}

    @property
    def jobs(self) -> dict[str, Block]:
        """The jobs by their keys."""
        return dict(self.content["jobs"])

    @property
    def steps(self) -> Iterator[tuple[str, Block]]:
        """Yields each step with the key of its job."""
        for key, job in self.jobs.items():
            yield from ((key, step) for step in job.get("steps", []))

    @property
    def scripts(self) -> list[str]:
        """The scripts that its steps give to a shell."""
        return [step["run"] for _, step in self.steps if "run" in step]

    def step(self, name: str) -> dict[str, Any]:
        """Returns the first step of this name."""
        return dict(next(step for _, step in self.steps if step["name"] == name))


WORKFLOWS = {
    file.name: WorkflowFile(file.name, file.read_text(encoding="utf-8"))
    for file in sorted(FOLDER.glob("*.y*ml"))
}
CI, GPU, BASELINE, PAGES, NIGHTLY = (
    WORKFLOWS[f"{name}.yml"] for name in ("ci", "gpu", "baseline", "pages", "nightly")
)


def value_of(expression: str, inputs: Mapping[str, str]) -> Any:
    """Returns the value of an expression that Python reads as GitHub does, operators aside."""
    words = expression.replace("&&", " and ").replace("||", " or ")
    names: dict[str, Any] = dict.fromkeys(("always", "success"), lambda: True)
    names["inputs"] = SimpleNamespace(**inputs)
    return eval(words, {"__builtins__": {}}, names)  # noqa: S307  (of the project's own files)


@dataclass(kw_only=True)
class Shell:
    """A folder in which the scripts of jobs run, with `nox` and `gh` that only note their words.

    The session whose name begins with `failing` ends with `code`.
    """

    folder: Path
    cwd: Path = ROOT
    failing: str = "none"
    code: int = 1
    outputs: dict[str, str] = field(default_factory=dict)
    printed: str = ""

    def __post_init__(self) -> None:
        """Writes the commands that stand for those of a runner."""
        commands = self.folder / "bin"
        commands.mkdir(parents=True)
        for name, text in {"nox": _NOTING, "gh": _NOTING, "python": _PYTHON}.items():
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)

    @property
    def noted(self) -> list[str]:
        """The commands that were noted, without ``nox -s`` in front of sessions."""
        file = self.folder / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.removeprefix("nox -s ") for line in lines]

    @property
    def summary(self) -> str:
        """The step summaries."""
        file = self.folder / "summary"
        return file.read_text() if file.exists() else ""

    def run(self, job: Block, inputs: Mapping[str, str], **variables: str) -> bool:
        """Runs the scripts of a job in their order; returns whether each ended with 0.

        `variables` take the place of the steps' variables that are expressions. A script runs if
        its condition holds and, unless that says always(), no script before it has failed.
        """
        is_good = True
        for step in job["steps"]:
            condition = step.get("if", "success()")
            is_wanted = is_good or "always()" in condition
            if "run" in step and is_wanted and value_of(condition, inputs):
                is_good = self._script(step, variables) and is_good
        return is_good

    def _script(self, step: Block, variables: Mapping[str, str]) -> bool:
        """Runs one script by bash as GitHub does, with nothing of this process's environment."""
        output = self.folder / "output"
        output.write_text("")
        own = {
            name: variables[name] if "${{" in value else value
            for name, value in step.get("env", {}).items()
        }
        environment = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder),
            "NOTES": str(self.folder / "notes"),
            "FAILS": self.failing,
            "CODE": str(self.code),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_RUN_ID": "1001",
            "GITHUB_RUN_ATTEMPT": "1",
        }
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.cwd,
            env=environment | own,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.printed += ended.stdout + ended.stderr
        lines = [line.partition("=") for line in output.read_text().splitlines()]
        self.outputs |= {name: value for name, _, value in lines}
        return ended.returncode == 0
