"""``python -m kernelproof.checks.bench --row h200``: times kernels beside their floors and peers."""

import argparse
import datetime
import os
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
from kernelproof.errors import Exit, UsageError, did_you_mean, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import gpus, hardware, revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case, Selection
from kernelproof.plan.schema import Matrix
from kernelproof.records import bench_run, record_files
from kernelproof.records.bench_run import BenchCase, BenchRun

_ROUNDS = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, or 1 where a contestant raised, or the error's own."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    if options.show:
        bench_tables.print_tables(bench_run.read(options.show), Console(soft_wrap=False))
        return Exit.GOOD
    plan, selection = matrix.load(), Selection.of(options)
    cases.select_benched(plan, selection)
    rows = dict.fromkeys(options.row) or hardware.rows_here(plan, hardware.accelerators())
    hardware.require_gpu(plan, list(rows))
    codes = [_bench(row, plan, options, arguments) for row in rows]
    return max(codes)


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


def _bench(row: str, plan: Matrix, options: Any, arguments: list[str]) -> int:
    """Times what is asked for on one row, then writes and prints it."""
    os.environ.update(plan.rows[row].environment)  # Triton reads it as it is imported
    machine = import_module(
        "kernelproof.measure.torch_device"
    )  # torch takes seconds, which --show need not wait
    device = machine.device_of(row, plan.rows[row])
    chosen = cases.select_benched(plan, replace(Selection.of(options), row=(row,)))
    specs = {
        name: import_module("kernelproof.measure.proof_import").spec_of(name)
        for name in {one.kernel for one in chosen}
    }
    peers = _peers(specs, options.peer)
    state = revision.current()
    bench = BenchRun(
        row=row,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        command=f"python -m kernelproof.checks.bench {shlex.join(arguments)}".strip(),
        commit=state.commit,
        dirty=state.dirty,
        machine=machine.fingerprint(plan.rows[row]),
        measured=[],
    )
    gpu = gpus.lock_of(machine.uuid_of(device), plan.rows[row])
    with import_module("kernelproof.machine.gpu_monitor").turn_on(gpu):
        for one in _measured(chosen, specs, device, rounds=options.rounds, peers=peers):
            bench = bench.model_copy(update={"measured": [*bench.measured, one]})
            _write(bench, options.out)  # after each shape: a run that is cut has what it measured
    bench_tables.print_tables(bench, Console(soft_wrap=False))
    for line in bench.errors:
        print(line, file=sys.stderr)
    return Exit.BLOCKED if bench.errors else Exit.GOOD


def _write(bench: BenchRun, folder: Path) -> None:
    write_whole(folder / f"{bench.row}.json", bench.model_dump_json(indent=1) + "\n")
    write_whole(folder / f"{bench.row}.md", bench_tables.markdown(bench))


def _peers(specs: dict[str, Any], named: Sequence[str]) -> list[str]:
    """The peers to time; UsageError for one that no kernel has."""
    known = list(dict.fromkeys(name for spec in specs.values() for name in spec.peers))
    for name in named:
        if name not in known:
            mend = did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
            raise UsageError(f"--peer: found {name!r}, expected a peer of a kernel; {mend}")
    return list(named) or known


def _measured(
    chosen: Sequence[Case], specs: dict[str, Any], device: Any, **settings: Any
) -> Iterator[BenchCase]:
    """The record of each case, told as it is made."""
    measuring, clock = (
        import_module("kernelproof.checks.bench.race"),
        import_module("kernelproof.measure.clock"),
    )
    place = measuring.Place(device=device, clock=clock.Accelerator(device))
    for number, case in enumerate(chosen, start=1):
        start = time.perf_counter()
        one = measuring.measure(case, specs[case.kernel], place, **settings)
        seconds = time.perf_counter() - start
        print(f"[{number}/{len(chosen)}] {_told(one)}  ({seconds:.1f} s)", file=sys.stderr)
        yield one


def _told(one: BenchCase) -> str:
    """``gemma4_routing-h200-bf16-E128-K8-T2048: 2.913 us, floor 1.370 us``."""
    if one.ours.timing is None:
        return f"{one.case}: {one.ours.state}"
    floor = f", floor {bench_tables.number(one.floor.us)} us" if one.floor else ""
    return f"{one.case}: {bench_tables.number(one.ours.timing.us)} us{floor}"


if __name__ == "__main__":
    sys.exit(run_command(main))
