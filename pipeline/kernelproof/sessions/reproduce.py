"""``python -m kernelproof.sessions.reproduce RESULT``: runs a recorded case again and compares.

RESULT is a record's file, or the id of a case, whose record is looked for in results/. The case
runs on the row that this machine is, or on that of --row, whichever row recorded it: its inputs
depend on kernel, dtype and shape alone. With --at-commit the case runs in a worktree of the
record's commit. The bits of inputs and outputs, and the conditions of the two runs, are compared.
"""

import argparse
import math
import os
import re
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
from kernelproof.run.child_process import ChildProcess

# The conditions of a run that explain a difference best, in this order; the others come after them.
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
# Variables that switch numerics and name no place of a file, and the values that they may have.
_SWITCH = re.compile(r"(TRITON_(?!.*(DIR|PATH|HOME|PLUGIN))|NVIDIA_TF32)[A-Z0-9_]*")
_SETTING = re.compile(r"[A-Za-z0-9_.,:+-]{0,100}")
_DIGEST_SHOWN = 12  # letters


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a recorded case again; returns 0 if its bits are the recorded ones and it passes."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    case_id, record = _named_case(options.result, options.results, plan)
    if options.at_commit and record is None:
        raise UsageError("--at-commit: found no record of the case, expected one with its commit")
    planned = _planned_here(case_id, plan, options.row)
    row = plan.rows[planned.case.row]
    python = sys.executable if options.this_python else str(toolchain.python_of(row.toolchain))
    environment = {**os.environ, **_recorded_switches(record), **row.environment}
    commit = record.commit if record and options.at_commit else None
    tree = worktree(require_commit("--at-commit", commit)) if commit else None
    with tree or nullcontext(repository.ROOT) as root:
        environment["PYTHONPATH"] = python_path(root)
        fresh = _run_again(planned, [python, "-m", "kernelproof.checks"], environment, root)
    print(plain(_comparison(record, fresh)))
    is_same = record is None or _digests(fresh) == _digests(record)
    return int(Exit.GOOD if is_same and fresh.outcome == "pass" else Exit.BLOCKED)


def _parser() -> argparse.ArgumentParser:
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
    return parser


def _named_case(name: str, folder: Path, plan: Matrix) -> tuple[str, Record | None]:
    """Returns the id of the case that a command line names, and its record if there is one.

    Raises ResultsError for a file that is no record, UsageError for an unknown id.
    """
    file = Path(name)
    if file.suffix == ".json":
        try:
            record = record_files.read_file(file)
        except (OSError, HalfWrittenError) as error:
            message = f"result: {error}; expected a record of results/"
            raise ResultsError(message) from None
        return record.case, record
    known = {planned.case.id: planned for planned in cases.plan(plan, checks=[Check.PARITY])}
    if name not in known:
        mend = did_you_mean(name, list(known)) or "see results/report.json"
        message = f"result: found {name!r}, expected a record's file or the id of a case; {mend}"
        raise UsageError(message)
    try:
        return name, record_files.read(folder, known[name])
    except HalfWrittenError:
        return name, None


def _planned_here(case_id: str, plan: Matrix, row: str | None) -> Planned:
    """Returns the same case on this machine's row; raises UsageError if that row has no such."""
    planned_cases = cases.plan(plan, checks=[Check.PARITY])
    recorded = next((planned for planned in planned_cases if planned.case.id == case_id), None)
    if recorded is None:
        message = f"{plain_line(case_id)}: found a case that matrix.yaml does not plan"
        raise UsageError(f"{message}; try --at-commit")
    here = row or hardware.rows_here(plan, hardware.accelerators())[0]
    case = replace(recorded.case, row=here)
    for planned in planned_cases:
        if (planned.case, planned.check) == (case, recorded.check):
            return planned
    message = f"{case_id}: row {here} plans no such case, expected a row that does; name one: --row"
    raise UsageError(message)


def _recorded_switches(record: Record | None) -> dict[str, str]:
    """Returns the recorded variables that change numbers, and no places and devices.

    A record may come from anywhere: a path, or more than a word, is not taken from it.
    """
    recorded = record.machine.get("environment") if record else None
    return {
        name: value
        for name, value in (recorded.items() if isinstance(recorded, dict) else ())
        if _SWITCH.fullmatch(name) and isinstance(value, str) and _SETTING.fullmatch(value)
    }


def _run_again(
    planned: Planned, cells: list[str], environment: dict[str, str], root: Path
) -> Record:
    """Runs a case again in a process of its own, by the command `cells`; returns its record."""
    print(f"{planned.case.id}: running it here", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        case, options = planned.case, ["--results", folder]
        command = [*cells, planned.check, "--on", case.row, "--case", case.id, *options]
        with ChildProcess(command, cwd=root, env=environment) as child:
            lines = [*iter(lambda: child.read_line(math.inf), None)]
            code = child.wait(math.inf)
        record = record_files.read(Path(folder), planned)
    if record is None:
        output = "\n".join(child.tail or lines).strip() or f"exit code {code}"
        raise UsageError(f"{case.id}: found no result of running it again: {output}")
    return record


def _digests(record: Record) -> tuple[str | None, str | None]:
    return record.input_digest, record.digest


def _comparison(record: Record | None, fresh: Record) -> str:
    """Returns both outcomes, and which bits and conditions are the same or differ."""
    lines = [f"here      {fresh.outcome}", *(f"  {line}" for line in fresh.reason.splitlines())]
    if record is None:
        return "\n".join([*lines, "recorded  nothing: there is no record of it to compare with"])
    lines += [f"recorded  {record.outcome}", *(f"  {line}" for line in record.reason.splitlines())]
    digests = zip(("inputs", "outputs"), _digests(record), _digests(fresh), strict=True)
    for name, old, new in digests:
        same = f"same bits, {old[:_DIGEST_SHOWN]}" if old and old == new else ""
        bits = same or f"other bits: {old} -> {new}"
        lines.append(f"{name:9} {bits}")
    conditions = [f"  {line}" for line in _different_conditions(record, fresh)]
    head = "conditions that differ, the most telling first:" if conditions else "same conditions"
    return "\n".join([*lines, head, *conditions])


def _different_conditions(record: Record, fresh: Record) -> list[str]:
    """Returns the conditions in which two runs differ, the most telling first."""
    included = {"commit", "tree", "machine"}
    old, new = (_flat(run.model_dump(include=included)) for run in (record, fresh))
    names = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
    return [
        f"{name}: {old.get(name, 'nothing')} -> {new.get(name, 'nothing')}"
        for name in sorted(names, key=_rank)
    ]


def _flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Returns nested values by their paths: ``{"a": {"b": 1}}`` as ``{"a.b": 1}``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{above}{name}"
        flat |= _flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return flat


def _rank(name: str) -> tuple[int, str]:
    """Returns the sort key of a condition: its place in _TELLING, then its name."""
    ranks = (i for i, prefix in enumerate(_TELLING) if name.startswith(prefix))
    return next(ranks, len(_TELLING)), name


if __name__ == "__main__":
    sys.exit(run_command(main))
