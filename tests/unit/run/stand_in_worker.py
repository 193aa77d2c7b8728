"""Supervised runs in which a script of a few lines stands in for the worker.

The script speaks the worker's protocol without the imports that make a worker slow. Its records
are copies of files that were written beforehand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest

from kernelproof.machine import revision
from kernelproof.machine.gpus import Gpu, Share
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.run import run_plan, supervisor, worker_process
from kernelproof.run.run_plan import RunPlan
from kernelproof.run.supervisor import ShareSupervisor, supervise
from kernelproof.run.worker_messages import Assignment
from tests.unit.records.made_records import record_of

IDS = [f"gemma4_routing-cpu-fp32-E8-K8-T{tokens}" for tokens in (1, 130, 2049)]
STARTED = Revision(commit="c" * 40, dirty=False, tree="d" * 64)
CHANGED = Revision(commit="c" * 40, dirty=False, tree="e" * 64)
GPUS = tuple(
    Gpu(number=number, variable="CUDA_VISIBLE_DEVICES", value=f"GPU-{number}") for number in (0, 2)
)
PYTHON = ("-S", "-E")
# A worker's functions, from `send` a message to `write` the record of a case that passed.
PRELUDE = """\
import json, os, shutil, signal, sys, time
from pathlib import Path

words = dict(zip(sys.argv, sys.argv[1:]))
pipe, share, folder = int(words["--messages"]), words["--share"], Path(words["--results"])
assignment = sys.stdin.readline()
cases = json.loads(assignment)["cases"]

def interrupt(*_):
    raise KeyboardInterrupt

def send(**message):
    os.write(pipe, json.dumps(message).encode() + b"\\n")

def write(case):
    for file in (folder / "passes").glob(f"*/{case}.json"):
        shutil.copy(file, folder / file.parent.name)

def run(case, seconds=30, fault="pass"):
    send(case=case, seconds=seconds)
    exec(fault)
    write(case)
    send()

signal.signal(signal.SIGTERM, interrupt)
(folder / "assignments").open("a").write(assignment)
"""
# The worker has removed older records, and is about to run.
MACHINE = 'send(machine={"device": {"name": "cpu"}})\n'
# Every case passes, but for the second one, at which the fault happens.
FAULTY = """\
for case in cases:
    run(case, {seconds}, {fault!r} if case.endswith("-T130") else "pass")
"""


@cache
def _plan() -> RunPlan:
    return run_plan.parse(["parity", "--on", "cpu", *(f"--case={name}" for name in IDS)])


@dataclass
class SupervisedRun:
    """A run of `IDS` on the cpu row, whose workers are a script, in a folder of results."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def write_script(self, code: str) -> tuple[str, ...]:
        """Writes the script, after its prelude; returns what follows Python on a command line."""
        file = self.folder / "worker.py"
        file.write_text(PRELUDE + code)
        return *PYTHON, str(file)

    def supervise(self, code: str, gpus: Sequence[Gpu | None] = (None,)) -> int:
        """Returns the exit code of a run whose workers run `code`, one for each GPU."""
        worker = self.write_script(code)
        shares = [Share(number=number, of=len(gpus)) for number in range(1, len(gpus) + 1)]
        return supervise(
            [
                ShareSupervisor(
                    worker=worker,
                    plan=self.plan,
                    share=share,
                    cases=share.take(self.plan.cases),
                    gpu=gpu,
                    revision=STARTED,
                )
                for share, gpu in zip(shares, gpus, strict=True)
            ]
        )

    def supervise_fault(self, fault: str, *, seconds: float = 30) -> int:
        """Returns the exit code of a run at whose second case `fault` happens."""
        return self.supervise(MACHINE + FAULTY.format(seconds=seconds, fault=fault))

    @property
    def words(self) -> list[str]:
        """The command line of the run."""
        names = [f"--case={name}" for name in IDS]
        return ["parity", "--on", "cpu", "--results", str(self.folder), *names]

    @property
    def plan(self) -> RunPlan:
        """The plan of that command line."""
        return replace(_plan(), words=self.words, folder=self.folder)

    def write_passes(self, cases: Sequence[Planned], folder: Path | None = None) -> None:
        """Writes records of cases that passed, for the script to copy, or into the results."""
        source = {"commit": STARTED.commit, "tree": STARTED.tree}
        for case in cases:
            record_files.write(folder or self.folder / "passes", case, record_of(case, **source))

    def records(self) -> dict[str, Record]:
        """Returns the valid records, by the end of the case's id."""
        records = {case.case.id: record_files.read(self.folder, case) for case in self.plan.cases}
        return {name.rpartition("-")[2]: record for name, record in records.items() if record}

    def outcomes(self) -> dict[str, str]:
        """Returns the outcomes of the valid records."""
        return {name: record.outcome for name, record in self.records().items()}

    def assignments(self) -> list[Assignment]:
        """Returns the assignment of each worker that started."""
        file = self.folder / "assignments"
        lines = file.read_text().splitlines() if file.exists() else []
        return [Assignment.from_line(line) for line in lines]

    def assigned(self) -> list[list[str]]:
        """Returns the cases of each worker that started, by the end of their ids."""
        return [[name.rpartition("-")[2] for name in part.cases] for part in self.assignments()]

    def set_pulse(self, code: str) -> None:
        """Sets the script that checks the device."""
        self.monkeypatch.setattr(supervisor, "_PULSE", (*PYTHON, "-c", code))

    def set_revisions(self, *revisions: Revision) -> None:
        """Sets the revisions that the files are found to be of, one after the other."""
        remaining = list(revisions)
        self.monkeypatch.setattr(
            revision, "current", lambda: remaining.pop(0) if remaining[1:] else remaining[0]
        )


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SupervisedRun:
    """Returns a run in a fresh folder, with short limits, a device that is well, steady files."""
    monkeypatch.setattr(worker_process, "SECONDS_OF_GRACE", 0.2)
    monkeypatch.setattr(worker_process, "_SECONDS_TO_DUMP", 0.5)
    monkeypatch.setattr(supervisor, "_SECONDS_BETWEEN", 0.01)
    run = SupervisedRun(tmp_path, monkeypatch)
    (tmp_path / "parity").mkdir()
    run.write_passes(run.plan.cases)
    run.set_pulse("")
    run.set_revisions(STARTED)
    return run
