"""``python -m kernelproof.checks.bench``: times kernels beside their floors and peers."""

import argparse
import datetime
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

from kernelproof.checks.bench import bench_tables
from kernelproof.checks.row_gpu import find_gpu
from kernelproof.errors import Exit, UsageError, did_you_mean, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import hardware, revision
from kernelproof.machine.gpu_lock import exclusive_gpu
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case, Selection
from kernelproof.plan.schema import Matrix
from kernelproof.records import bench_run, record_files
from kernelproof.records.bench_run import BenchCase, BenchRun

_ROUNDS = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0, 1 if a contestant raised, or the error's own."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    if options.show:
        bench_tables.print_tables(bench_run.read(options.show), Console(soft_wrap=False))
        return Exit.GOOD
    plan, selection = matrix.load(), Selection.of(options)
    cases.select_listed(plan, cases.BENCH, selection)
    rows = dict.fromkeys(options.row) or hardware.rows_here(plan, hardware.accelerators())
    hardware.require_gpu(plan, list(rows))
    return max([_bench_row(row, plan, options, arguments) for row in rows])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s bench --",
        description="Times kernels, their floors and their peers side by side on a GPU: device "
        "and host time; writes <row>.json and <row>.md.",
        epilog="exit codes: 0 good, 1 a contestant raised, 2 matrix.yaml or the command line is "
        "wrong, 3 a file cannot be read or written, 4 this machine is not the row, or has no GPU",
    )
    Selection.add_options(parser.add_argument)
    text = "only this peer beside the kernel and its floors; may be given several times"
    parser.add_argument("--peer", action="append", default=[], metavar="PEER", help=text)
    text = f"samples of each time (default {_ROUNDS})"
    parser.add_argument("--rounds", type=positive, default=_ROUNDS, metavar="N", help=text)
    parser.add_argument("--out", type=Path, default=record_files.FOLDER / "bench", metavar="FOLDER")
    text = "print the tables of an earlier run again, and time nothing"
    parser.add_argument("--show", type=Path, metavar="FILE.json", help=text)
    return parser


def _bench_row(row: str, plan: Matrix, options: Any, arguments: list[str]) -> int:
    """Times the selected cases of one row, writes and prints them, and returns the exit code."""
    gpu = find_gpu(row, plan.rows[row])
    # Torch takes seconds to import, which --show need not wait for.
    proof_import = import_module("kernelproof.measure.proof_import")
    chosen = cases.select_listed(plan, cases.BENCH, replace(Selection.of(options), row=(row,)))
    specs = {case.kernel: proof_import.spec_of(case.kernel) for case in chosen}
    peers = _peers(specs, options.peer)
    state = revision.current()
    run = BenchRun(
        row=row,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=f"python -m kernelproof.checks.bench {shlex.join(arguments)}".strip(),
        commit=state.commit,
        dirty=state.dirty,
        machine=gpu.fingerprint,
        measured=[],
    )
    with exclusive_gpu(gpu.lock):
        for case in _measure_all(chosen, specs, gpu.device, rounds=options.rounds, peers=peers):
            run = run.model_copy(update={"measured": [*run.measured, case]})
            # Written after each shape, so that a run that is cut leaves some.
            write_whole(options.out / f"{row}.json", run.model_dump_json(indent=1) + "\n")
            write_whole(options.out / f"{row}.md", bench_tables.markdown(run))
    bench_tables.print_tables(run, Console(soft_wrap=False))
    for line in run.errors:
        print(line, file=sys.stderr)
    return Exit.BLOCKED if run.errors else Exit.GOOD


def _peers(specs: dict[str, Any], named: Sequence[str]) -> list[str]:
    """Returns the peers to time; raises UsageError for a name that no kernel has."""
    known = list(dict.fromkeys(name for spec in specs.values() for name in spec.peers))
    for name in named:
        if name not in known:
            mend = did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
            raise UsageError(f"--peer: found {name!r}, expected a peer of a kernel; {mend}")
    return list(named) or known


def _measure_all(
    chosen: Sequence[Case], specs: dict[str, Any], device: Any, **settings: Any
) -> Iterator[BenchCase]:
    """Yields the times of each case, and prints a line of progress for it."""
    race = import_module("kernelproof.checks.bench.race")
    clock = import_module("kernelproof.measure.clock")
    gpu_clock = clock.GpuClock(device)
    for number, case in enumerate(chosen, start=1):
        start = time.perf_counter()
        result = race.measure(case, specs[case.kernel], device, gpu_clock, **settings)
        seconds = time.perf_counter() - start
        print(f"[{number}/{len(chosen)}] {_summary(result)}  ({seconds:.1f} s)", file=sys.stderr)
        yield result


def _summary(case: BenchCase) -> str:
    """Returns ``gemma4_routing-h200-bf16-E128-K8-T2048: 2.913 us, floor 1.370 us``."""
    if case.ours.timing is None:
        return f"{case.case}: {case.ours.state}"
    floor = f", floor {bench_tables.number(case.floor.us)} us" if case.floor else ""
    return f"{case.case}: {bench_tables.number(case.ours.timing.us)} us{floor}"


if __name__ == "__main__":
    sys.exit(run_command(main))
