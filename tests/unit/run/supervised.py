"""Supervised runs of stand-ins for the worker of the cells: each is a few lines of Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelproof.machine.gpus import Gpu, Share
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.run import run_plan, supervisor, worker_process
from kernelproof.run.supervisor import Supervised, supervise
from tests.unit.records.made_records import record_of

IDS = [f"gemma4_routing-cpu-fp32-E8-K8-T{tokens}" for tokens in (1, 130, 2049)]
STATE = Revision(commit="c" * 40, dirty=False, tree="d" * 64)
GPUS = tuple(
    Gpu(number=number, variable="CUDA_VISIBLE_DEVICES", value=f"GPU-{number}") for number in (0, 2)
)
# What a stand-in is made of: `tell`, `write` a record of a case that passed, and `left` to run.
PRELUDE = """\
import json, os, signal, sys, time
from pathlib import Path
from kernelproof.run import run_plan, worker_messages as telling
from tests.unit.run.supervised import STATE, write
cells = run_plan.parse(sys.argv[1:])
teller = telling.Teller(cells.tell)
telling.obey()
folder = cells.folder
number = len(list(folder.glob("*.began")))
(folder / f"{number}.{cells.share.number}.began").touch()
left = [one for one in cells.share.take(cells.plan) if not
        (cells.is_resumed and (folder / "parity" / f"{one.case.id}.json").exists())]
def begin(one, seconds=30):
    teller.tell(telling.Told(case=one.case.id, seconds=seconds))
def end(one):
    write(folder, one)
    teller.tell(telling.Told())
"""
# It has taken older records away, and is about to run.
HERE = 'teller.tell(telling.Told(machine={"device": {"name": "cpu"}}))\n'
# Every case passes, but for the second, at which it does `{fault}`.
FAULTY = """\
for one in left:
    begin(one, {seconds})
    if one.case.id.endswith("-T130"):
        {fault}
    end(one)
"""


def write(folder: Path, planned: Planned) -> None:
    """A record of a case that passed."""
    record = record_of(planned, commit=STATE.commit, tree=STATE.tree, dirty=STATE.dirty)
    record_files.write(folder, planned, record)


@dataclass
class Runs:
    """Supervised runs of a stand-in for the worker, in a folder of results."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def of(self, code: str, *, gpus: Sequence[Gpu | None] = (None,), here: str = HERE) -> int:
        """The exit code of a run whose workers are `code`."""
        file = self.folder / "worker.py"
        file.write_text(PRELUDE + here + code)
        return supervise(
            [
                Supervised(
                    worker=(str(file),),
                    words=self.words,
                    cells=self.cells,
                    share=Share(number=number, of=len(gpus)),
                    plan=Share(number=number, of=len(gpus)).take(self.cells.plan),
                    gpu=gpu,
                    source=STATE,
                )
                for number, gpu in enumerate(gpus, start=1)
            ]
        )

    @property
    def words(self) -> list[str]:
        """The command line of the cells."""
        named = [f"--case={name}" for name in IDS]
        return ["parity", "--on", "cpu", "--results", str(self.folder), *named]

    @property
    def cells(self) -> run_plan.Asked:
        """The same, parsed."""
        return run_plan.parse(self.words)

    def records(self) -> dict[str, Record]:
        """The valid records, by the end of the case's id."""
        found = {one.case.id: record_files.read(self.folder, one) for one in self.cells.plan}
        return {name.rpartition("-")[2]: one for name, one in found.items() if one}

    def outcomes(self) -> dict[str, str]:
        """Their outcomes."""
        return {name: record.outcome for name, record in self.records().items()}

    def began(self) -> int:
        """How many workers there were."""
        return len([*self.folder.glob("*.began")])

    def pulse(self, code: str) -> None:
        """What a check of the device does."""
        self.monkeypatch.setattr(supervisor, "_PULSE", ("-c", code))


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """A fresh folder; what is not told takes no long time, and the device is well."""
    monkeypatch.setattr(worker_process, "SECONDS_OF_GRACE", 0.2)
    monkeypatch.setattr(worker_process, "_SECONDS_TO_SPEAK", 2)
    monkeypatch.setattr(supervisor, "_SECONDS_BETWEEN", 0.01)
    made = Runs(tmp_path, monkeypatch)
    made.pulse("")
    return made
