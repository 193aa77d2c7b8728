"""The rows that CI runs, as JSON: one machine to ask for each.

``python -m kernelproof.plan.schedule`` prints one line, which gpu.yml takes as its matrix::

    [{"name": "h200", "runner": ["gpu", "h200"], "minutes": 496, "queue": "host-gpu-h200"}]

A row is left out if matrix.yaml skips all of its cases. Interpreted rows are left out, too, except
with ``--baseline golden`` or ``--baseline codegen``, which can be measured without a GPU.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from kernelproof.errors import UserError, run_command
from kernelproof.plan import cases, matrix
from kernelproof.plan.schema import Check
from kernelproof.plan.timing_pace import PACE, SECONDS_A_PROCESS

# GitHub refuses a matrix without entries, and one with more than this.
_MOST_ROWS = 256
# The time of a row beyond its cases: checkout, and the installation of its toolchain.
_MINUTES_TO_INSTALL = 30
# The most timing processes of a row: its own, and as many beside the baseline's code.
_PERF_PROCESSES = 2 * PACE.most
# The processes of a gate card: 30, and two that calibrate.
_CARD_PROCESSES = 32
# The checks that run for a new baseline of a kind; a card has processes of its own alone.
KINDS = {
    "golden": [Check.PARITY],
    "codegen": [Check.PARITY],
    "perf": [Check.PARITY, Check.PERF],
    "gate-card": [Check.PERF],
}
# The kinds that can be measured without a GPU.
_ANYWHERE = {"golden", "codegen"}


class ScheduledRow(TypedDict):
    """A row's name, its runner's labels, the minutes it may take, and the queue of its host."""

    name: str
    runner: list[str]
    minutes: int
    queue: str


def schedule(
    selection: cases.Selection, checks: Sequence[Check] = tuple(Check), kind: str = ""
) -> list[ScheduledRow]:
    """Returns an entry for each row within `selection` that has cases to run, in the file's order.

    The rows are those with a GPU; with `kind`, those on which a baseline of that kind is measured.
    Raises UsageError for an unknown name, UserError if there are no rows, or too many for GitHub.
    """
    plan = matrix.load()
    checks = KINDS[kind] if kind else checks
    # 1. The seconds of each row's parity cases.
    seconds: Counter[str] = Counter()
    for planned in cases.plan(plan, selection, [Check.PARITY]):
        case = planned.case
        if (plan.rows[case.row].is_compiled or kind in _ANYWHERE) and not planned.skip:
            seconds[case.row] += plan.kernels[case.kernel].seconds_per_case
    _require_schedulable(len(seconds), selection)
    # 2. The seconds of its timing processes, which are as many whatever the cases are.
    processes = _CARD_PROCESSES if kind == "gate-card" else _PERF_PROCESSES
    timing = processes * SECONDS_A_PROCESS if Check.PERF in checks else 0
    return [
        ScheduledRow(
            name=name,
            runner=plan.rows[name].runner,
            minutes=_minutes((parity if Check.PARITY in checks else 0) + timing),
            queue="-".join(["host", *sorted(plan.rows[name].runner)]),
        )
        for name, parity in seconds.items()
    ]


def _require_schedulable(num_rows: int, selection: cases.Selection) -> None:
    """Raises UserError if there are no rows, or more than GitHub takes."""
    if not num_rows:
        within = " ".join(["", *selection.arguments()])
        message = f"matrix.yaml{within}: found no GPU row with a case to run, expected at least one"
        raise UserError(f"{message}; add a row whose backend is not interpreter, or name another")
    if num_rows > _MOST_ROWS:
        message = f"matrix.yaml: found {num_rows} GPU rows, expected at most {_MOST_ROWS}"
        raise UserError(f"{message}, all that GitHub takes at once; name some of them with --row")


def _minutes(seconds: int) -> int:
    return _MINUTES_TO_INSTALL + math.ceil(seconds / 60)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the entries of the GPU rows, or of the rows that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m kernelproof.plan.schedule", description=__doc__
    )
    text = "only this row; may be given several times"
    parser.add_argument("--row", action="append", default=[], metavar="ROW", help=text)
    text = "the check that the rows run, for which alone they get minutes"
    parser.add_argument("--check", choices=["all", *Check], default="all", help=text)
    text = "the kind of baseline that is measured on the row"
    parser.add_argument("--baseline", choices=list(KINDS), default="", metavar="KIND", help=text)
    options = parser.parse_args(arguments)
    checks = list(Check) if options.check == "all" else [Check(options.check)]
    print(json.dumps(schedule(cases.Selection(row=options.row), checks, options.baseline)))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
