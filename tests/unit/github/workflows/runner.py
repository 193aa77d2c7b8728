"""Runs one workflow, job by job and step by step, with what stands for GitHub."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.unit.github.workflows.expression import evaluate, resolved, shown
from tests.unit.github.workflows.hub import BRANCH, Hub
from tests.unit.github.workflows.reading import Block, Workflow, workflows


@dataclass(kw_only=True)
class Run:
    """One run of a workflow: what started it, and what became of each job.

    `rows` takes the place of the rows that were planned; jobs in `lost` have no runner that comes.
    """

    hub: Hub
    workflow: Workflow
    event: str
    branch: str = BRANCH
    inputs: Mapping[str, Any] = field(default_factory=dict)
    rows: str = ""
    lost: frozenset[str] = frozenset()
    results: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    number: int = 0
    attempt: int = 1

    def start(self) -> "Run":
        """Runs every job, in the order of the file."""
        for key, job in self.workflow.jobs.items():
            needs = job.get("needs", [])
            needed = {name: self.results[name] for name in [needs] if isinstance(needs, str)}
            needed |= {name: self.results[name] for name in needs if not isinstance(needs, str)}
            is_good = set(needed.values()) <= {"success"}
            if not self._is_wanted(job, self._contexts(needed), is_good=is_good):
                self.results[key] = "skipped"
            elif key in self.lost:
                self.results[key] = "failure"
            elif "uses" in job:
                self._call(key, job, self._contexts(needed))
            else:
                self._run(key, job, self._contexts(needed))
        return self

    def _contexts(self, needed: Mapping[str, str]) -> dict[str, Any]:
        repository = {"default_branch": BRANCH}
        needs = {
            name: {"result": result, "outputs": self.outputs.get(name, {})}
            for name, result in needed.items()
        }
        return {
            "github": {
                "event_name": self.event,
                "ref": f"refs/heads/{self.branch}",
                "run_id": self.hub.run,
                "run_attempt": self.attempt,
                "token": "the run's token",
                "event": {"repository": repository},
            },
            "inputs": self.inputs,
            "needs": needs,
        }

    @staticmethod
    def _is_wanted(part: Block, contexts: Mapping[str, Any], *, is_good: bool) -> bool:
        """Whether a job or step runs: success() stands before every condition without a status."""
        functions = {
            "always": lambda: True,
            "cancelled": lambda: False,
            "failure": lambda: not is_good,
            "success": lambda: is_good,
        }
        condition = str(part.get("if", "success()"))
        is_open = any(f"{name}(" in condition for name in functions)
        return bool(evaluate(condition, contexts, functions)) and (is_open or is_good)

    def _call(self, key: str, job: Block, contexts: Mapping[str, Any]) -> None:
        called = Run(
            hub=self.hub,
            workflow=workflows()[self.workflow.calls[key]],
            event=self.event,
            branch=self.branch,
            inputs=resolved(job["with"], contexts),
            attempt=self.attempt,
        ).start()
        self.said.update(called.said)
        is_good = set(called.results.values()) == {"success"}
        self.results[key] = "success" if is_good else "failure"

    def _run(self, key: str, job: Block, contexts: Mapping[str, Any]) -> None:
        """Runs a job once for each row of its matrix."""
        rows = resolved(job.get("strategy", {}).get("matrix", {}), contexts).get("row", [None])
        ends = []
        for number, row in enumerate(rows):
            place = self.hub.folder / "jobs" / f"{self.hub.run}-{self.attempt}-{key}-{number}"
            (place / "work").mkdir(parents=True)
            outputs, is_good = self._steps(key, job, {**contexts, "matrix": {"row": row}}, place)
            ends.append(is_good)
            self.outputs[key] = resolved(job.get("outputs", {}), {**contexts, "steps": outputs})
            if self.rows and key == "plan" and is_good:
                self.outputs[key]["rows"] = self.rows
        self.results[key] = "success" if all(ends) else "failure"

    def _steps(
        self, key: str, job: Block, contexts: Mapping[str, Any], place: Path
    ) -> tuple[dict[str, Any], bool]:
        """The outputs of a job's steps, and whether all of them ended well."""
        outputs: dict[str, Any] = {}
        is_good = True
        for step in job["steps"]:
            known = {**contexts, "steps": outputs, "runner": {"temp": str(place)}}
            if self._is_wanted(step, known, is_good=is_good):
                given, is_fine = self._step(key, step, known, place)
                is_good = is_good and is_fine
                if "id" in step:
                    outputs[step["id"]] = {"outputs": given}
        return outputs, is_good

    def _step(
        self, key: str, step: Block, contexts: Mapping[str, Any], place: Path
    ) -> tuple[dict[str, str], bool]:
        work, output = place / "work", place / "output"
        if "uses" in step:
            name = step["uses"].removeprefix("actions/").partition("@")[0]
            try:
                return self.hub.act(name, resolved(step.get("with", {}), contexts), work), True
            except OSError as error:
                self.said[key] = f"{self.said.get(key, '')}{step['name']}: {error}\n"
                return {}, False
        env = {
            name: shown(resolved(value, contexts)) for name, value in step.get("env", {}).items()
        }
        output.write_text("")
        done = self.hub.bash(step["run"], work, {**env, "GITHUB_OUTPUT": str(output)})
        self.said[key] = f"{self.said.get(key, '')}{done.stdout}{done.stderr}"
        lines = [line.partition("=") for line in output.read_text().splitlines()]
        return {name: value for name, _, value in lines}, done.returncode == 0


def start(hub: Hub, name: str, event: str, **settings: Any) -> Run:
    """What became of a run of ``<name>.yml``, in a run of its own number."""
    hub.run += 1
    run = Run(hub=hub, workflow=workflows()[f"{name}.yml"], event=event, **settings)
    return replace(run.start(), number=hub.run)


def again(run: Run) -> Run:
    """Every job of the last run once more, beside the artifacts that it left."""
    fresh = replace(run, attempt=run.attempt + 1, results={}, outputs={}, said={})
    return fresh.start()


def sessions(hub: Hub) -> list[str]:
    """The sessions of nox that were noted, with their words."""
    lines = [line for line in hub.noted() if line.startswith("nox -s ")]
    return [line.removeprefix("nox -s ") for line in lines]
