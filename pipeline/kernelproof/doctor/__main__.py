"""``nox -s doctor``: checks this machine, prints a line for each check, and says what to fix.

``ok`` is well, ``warn`` may spoil a run, ``fix`` has to be fixed, ``unknown`` is not reported.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from kernelproof.doctor import amd_gpus, host_facts, intel_gpus, nvidia_gpus, toolchain_facts
from kernelproof.doctor.facts import GpuFacts, HealthFinding, Level, RowFacts, fix
from kernelproof.doctor.findings import exit_of, findings
from kernelproof.errors import (
    BaselineError,
    Exit,
    NotTheRowError,
    UsageError,
    did_you_mean,
    run_command,
)
from kernelproof.machine import hardware
from kernelproof.machine.gpu_lock import lock_file, lock_name
from kernelproof.machine.hardware import Accelerator
from kernelproof.machine.worktree import commit_of
from kernelproof.plan import matrix
from kernelproof.plan.cases import cases_of
from kernelproof.plan.schema import Check, Matrix, Row
from kernelproof.records import record_files, time_baseline

READERS = {"cuda": nvidia_gpus.read, "hip": amd_gpus.read, "xpu": intel_gpus.read}


def main(arguments: Sequence[str] | None = None) -> int:
    """Checks the rows that this machine is, or the named ones, and returns the exit code."""
    options = _options(arguments)
    plan, gpus_here = matrix.load(), hardware.accelerators()
    for name in options.row:
        if name not in plan.rows:
            message = f"--row: found {name!r}, expected one of {', '.join(plan.rows)}"
            raise UsageError(f"{message}; {did_you_mean(name, list(plan.rows))}".rstrip("; "))
    try:
        rows = options.row or hardware.rows_here(plan, gpus_here)
    except NotTheRowError as error:
        expected = ", ".join(row.device for row in plan.rows.values())
        here = ", ".join(map(str, gpus_here)) or "no GPU"
        _, _, block = str(error).partition("\n")
        do = f"add a row to matrix.yaml:\n{block}"
        finding = fix("row", here, f"one of {expected}", do)
        _show({"": [finding]}, Exit.NOT_THE_ROW, is_json=options.json)
        return int(Exit.NOT_THE_ROW)
    results = {name: findings(gather(plan, name, gpus_here, options)) for name in rows}
    code = max(map(exit_of, results.values()), default=Exit.GOOD)
    _show(results, code, is_json=options.json)
    return int(code)


def _options(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(
        prog="nox -s doctor --",
        description="Checks this machine and says what to fix.",
        epilog="exit codes: 0 healthy, with or without warnings; 1 something to fix; 4 no row",
    )
    text = "check it as this row; may be given several times"
    parser.add_argument("--row", action="append", default=[], metavar="ROW", help=text)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--this-python", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser.parse_args(arguments)


def gather(plan: Matrix, name: str, gpus_here: Sequence[Accelerator], options: Any) -> RowFacts:
    """Returns the facts of this machine as the row `name`."""
    row = plan.rows[name]
    stored, missing, complaint = _baselines(plan, name)
    return RowFacts(
        row=name,
        backend=row.backend,
        device=row.device,
        memory_gb=row.memory_gb,
        needs_gb=needs_gb(plan, name),
        needs_nox=host_facts.needed_nox(),
        gpus=tuple(_gpus(row, gpus_here)),  # before torch is asked, which is on them for a moment
        toolchain=toolchain_facts.read(row, is_own=not options.this_python),
        host=host_facts.read(options.results, has_gpu=bool(gpus_here)),
        stored=stored,
        missing_commits=missing,
        baseline_complaint=complaint,
    )


def _gpus(row: Row, gpus_here: Sequence[Accelerator]) -> list[GpuFacts]:
    """Returns the facts of the GPUs that are the row."""
    if row.backend not in READERS:
        return []
    own = [gpu for gpu in gpus_here if gpu.backend == row.backend]
    numbers = [number for number, gpu in enumerate(own) if gpu.is_row(row)]
    facts = READERS[row.backend](numbers) if numbers else []
    return [replace(gpu, is_taken=_is_taken(row, gpu.number)) for gpu in facts]


def _is_taken(row: Row, number: int) -> bool:
    """Returns True if another run holds the lock of a GPU."""
    uuid = nvidia_gpus.uuid_of(number) if row.backend == "cuda" else None
    file = lock_file(lock_name(uuid, row, number))
    if not file.exists():
        return False
    try:
        with FileLock(file, timeout=0):
            return False
    except Timeout:
        return True


def needs_gb(plan: Matrix, name: str) -> float | None:
    """Returns the most memory in GB that matrix.yaml says a case of the row needs."""
    planned = {case.kernel for case in cases_of(plan, Check.PARITY) if case.row == name}
    shapes = [shape for kernel in planned for shape in plan.kernels[kernel].shapes]
    needs = [shape.min_memory_gb for shape in shapes if shape.min_memory_gb]
    return max((gb for gb in needs if gb <= plan.rows[name].memory_gb), default=None)


def _baselines(plan: Matrix, name: str) -> tuple[dict[str, object], tuple[str, ...], str]:
    """Returns the device of the row's baselines, their commits that are missing, and an error."""
    device: dict[str, object] = {}
    commits: dict[str, None] = {}
    try:
        for kernel in plan.kernels:
            if baseline := time_baseline.load(name, kernel):
                device = baseline.kernelproof.machine.get("device", {})
                commits |= dict.fromkeys(stored.commit for stored in baseline.stored.values())
    except BaselineError as error:
        return {}, (), str(error)
    return device, tuple(commit for commit in commits if not commit_of(commit)), ""


def _show(results: dict[str, list[HealthFinding]], code: int, *, is_json: bool) -> None:
    if is_json:
        rows = [
            {"row": name, "findings": list(map(asdict, of_row))} for name, of_row in results.items()
        ]
        print(json.dumps({"version": 1, "rows": rows, "exit": int(code)}, indent=1))
        return
    for of_row in results.values():
        print("\n".join(map(str, of_row)))
    levels = [finding.level for of_row in results.values() for finding in of_row]
    counts = {level: levels.count(level) for level in Level if level in levels}
    name = ", ".join(results) or "no row"
    summary = ", ".join(f"{count} {level}" for level, count in counts.items())
    print(f"{'UNFIT' if code else 'HEALTHY'}: {name}: {summary}")


if __name__ == "__main__":
    sys.exit(run_command(main))
