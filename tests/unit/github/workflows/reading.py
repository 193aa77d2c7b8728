"""Workflows as they are read: triggers, jobs, steps, and the machines that each job can run on."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import yaml

from kernelproof.plan import cases, schedule
from kernelproof.plan.repository import ROOT

FOLDER = ROOT / ".github" / "workflows"
HOSTED = frozenset({"ubuntu-24.04"})
UNKNOWN = "?"
Block = Mapping[Any, Any]

_PLANNED = re.compile(r"\$\{\{ fromJSON\(needs\.(\w+)\.outputs\.(\w+)\) \}\}")
_OUTPUT = re.compile(r"\$\{\{ steps\.(\w+)\.outputs\.(\w+) \}\}")
_CALLED = re.compile(r"\$/\.github/workflows/([a-z-]+\.yml)")


@dataclass(frozen=True)
class Workflow:
    """One file of .github/workflows, by name and text."""

    name: str
    text: str

    @cached_property
    def content(self) -> Block:
        """The whole; YAML 1.1 reads the key ``on`` as true."""
        content = dict(yaml.safe_load(self.text))
        content["on"] = content.pop(True)
        return content

    @property
    def triggers(self) -> dict[str, Any]:
        """What starts it, with the settings of each."""
        on = self.content["on"]
        if isinstance(on, str):
            return {on: None}
        return dict.fromkeys(on) if isinstance(on, list) else dict(on)

    @property
    def jobs(self) -> dict[str, Block]:
        """Its jobs, by their keys."""
        return dict(self.content["jobs"])

    @property
    def steps(self) -> Iterator[tuple[str, Block]]:
        """Each step, with its job's key."""
        for key, job in self.jobs.items():
            for step in job.get("steps", []):
                yield key, step

    @property
    def scripts(self) -> list[str]:
        """What its steps give to a shell."""
        return [step["run"] for _, step in self.steps if "run" in step]

    @property
    def calls(self) -> dict[str, str]:
        """The files of the workflows that its jobs call, by job; UNKNOWN for one elsewhere."""
        called = {key: job["uses"] for key, job in self.jobs.items() if "uses" in job}
        matches = {key: _CALLED.fullmatch(uses) for key, uses in called.items()}
        return {key: match[1] if match else UNKNOWN for key, match in matches.items()}

    def labels(self, key: str) -> set[str]:
        """The labels of every machine that a job can ask for, UNKNOWN for what is not followed.

        A job that calls a workflow asks for none itself.
        """
        job = self.jobs[key]
        if "uses" in job:
            return set()
        runs_on = job.get("runs-on")
        if not isinstance(runs_on, str | list):
            return {UNKNOWN}
        labels: set[str] = set()
        for label in [runs_on] if isinstance(runs_on, str) else runs_on:
            if "${{" not in label:
                labels.add(label)
            elif label == "${{ matrix.row.runner }}" and self._is_planned(job):
                labels |= planned_labels()
            else:
                labels.add(UNKNOWN)
        return labels

    def _is_planned(self, job: Block) -> bool:
        """Whether a job's rows are what kernelproof.plan.schedule prints: from its job through its step."""
        matrix = job.get("strategy", {}).get("matrix", {})
        found = _PLANNED.fullmatch(str(matrix.get("row", "")))
        planner = self.jobs.get(found[1], {}) if found and set(matrix) == {"row"} else {}
        output = _OUTPUT.fullmatch(planner.get("outputs", {}).get(found[2], "")) if found else None
        scripts = [
            step.get("run", "")
            for step in planner.get("steps", [])
            if output and step.get("id") == output[1]
        ]
        wanted = f'{output[2]}="$(python -m kernelproof.plan.schedule' if output else UNKNOWN
        return len(scripts) == 1 and scripts[0].startswith(wanted)


@cache
def planned_labels() -> frozenset[str]:
    """Those of every row that may be planned; baseline.yml asks for rows without a GPU, too."""
    entries = schedule.schedule(cases.Selection(), kind="golden")
    return frozenset(name for entry in entries for name in entry["runner"])


def texts() -> dict[str, str]:
    """The text of every workflow, by the name of its file."""
    files = sorted(FOLDER.glob("*.y*ml"))
    return {file.name: file.read_text(encoding="utf-8") for file in files}


def workflows(of: Mapping[str, str] | None = None) -> dict[str, Workflow]:
    """Every workflow, by the name of its file: those of `of`, or the project's."""
    given = texts() if of is None else of
    return {name: Workflow(name, text) for name, text in given.items()}
