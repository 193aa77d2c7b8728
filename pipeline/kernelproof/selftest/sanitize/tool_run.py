"""One tool's run: a process under it, for so many seconds at most, and what it leaves."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.schema import Row
from kernelproof.records import record_files
from kernelproof.run.child_process import ChildProcess
from kernelproof.selftest.sanitize.case_answer import Answer, answers_in
from kernelproof.selftest.sanitize.tools import Tool


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a tool's process has left: its exit code, or None where it was ended for its time."""

    tool: Tool
    limit: int
    seconds: float
    code: int | None
    log: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Runs tools over the cases of one row; logs, and what the process prints, go to `folder`."""

    executable: Path
    name: str
    row: Row
    folder: Path
    limit: int
    root: Path = ROOT

    def run(self, tool: Tool, cases: Sequence[str]) -> Run:
        """One tool over these cases, from start to end."""
        log = self.folder / f"{tool.name}.log"
        record_files.make_folder(self.folder)
        log.unlink(missing_ok=True)
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sanitize-") as place:
            file = Path(place) / "answers"
            worker = [sys.executable, "-m", "kernelproof.selftest.sanitize.sanitize_worker"]
            asked = [self.name, tool.name, str(file), *cases]
            code = self._code(tool.command(self.executable, log, [*worker, *asked]), tool)
            answers = tuple(answers_in(file))
        return Run(
            tool=tool,
            limit=self.limit,
            seconds=round(time.monotonic() - started, 1),
            code=code,
            log=log.read_text(encoding="utf-8", errors="replace") if log.exists() else "",
            answers=answers,
        )

    def _code(self, command: Sequence[str], tool: Tool) -> int | None:
        """Returns the exit code of a tool's process, or None if it was killed at its limit."""
        # An allocation a tensor: one past the end of another's is no access to a pool.
        alone = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
        with (
            (self.folder / f"{tool.name}.out").open("wb") as output,
            ChildProcess(
                command,
                cwd=self.root,
                env={**os.environ, "PYTHONPATH": python_path(), **self.row.environment, **alone},
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as child,
        ):
            try:
                return child.wait(time.monotonic() + self.limit)
            except TimeoutError:
                return None
