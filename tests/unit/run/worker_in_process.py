"""A worker that runs in this process: its messages, and the records that it leaves.

Its pytest runs within this one, which is quick: torch is imported here.
"""

import io
import math
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelproof.checks import worker
from kernelproof.errors import run_command
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.run import run_plan
from kernelproof.run.child_process import LineReader
from kernelproof.run.worker_messages import Assignment, WorkerMessage

STARTED = Revision(commit="c" * 40, dirty=True, tree="d" * 64)


@dataclass
class InProcessWorker:
    """A worker of these cases of one row and check, with its results in `folder`."""

    monkeypatch: pytest.MonkeyPatch
    folder: Path
    check: str
    row: str
    names: Sequence[str]

    @property
    def words(self) -> list[str]:
        """The command line of the run."""
        names = [f"--case={name}" for name in self.names]
        return [self.check, "--on", self.row, "--results", str(self.folder), *names]

    def run(self, *words: str, names: Sequence[str] = ()) -> tuple[int, list[WorkerMessage]]:
        """Returns the exit code of a worker that is assigned `names`, or all, and its messages."""
        assignment = Assignment(revision=STARTED, cases=tuple(names or self.names))
        self.monkeypatch.setattr("sys.stdin", io.StringIO(assignment.to_line()))
        reader, writer = os.pipe()
        before = signal.getsignal(signal.SIGTERM)
        try:
            arguments = [*self.words, *words, "--messages", str(writer)]
            code = run_command(lambda: worker.main(arguments))
        finally:
            signal.signal(signal.SIGTERM, before)
            os.close(writer)
        lines = LineReader(reader)
        messages = [
            WorkerMessage.from_line(line) for line in iter(lambda: lines.read(math.inf), None)
        ]
        os.close(reader)
        assert all(messages)
        return code, [message for message in messages if message]

    @property
    def cases(self) -> Sequence[Planned]:
        """The planned cases."""
        return run_plan.parse(self.words).cases

    def records(self) -> dict[str, Record]:
        """Returns the valid records, by case."""
        records = {case.case.id: record_files.read(self.folder, case) for case in self.cases}
        return {name: record for name, record in records.items() if record}

    def outcomes(self) -> dict[str, str]:
        """Returns the outcomes of the valid records."""
        return {name: record.outcome for name, record in self.records().items()}
