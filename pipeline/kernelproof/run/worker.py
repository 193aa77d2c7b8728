"""A worker: the cases of a share in one process, through pytest, a record a case."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kernelproof.errors import Exit
from kernelproof.machine import revision
from kernelproof.measure import torch_device
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from kernelproof.run.plugin import Cells
from kernelproof.run.run_plan import Asked
from kernelproof.run.worker_messages import LOST, Teller, Told, obey


@dataclass(frozen=True, kw_only=True)
class CaseRun:
    """A worker's share of a run: what it was asked, its cases, and the pipe to its supervisor."""

    asked: Asked
    cells: Cells
    teller: Teller

    def test_cases(self, *options: str) -> int:
        """Runs the check's test for each case; returns the exit code of the worker.

        Output below Python is not captured: the supervisor keeps the tail of it if the process dies.
        """
        file = ROOT / "tests" / "cells" / f"test_{self.asked.check}.py"
        quiet = ["--quiet", "--no-header", "--no-summary", "--tb=no", "--capture=sys"]
        code = pytest.main([str(file), *quiet, *options], plugins=[self.cells])
        if self.cells.failure:
            raise self.cells.failure
        if self.cells.is_lost:
            return LOST
        if code == pytest.ExitCode.INTERRUPTED and self.cells.is_collected:
            return Exit.INTERRUPTED
        is_done = code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        return 0 if is_done else int(code) + 64


def run_cases(asked: Asked, run: Callable[[CaseRun], int] = CaseRun.test_cases) -> int:
    """Runs the share of a worker with `run`; returns the exit code of the worker.

    0 if every case has a record, LOST if another process has to go on.
    """
    if asked.tell is not None:
        obey()
    teller, state = Teller(asked.tell), revision.current()
    plan = asked.to_run(state, asked.share)
    cells = Cells(
        plan=plan,
        matrix=asked.matrix,
        device=torch_device.device_of(asked.row_name, asked.row),
        machine=torch_device.fingerprint(asked.row),
        source=state,
        folder=asked.folder,
        teller=teller,
    )
    record_files.discard(asked.folder, plan)
    teller.tell(Told(machine=cells.machine))
    return run(CaseRun(asked=asked, cells=cells, teller=teller)) if plan else 0
