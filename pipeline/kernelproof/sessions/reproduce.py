"""``python -m kernelproof.sessions.reproduce RESULT``: runs a recorded case again and says what is the same.

RESULT is a record's file, or the id of a case, whose record is looked for in results/. The case
runs on the row that this machine is, or the one of --row, whatever row recorded it: its inputs
depend on kernel, dtype and shape alone. With --at-commit it runs in a worktree of the record's
commit. What is compared are the bits of inputs and outputs, and the conditions of the two runs.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, ResultsError, UsageError, did_you_mean, run_command
from kernelproof.escape import plain, plain_line
from kernelproof.machine import hardware, toolchain
from kernelproof.machine.worktree import require_commit, worktree
from kernelproof.plan import cases, matrix, repository
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import python_path
from kernelproof.plan.schema import Check, Matrix
from kernelproof.records import record_files
from kernelproof.records.record_files import HalfWrittenError, Record

# The conditions of a run, the most telling first; any other comes after them.
_TELLING = (
    "commit",
    "tree",
    "machine.device.name",
    "machine.packages.triton",
    "machine.packages.torch",
    "machine.device.driver",
    "machine.environment",
    "machine.packages",
    "machine.device",
    "machine.python",
)


# Switches of numerics, not places of files, and what they are set to.
_SWITCH = re.compile(r"(TRITON_(?!.*(DIR|PATH|HOME|PLUGIN))|NVIDIA_TF32)[A-Z0-9_]*")
_SETTING = re.compile(r"[A-Za-z0-9_.,:+-]{0,100}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a recorded case again; 0 where its bits are the recorded ones and it passes."""
    parser = argparse.ArgumentParser(
        prog="nox -s reproduce --",
        description="Runs a recorded case again and says which bits and conditions differ.",
        epilog="exit codes: 0 the same bits, and it passes; 1 other bits, or it does not pass",
    )
    parser.add_argument("result", help="a record's file, or the id of a case")
    parser.add_argument("--row", help="the row to run on; else the one this machine is")
    parser.add_argument("--at-commit", action="store_true", help="run the record's own commit")
    parser.add_argument("--this-python", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    options = parser.parse_args(arguments)
    the_matrix = matrix.load()
    case_id, record = _found(options.result, options.results, the_matrix)
    if options.at_commit and record is None:
        raise UsageError("--at-commit: found no record of the case, expected one with its commit")
    planned = _planned_here(case_id, the_matrix, options.row)
    row = the_matrix.rows[planned.case.row]
    python = sys.executable if options.this_python else str(toolchain.python_of(row.toolchain))
    environment = {**os.environ, **_recorded_variables(record), **row.environment}
    at = record.commit if record and options.at_commit else None
    there = worktree(require_commit("--at-commit", at)) if at else nullcontext(repository.ROOT)
    with there as root:
        environment["PYTHONPATH"] = python_path(root)
        found = _run(planned, [python, "-m", "kernelproof.checks"], environment, root)
    print(plain(_comparison(record, found)))
    is_same = record is None or (found.input_digest, found.digest) == _digests(record)
    return int(Exit.GOOD if is_same and found.outcome == "pass" else Exit.BLOCKED)


def _found(name: str, folder: Path, the_matrix: Matrix) -> tuple[str, Record | None]:
    """The case that a command line names, and its record where there is one."""
    file = Path(name)
    if file.suffix == ".json":
        try:
            record = record_files.read_file(file)
        except (OSError, HalfWrittenError) as error:
            message = f"result: {error}; expected a record of results/"
            raise ResultsError(message) from None
        return record.case, record
    plan = {one.case.id: one for one in cases.plan(the_matrix, checks=[Check.PARITY])}
    if name not in plan:
        mend = did_you_mean(name, list(plan)) or "see results/report.json"
        message = f"result: found {name!r}, expected a record's file or the id of a case; {mend}"
        raise UsageError(message)
    try:
        return name, record_files.read(folder, plan[name])
    except HalfWrittenError:
        return name, None


def _planned_here(case_id: str, the_matrix: Matrix, row: str | None) -> Planned:
    """The same case on this machine's row; UsageError where that row does not plan it."""
    plan = cases.plan(the_matrix, checks=[Check.PARITY])
    recorded = next((one for one in plan if one.case.id == case_id), None)
    if recorded is None:
        message = f"{plain_line(case_id)}: found a case that matrix.yaml does not plan"
        raise UsageError(f"{message}; try --at-commit")
    here = row or hardware.rows_here(the_matrix, hardware.accelerators())[0]
    case = replace(recorded.case, row=here)
    for planned in plan:
        if (planned.case, planned.check) == (case, recorded.check):
            return planned
    message = f"{case_id}: row {here} plans no such case, expected a row that does; name one: --row"
    raise UsageError(message)


def _recorded_variables(record: Record | None) -> dict[str, str]:
    """The variables that change numbers, as the record has them; paths and devices are local.

    A record may come from anywhere: what is a place, or more than a word, is not taken from it.
    """
    recorded = record.machine.get("environment") if record else None
    return {
        name: value
        for name, value in (recorded.items() if isinstance(recorded, dict) else ())
        if _SWITCH.fullmatch(name) and isinstance(value, str) and _SETTING.fullmatch(value)
    }


def _run(planned: Planned, cells: list[str], environment: dict[str, str], root: Path) -> Record:
    """The record of running one case again, in a process of its own."""
    print(f"{planned.case.id}: running it here", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        case, where = planned.case, ["--results", folder]
        command = [*cells, planned.check, "--on", case.row, "--case", case.id, *where]
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        record = record_files.read(Path(folder), planned)
    if record is None:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise UsageError(f"{case.id}: found no result of running it again: {said}")
    return record


def _digests(record: Record) -> tuple[str | None, str | None]:
    return record.input_digest, record.digest


def _comparison(record: Record | None, found: Record) -> str:
    """What is the same, what differs, and how it went."""
    lines = [f"here      {found.outcome}", *(f"  {line}" for line in found.reason.splitlines())]
    if record is None:
        return "\n".join([*lines, "recorded  nothing: there is no record of it to compare with"])
    lines += [f"recorded  {record.outcome}", *(f"  {line}" for line in record.reason.splitlines())]
    for name, one, two in zip(
        ("inputs", "outputs"), _digests(record), _digests(found), strict=True
    ):
        same = f"same bits, {one[:12]}" if one and one == two else f"other bits: {one} -> {two}"
        lines.append(f"{name:9} {same}")
    conditions = [f"  {line}" for line in _conditions(record, found)]
    head = "conditions that differ, the most telling first:" if conditions else "same conditions"
    return "\n".join([*lines, head, *conditions])


def _conditions(record: Record, found: Record) -> list[str]:
    """The conditions in which two runs differ, the most telling first."""
    one, two = (
        _flat(run.model_dump(include={"commit", "tree", "machine"})) for run in (record, found)
    )
    names = [name for name in dict.fromkeys([*one, *two]) if one.get(name) != two.get(name)]
    return [
        f"{name}: {one.get(name, 'nothing')} -> {two.get(name, 'nothing')}"
        for name in sorted(names, key=_rank)
    ]


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """``{"machine": {"device": {"name": "cpu"}}}`` as ``{"machine.device.name": "cpu"}``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{above}{name}"
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat


def _rank(name: str) -> tuple[int, str]:
    ranks = (i for i, prefix in enumerate(_TELLING) if name.startswith(prefix))
    return next(ranks, len(_TELLING)), name


if __name__ == "__main__":
    sys.exit(run_command(main))
