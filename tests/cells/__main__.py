"""``python -m tests.cells parity --on h200``: runs one check's cells on one row, a record a case.

Exits with 0 once every case has run, whatever it found: the report judges. 2, 3 and 4 are the
user's own mistakes; anything else means that cases are missing, which the report will say.

On a host with several GPUs of the row the cases are spread over them, a process a GPU, by
``--share k/n``; the exit code is then the worst of theirs. ``--gpus 1`` takes one GPU alone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline import cases, machine, matrix, results, source, spread, verdict
from pipeline.cases import Planned
from pipeline.errors import UsageError, did_you_mean, positive, run_command
from pipeline.monitor import turn_on
from pipeline.perf.baseline import shown
from pipeline.perf.card import require_visible
from pipeline.perf.row import time_row
from pipeline.perf.timing import Pace
from pipeline.schema import Check, Matrix
from pipeline.source import Source
from pipeline.spread import Gpu, Share
from tests.cells.plugin import Cells
from tests.cells.samples import merge

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
    text = "at most so many GPUs of this host, instead of all that are the row"
    parser.add_argument("--gpus", type=positive, metavar="N", help=text)
    parser.add_argument("--share", type=Share.parse, help=argparse.SUPPRESS)  # of a spread run
    parser.add_argument("--results", type=Path, default=results.FOLDER, metavar="FOLDER")
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(words)
    the_matrix = matrix.load()
    if options.on not in the_matrix.rows:
        known = list(the_matrix.rows)
        mend = did_you_mean(options.on, known)
        message = f"--on: found {options.on!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    plan = cases.plan(the_matrix, cases.Selection.of(options), checks=[options.check])
    plan = tuple(one for one in plan if one.case.row == options.on)
    if options.share:
        spread.hear_the_parent()
    elif gpus := spread.gpus_of(the_matrix.rows[options.on])[: options.gpus]:
        return _spread(words, options, plan, gpus)
    return _run_here(the_matrix, options, plan)


def _spread(words: list[str], options: Any, plan: Sequence[Planned], gpus: Sequence[Gpu]) -> int:
    """The plan in shares, a process a GPU; what those have to run has no older record by then."""
    to_run = _to_run(plan, options, source.current())
    if not to_run:
        return 0
    if options.check == Check.PERF:
        _require_visible(to_run)
    results.discard(options.results, to_run)
    gpus = gpus[: len(plan)]
    shares = [Share(number=number, of=len(gpus)) for number in range(1, len(gpus) + 1)]
    parts = [_samples(options, share) for share in shares]
    for part in parts:
        part.unlink(missing_ok=True)
    numbers = ", ".join(str(gpu.number) for gpu in gpus)
    print(f"{len(to_run)} cases on {len(gpus)} GPUs: {numbers}", flush=True)
    try:
        return spread.run([sys.executable, "-m", "tests.cells", *words], gpus)
    finally:
        if options.check == Check.PERF:
            merge(parts, _samples(options, None))


def _to_run(plan: Sequence[Planned], options: Any, state: Source) -> tuple[Planned, ...]:
    """The part of a plan that this run is to record."""
    plan = tuple(one for one in plan if not one.skip)
    if options.resume:
        judged = verdict.judge(plan, options.results, state)
        plan = tuple(one.planned for one in judged if one.record is None)
    return plan


def _run_here(the_matrix: Matrix, options: Any, planned: Sequence[Planned]) -> int:
    """The plan, or a share of it, in this process, on the device that it sees first."""
    row, state = the_matrix.rows[options.on], source.current()
    plan = _to_run(options.share.take(planned) if options.share else planned, options, state)
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
    file = _samples(options, options.share)
    results.make_folder(file.parent)
    gpu = spread.lock_of(machine.uuid_of(cells.device), row)
    with turn_on(gpu):
        # As many comparisons as the report will make, however many of them are made here.
        pace = _pace(options.processes)
        cells.timed = time_row(plan, cells.machine, _told, pace, len(planned))
    code = _run(cells, options.check, "--benchmark-quiet", f"--benchmark-json={file}")
    if not options.share:
        print(f"samples, for pytest-benchmark compare: {shown(file)}")
    return code


def _samples(options: Any, share: Share | None) -> Path:
    """The file of pytest-benchmark's, of a row or of a share of it."""
    part = f".{share.number}of{share.of}" if share else ""
    file: Path = options.results / "perf" / f"{options.on}.benchmark{part}.json"
    return file


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
