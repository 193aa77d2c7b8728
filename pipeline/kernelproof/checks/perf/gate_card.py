"""``python -m kernelproof.checks.perf.gate_card``: measures and writes the gate card of a row.

Every process times the kernel, the kernel recorded again, its floor, and the kernel with extra work
that was calibrated to make it slower by 1, 2, 3, 5 and 10 %. The rates are then counted by judging
runs that are resampled from these processes (`trials`).
"""

import argparse
import datetime
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelproof.checks.perf.row_timing import request_for
from kernelproof.checks.perf.timing_processes import Replicates, require_times
from kernelproof.checks.perf.trials import TrialPlan, false_alarms, sensitivities
from kernelproof.checks.row_gpu import find_gpu
from kernelproof.errors import Exit, ResultsError, UsageError, positive, run_command, system_words
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.json_file import MalformedError, read_model
from kernelproof.machine import hardware, revision
from kernelproof.machine.gpu_lock import exclusive_gpu
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import shown_path
from kernelproof.plan.schema import Check, Matrix
from kernelproof.plan.timing_pace import ROUNDS
from kernelproof.records import record_files, sensitivity, time_baseline
from kernelproof.records.sensitivity import CardTimes, GateCard
from kernelproof.records.timing import CaseRequest, TimingAnswer, TimingRequest

PLANTED = [1.0, 2.0, 3.0, 5.0, 10.0]
_PROCESSES, _ROWS, _TRIALS = 30, 600, 200
BASELINE_PROCESSES = 12
_MAX_BYTES = 16 * 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the card of each row that is named, or else of this machine's rows."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    selection = cases.Selection.of(options)
    rows = dict.fromkeys(options.row) or hardware.rows_here(plan, hardware.accelerators())
    hardware.require_gpu(plan, list(rows), "gate-card")
    for row in rows:
        checks = cases.plan(plan, selection, [Check.PERF])
        planned = [check for check in checks if check.case.row == row]
        if not planned:
            raise UsageError(f"gate-card: found no perf case of row {row} within the selection")
        measured = _read(options.times) if options.times else _measure(row, plan, planned, options)
        _write(measured, planned, options)
    return Exit.GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s gate-card --",
        description="Measures false alarms and planted slowdowns on this machine: what the gate of "
        "perf-regress can see. Writes the row's gate card, to be committed beside its baselines.",
    )
    cases.Selection.add_options(parser.add_argument)
    for name, count, meaning in (
        ("processes", _PROCESSES, "fresh processes to time in"),
        ("rows", _ROWS, "unchanged rows to judge"),
        ("trials", _TRIALS, "runs of each case and slowdown to judge"),
    ):
        text = f"{meaning} (default {count})"
        parser.add_argument(f"--{name}", type=positive, default=count, metavar="N", help=text)
    text = "count again from the times of an earlier run, and time nothing"
    parser.add_argument("--times", type=Path, metavar="FILE.json", help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _read(file: Path) -> CardTimes:
    """Returns the times of an earlier run; raises ResultsError if the file is none."""
    try:
        return read_model(file, CardTimes, _MAX_BYTES)
    except OSError as error:
        fault = system_words(error)
    except MalformedError as error:
        fault = str(error)
    raise ResultsError(f"{file}: {fault}; expected times that gate-card wrote")


def _measure(row: str, plan: Matrix, planned: Sequence[Planned], options: Any) -> CardTimes:
    """Returns the times of every process, which are written to results/ before they are judged."""
    gpu = find_gpu(row, plan.rows[row])
    with exclusive_gpu(gpu.lock), Replicates() as processes:
        requests = _calibrate(row, planned, processes)
        answers: list[TimingAnswer] = []
        for number in range(1, options.processes + 1):
            start = time.monotonic()
            request = TimingRequest(row=row, cases=requests, rounds=ROUNDS, seed=number)
            is_last = number == options.processes
            answers += require_times(processes.ask(request, is_last=is_last))
            seconds = time.monotonic() - start
            print(f"process {number} of {options.processes}: {seconds:.1f} s", flush=True)
    times = CardTimes(
        row=row,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit=revision.current().commit,
        machine=gpu.fingerprint,
        times_us=_times_by_case(answers),
    )
    file = options.results / "perf" / f"{row}.planted.json"
    write_whole(file, times.model_dump_json(indent=1) + "\n")
    print(f"times of {options.processes} processes: {shown_path(file)}")
    return times


def _calibrate(row: str, planned: Sequence[Planned], processes: Replicates) -> list[CaseRequest]:
    """Returns the request for each case: its floor, and the extra work of each slowdown."""
    start = time.monotonic()
    requests = []
    for case in (check.case for check in planned):
        baseline = time_baseline.load(row, case.kernel)
        stored = baseline.stored.get(case.id) if baseline else None
        requests.append(request_for(case, stored.timing.floor if stored else None))
    # One process chooses the floors, the next one finds the rounds of extra work.
    plain = TimingRequest(row=row, cases=requests, rounds=1, seed=0)
    floors = require_times(processes.ask(plain, is_last=False))
    sized = [case.model_copy(update={"slower_by": PLANTED}) for case in requests]
    task = TimingRequest(task="calibrate", row=row, cases=sized, rounds=1, seed=0)
    rounds = require_times(processes.ask(task, is_last=False))
    print(f"calibrated {len(requests)} cases in {time.monotonic() - start:.1f} s", flush=True)
    return [
        case.model_copy(
            update={"floor": timed.floor, "is_repeated": True, "planted": calibrated.planted}
        )
        for case, timed, calibrated in zip(requests, floors, rounds, strict=True)
    ]


def _times_by_case(answers: Sequence[TimingAnswer]) -> sensitivity.TimesUs:
    """Returns by case and contestant the time in each process, in microseconds."""
    times: sensitivity.TimesUs = {}
    for answer in answers:
        if answer.process:
            by_contestant = times.setdefault(answer.case, {})
            for name in answer.process.samples_us:
                by_contestant.setdefault(name, []).append(round(answer.process.us(name), 5))
    return times


def _write(measured: CardTimes, planned: Sequence[Planned], options: Any) -> None:
    """Counts the rates, writes the card, and prints it."""
    limits = {check.case.id: check.limit_percent or 0.0 for check in planned}
    times = {case: by_name for case, by_name in measured.times_us.items() if case in limits}
    trials = TrialPlan(times=times, limits=limits, baseline=BASELINE_PROCESSES)
    print(f"judging {options.rows} unchanged rows, and each slowdown {options.trials} times")
    card = GateCard(
        row=measured.row,
        date=measured.date,
        commit=measured.commit,
        processes=trials.processes,
        machine=time_baseline.committed(measured.machine),
        alarms=false_alarms(trials, options.rows),
        cases=sensitivities(trials, options.trials),
        times_us=measured.times_us,
    )
    for line in sensitivity.lines_of(card):
        print(line)
    print(f"{shown_path(sensitivity.write(card))}: written; commit it")


if __name__ == "__main__":
    sys.exit(run_command(main))
