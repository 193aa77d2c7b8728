"""The run of one tool: a process under the tool, within a time limit, and its output."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.schema import Row
from kernelproof.records import record_files
from kernelproof.run.child_process import ChildProcess
from kernelproof.selftest.sanitize.tools import SanitizerTool

# An allocation for each tensor: an access past the end of one is no access to a pool.
_NO_POOL = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}


class CaseAnswer(BaseModel):
    """The worker's JSON line on one case: its outcome, and the number of its launches."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    case: str
    outcome: Literal["pass", "fail", "error"]
    reason: str = ""
    launches: int


def answers_in(file: Path) -> Iterator[CaseAnswer]:
    """Yields the answers in a file up to half a line, which a process that died may leave."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    for line in lines:
        try:
            yield CaseAnswer.model_validate_json(line)
        except ValidationError:
            return


@dataclass(frozen=True, kw_only=True)
class ToolRun:
    """The output of a tool's process, whose exit code is None if it was killed at its limit."""

    tool: SanitizerTool
    limit: int
    seconds: float
    code: int | None
    log: str
    answers: tuple[CaseAnswer, ...]


@dataclass(frozen=True, kw_only=True)
class ToolRunner:
    """Runs tools over the cases of one row; writes logs and what the process prints to `folder`."""

    executable: Path
    name: str
    row: Row
    folder: Path
    limit: int
    root: Path = ROOT

    def run(self, tool: SanitizerTool, cases: Sequence[str]) -> ToolRun:
        """Runs one tool over these cases to its end."""
        log = self.folder / f"{tool.name}.log"
        record_files.make_folder(self.folder)
        log.unlink(missing_ok=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sanitize-") as place:
            file = Path(place) / "answers"
            worker = [sys.executable, "-m", "kernelproof.selftest.sanitize.sanitize_worker"]
            words = [self.name, tool.name, str(file), *cases]
            code = self._code(tool.command(self.executable, log, [*worker, *words]), tool)
            answers = tuple(answers_in(file))
        return ToolRun(
            tool=tool,
            limit=self.limit,
            seconds=round(time.monotonic() - started, 1),
            code=code,
            log=log.read_text(encoding="utf-8", errors="replace") if log.exists() else "",
            answers=answers,
        )

    def _code(self, command: Sequence[str], tool: SanitizerTool) -> int | None:
        """Returns the exit code of a tool's process, or None if it was killed at its limit."""
        path = {"PYTHONPATH": python_path()}
        with (
            (self.folder / f"{tool.name}.out").open("wb") as output,
            ChildProcess(
                command,
                cwd=self.root,
                env={**os.environ, **path, **self.row.environment, **_NO_POOL},
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as child,
        ):
            try:
                return child.wait(time.monotonic() + self.limit)
            except TimeoutError:
                return None
