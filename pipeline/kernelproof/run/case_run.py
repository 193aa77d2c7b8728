"""A worker's run of its cases in one process, through pytest, with a record for each case."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from kernelproof.errors import Exit
from kernelproof.measure import torch_device
from kernelproof.plan.repository import ROOT
from kernelproof.records import record_files
from kernelproof.run.case_plugin import CasePlugin
from kernelproof.run.run_plan import RunPlan
from kernelproof.run.worker_messages import LOST_DEVICE, Assignment, MessagePipe, WorkerMessage

_OWN_CODES = 64  # a worker's exit code is this much more than pytest's, so that none is taken twice


@dataclass(frozen=True, kw_only=True)
class CaseRun:
    """A worker's part of a run: the plan of all, the plugin with its own cases, and its pipe."""

    plan: RunPlan
    plugin: CasePlugin
    messages: MessagePipe

    def test_cases(self, *options: str) -> int:
        """Runs the check's test for each case; returns the exit code of the worker.

        Output below Python is not captured: the supervisor keeps its tail if the process dies.
        Raises ResultsError if a record cannot be written.
        """
        file = ROOT / "tests" / "cells" / f"test_{self.plan.check}.py"
        quiet = ["--quiet", "--no-header", "--no-summary", "--tb=no", "--capture=sys"]
        code = pytest.main([str(file), *quiet, *options], plugins=[self.plugin])
        if self.plugin.failure:
            raise self.plugin.failure
        if self.plugin.is_lost:
            return LOST_DEVICE
        if code == pytest.ExitCode.INTERRUPTED and self.plugin.is_collected:
            return Exit.INTERRUPTED
        is_done = code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}
        return 0 if is_done else int(code) + _OWN_CODES


def run_cases(
    plan: RunPlan, assignment: Assignment, run: Callable[[CaseRun], int] = CaseRun.test_cases
) -> int:
    """Runs the assigned cases by `run`, after removing older records of them.

    Returns 0 if every case has a record, LOST_DEVICE if another process has to go on. Raises
    NotTheRowError, before any record is removed, if this machine is not the row.
    """
    planned = {case.case.id: case for case in plan.cases}
    messages = MessagePipe(plan.messages)
    plugin = CasePlugin(
        cases=[planned[name] for name in assignment.cases],
        matrix=plan.matrix,
        device=torch_device.device_of(plan.row_name, plan.row),
        machine=torch_device.fingerprint(plan.row),
        revision=assignment.revision,
        folder=plan.folder,
        messages=messages,
    )
    record_files.discard(plan.folder, plugin.cases)
    messages.send(WorkerMessage(machine=plugin.machine))
    return run(CaseRun(plan=plan, plugin=plugin, messages=messages))
