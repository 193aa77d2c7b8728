"""``python -m kernelproof.checks.perf.gate_card``: measures what the gate of a row can see, and writes its card.

Every process times the kernel, the kernel recorded again, its floor, and the kernel with extra work
that was calibrated to make it slower by 1, 2, 3, 5 and 10 %. The rates are then counted by judging
runs that are resampled from these processes (`trials`).
"""

import argparse
import datetime
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kernelproof.checks.perf.timing_processes import ProcessError, Replicates
from kernelproof.checks.perf.trials import TrialPlan, alarms_of, cases_of
from kernelproof.errors import Exit, ResultsError, UsageError, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.fault_messages import first_fault
from kernelproof.machine import gpus, hardware, revision
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the card of each row that is named, or that this machine is."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    selection = cases.Selection.of(options)
    rows = dict.fromkeys(options.row) or hardware.rows_here(plan, hardware.accelerators())
    hardware.require_gpu(plan, list(rows), "gate-card")
    for row in rows:
        planned = [one for one in cases.plan(plan, selection, [Check.PERF]) if one.case.row == row]
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
    counts = {"processes": _PROCESSES, "rows": _ROWS, "trials": _TRIALS}
    texts = {
        "processes": "fresh processes that measure",
        "rows": "unchanged rows that are judged",
        "trials": "runs of each case and slowdown that are judged",
    }
    for name, count in counts.items():
        text = f"{texts[name]} (default {count})"
        parser.add_argument(f"--{name}", type=positive, default=count, metavar="N", help=text)
    text = "count again from the times of an earlier run, and time nothing"
    parser.add_argument("--times", type=Path, metavar="FILE.json", help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _read(file: Path) -> CardTimes:
    try:
        return CardTimes.model_validate_json(file.read_bytes())
    except OSError as error:
        message = f"{file}: {(error.strerror or str(error)).lower()}; expected times of gate-card"
        raise ResultsError(message) from None
    except ValidationError as error:
        message = f"{file}: {first_fault(error)}; expected times that gate-card wrote"
        raise ResultsError(message) from None


def _measure(row: str, plan: Matrix, planned: Sequence[Planned], options: Any) -> CardTimes:
    """The times of every process, written to results/ before anything is counted."""
    os.environ.update(plan.rows[row].environment)  # Triton reads it as it is imported
    machine, monitor = (
        import_module("kernelproof.measure.torch_device"),
        import_module("kernelproof.machine.gpu_monitor"),
    )
    device = machine.device_of(row, plan.rows[row])
    gpu = gpus.lock_of(machine.uuid_of(device), plan.rows[row])
    with monitor.turn_on(gpu), Replicates() as processes:
        asked = _calibrated(row, planned, processes)
        answers: list[list[TimingAnswer]] = []
        for number in range(1, options.processes + 1):
            start = time.monotonic()
            request = TimingRequest(row=row, cases=asked, rounds=ROUNDS, seed=number)
            answers.append(_required(processes.ask(request, is_last=number == options.processes)))
            seconds = time.monotonic() - start
            print(f"process {number} of {options.processes}: {seconds:.1f} s", flush=True)
    state = revision.current()
    measured = CardTimes(
        row=row,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        commit=state.commit,
        machine=machine.fingerprint(plan.rows[row]),
        times_us=_times(asked, answers),
    )
    file = options.results / "perf" / f"{row}.planted.json"
    write_whole(file, measured.model_dump_json(indent=1) + "\n")
    print(f"times of {options.processes} processes: {shown_path(file)}")
    return measured


def _calibrated(row: str, planned: Sequence[Planned], processes: Replicates) -> list[CaseRequest]:
    """Each case beside its floor, with the extra work that makes its slowdowns."""
    start = time.monotonic()
    asked = []
    for one in planned:
        case, found = one.case, time_baseline.load(row, one.case.kernel)
        stored = found.stored.get(case.id) if found else None
        floor = stored.timing.floor if stored else None
        shape = dict(case.shape)
        asked.append(
            CaseRequest(
                case=case.id, kernel=case.kernel, dtype=case.dtype, shape=shape, floor=floor
            )
        )
    plain = TimingRequest(row=row, cases=asked, rounds=1, seed=0)
    floors = {one.case: one.floor for one in _required(processes.ask(plain, is_last=False))}
    wanted = [one.model_copy(update={"slower_by": PLANTED}) for one in asked]
    request = TimingRequest(task="calibrate", row=row, cases=wanted, rounds=1, seed=0)
    rounds = {one.case: one.planted for one in _required(processes.ask(request, is_last=False))}
    print(f"calibrated {len(asked)} cases in {time.monotonic() - start:.1f} s", flush=True)
    return [
        one.model_copy(
            update={
                "floor": floors[one.case],
                "is_repeated": True,
                "planted": rounds[one.case],
            }
        )
        for one in asked
    ]


def _required(answers: list[TimingAnswer]) -> list[TimingAnswer]:
    for one in answers:
        if one.error:
            raise ProcessError(f"{one.case}: {one.error}")
    return answers


def _times(
    asked: Sequence[CaseRequest], answers: Sequence[list[TimingAnswer]]
) -> sensitivity.TimesUs:
    by_case: sensitivity.TimesUs = {one.case: {} for one in asked}
    for one in (answer for process in answers for answer in process):
        if one.process:
            for name in one.process.samples_us:
                by_case[one.case].setdefault(name, []).append(round(one.process.us(name), 5))
    return by_case


def _write(measured: CardTimes, planned: Sequence[Planned], options: Any) -> None:
    """Counts the rates, writes the card, and shows it."""
    limits = {one.case.id: one.limit_percent or 0.0 for one in planned}
    times = {case: of_case for case, of_case in measured.times_us.items() if case in limits}
    trial = TrialPlan(times=times, limits=limits, baseline=BASELINE_PROCESSES)
    print(f"judging {options.rows} unchanged rows, and each slowdown {options.trials} times")
    made = GateCard(
        row=measured.row,
        date=measured.date,
        commit=measured.commit,
        processes=trial.processes,
        machine=time_baseline.committed(measured.machine),
        alarms=alarms_of(trial, options.rows),
        cases=cases_of(trial, options.trials),
        times_us=measured.times_us,
    )
    for line in sensitivity.lines_of(made):
        print(line)
    print(f"{shown_path(sensitivity.write(made))}: written; commit it")


if __name__ == "__main__":
    sys.exit(run_command(main))
