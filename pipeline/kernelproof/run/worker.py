"""A worker: the cases of a share in one process, through pytest, a record a case.

It is started, watched and followed by another one, where it dies, by `supervisor`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from kernelproof.checks.perf.row_timing import time_row
from kernelproof.checks.perf.timing_processes import SECONDS_A_PROCESS
from kernelproof.errors import (
    Exit,
    run_command,
)
from kernelproof.machine import (
    gpus,
    revision,
)
from kernelproof.machine.gpu_monitor import (
    SECONDS_FOR_A_TURN,
    turn_on,
)
from kernelproof.measure import torch_device
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.time_baseline import shown
from kernelproof.records.timing import Pace
from kernelproof.run import run_plan
from kernelproof.run.plugin import Cells
from kernelproof.run.run_plan import Asked
from kernelproof.run.worker_messages import (
    LOST,
    Teller,
    Told,
    obey,
)

# Of the samples at stored speed, and of those beside another commit.
_TIMINGS = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """0 once every case has a record; LOST where another process has to go on."""
    cells = run_plan.parse(list(sys.argv[1:] if arguments is None else arguments))
    if cells.tell is not None:
        obey()
    return _run(cells, Teller(cells.tell))


def _run(asked_: Asked, teller: Teller) -> int:
    state = revision.current()
    plan = asked_.to_run(state, asked_.share)
    cells = Cells(
        plan=plan,
        matrix=asked_.matrix,
        device=torch_device.device_of(asked_.row_name, asked_.row),
        machine=torch_device.fingerprint(asked_.row),
        source=state,
        folder=asked_.folder,
        teller=teller,
    )
    record_files.discard(asked_.folder, plan)
    teller.tell(Told(machine=cells.machine))
    if not plan:
        return 0
    if asked_.check != Check.PERF:
        return _tested(cells, asked_.check)
    return _timed(cells, asked_, teller)


def _timed(cells: Cells, asked_: Asked, teller: Teller) -> int:
    """The times of all cases, in processes of their own, then a test of each."""
    file = asked_.samples(asked_.share)
    record_files.make_folder(file.parent)
    pace = Pace()
    if count := asked_.processes:
        pace = Pace(first=count, most=count)
    most = SECONDS_FOR_A_TURN + _TIMINGS * pace.most * SECONDS_A_PROCESS
    teller.tell(Told(seconds=most))
    with turn_on(gpus.lock_of(torch_device.uuid_of(cells.device), asked_.row)):
        # As many comparisons as the report will make, however many of them are made here.
        cells.timed = time_row(cells.plan, cells.machine, _say, pace, len(asked_.plan))
    teller.tell(Told())
    code = _tested(cells, asked_.check, "--benchmark-quiet", f"--benchmark-json={file}")
    if asked_.share.of == 1:
        print(f"samples, for pytest-benchmark compare: {shown(file)}")
    return code


def _say(line: str) -> None:
    print(line, flush=True)


def _tested(cells: Cells, check: Check, *options: str) -> int:
    """What is said below Python is not captured: a process that dies leaves it as last words."""
    file = Path(__file__).with_name(f"test_{check}.py")
    quiet = ["--quiet", "--no-header", "--no-summary", "--tb=no", "--capture=sys"]
    code = pytest.main([str(file), *quiet, *options], plugins=[cells])
    if cells.failure:
        raise cells.failure
    if cells.is_lost:
        return LOST
    if code == pytest.ExitCode.INTERRUPTED and cells.is_collected:
        return Exit.INTERRUPTED
    return 0 if code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} else int(code) + 64


if __name__ == "__main__":
    sys.exit(run_command(main))
