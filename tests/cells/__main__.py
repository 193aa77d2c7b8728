"""``python -m tests.cells parity --on h200``: runs one check's cells on one row, a record a case.

Exits with 0 once every case has run, whatever it found: the report judges. 2, 3 and 4 are the
user's own mistakes; anything else means that cases are missing, which the report will say.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline import cases, machine, matrix, results, source, verdict
from pipeline.cases import Planned
from pipeline.errors import UsageError, did_you_mean, positive, run_command
from pipeline.monitor import turn_on
from pipeline.perf.baseline import shown
from pipeline.perf.card import require_visible
from pipeline.perf.row import time_row
from pipeline.perf.timing import Pace
from pipeline.schema import Check
from tests.cells.plugin import Cells

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the cases of one check on the row that this machine is."""
    parser = argparse.ArgumentParser(prog="python -m tests.cells", description=__doc__)
    parser.add_argument("check", type=Check, choices=list(Check), help="the question to ask")
    parser.add_argument("--on", required=True, metavar="ROW", help="the row that this machine is")
    cases.Selection.add_options(parser.add_argument)
    parser.add_argument("--resume", action="store_true", help="only cases without a valid result")
    text = "perf: exactly so many processes, instead of as many as the verdicts need"
    parser.add_argument("--processes", type=positive, metavar="N", help=text)
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="FOLDER")
    options = parser.parse_args(arguments)
    the_matrix = matrix.load()
    if options.on not in the_matrix.rows:
        known = list(the_matrix.rows)
        mend = did_you_mean(options.on, known)
        message = f"--on: found {options.on!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    row, state = the_matrix.rows[options.on], source.current()
    plan = cases.plan(the_matrix, cases.Selection.of(options), checks=[options.check])
    plan = tuple(one for one in plan if one.case.row == options.on and not one.skip)
    if options.resume:
        judged = verdict.judge(plan, options.results, state)
        plan = tuple(one.planned for one in judged if one.record is None)
    cells = Cells(
        plan=plan,
        matrix=the_matrix,
        device=machine.device_of(options.on, row),
        machine=machine.fingerprint(row),
        source=state,
        folder=options.results,
    )
    results.discard(options.results, plan)
    if not plan:
        return 0
    if options.check != Check.PERF:
        return _run(cells, options.check)
    _require_visible(plan)
    file = options.results / "perf" / f"{options.on}.benchmark.json"
    results.make_folder(file.parent)
    with turn_on(machine.uuid_of(cells.device) or row.device):
        cells.timed = time_row(plan, cells.machine, _told, _pace(options.processes))
    code = _run(cells, options.check, "--benchmark-quiet", f"--benchmark-json={file}")
    print(f"samples, for pytest-benchmark compare: {shown(file)}")
    return code


def _require_visible(plan: Sequence[Planned]) -> None:
    for one in plan:
        require_visible(one.case.row, one.case.id, one.limit_percent or 0.0)


def _pace(processes: int | None) -> Pace:
    return Pace(first=processes, most=processes) if processes else Pace()


def _told(line: str) -> None:
    print(line, flush=True)


def _run(cells: Cells, check: Check, *options: str) -> int:
    file = Path(__file__).with_name(f"test_{check}.py")
    quiet = ["--quiet", "--no-header", "--no-summary", "--tb=no"]
    code = pytest.main([str(file), *quiet, *options], plugins=[cells])
    if code == pytest.ExitCode.INTERRUPTED and cells.is_collected:
        return _INTERRUPTED
    return 0 if code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} else int(code) + 64


if __name__ == "__main__":
    sys.exit(run_command(main))
