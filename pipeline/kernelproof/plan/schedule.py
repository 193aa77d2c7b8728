"""The rows that CI runs, as JSON: the machines that it has to ask for.

``python -m kernelproof.plan.schedule`` prints one line, which gpu.yml takes as its matrix::

    [{"name": "h200", "runner": ["gpu", "h200"], "minutes": 496, "queue": "host-gpu-h200"}]

A row is left out where matrix.yaml skips every case of it: nothing would run there. With
``--baseline KIND`` it is the row whose baseline is measured; only there, and only for what needs no
GPU, may it be one that is interpreted.
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
# What a row may take beyond its cases: checkout, and the installation of its toolchain.
_MINUTES_TO_INSTALL = 30
# Timing processes of a row at most: its own, and as many beside the baseline's code.
_PERF_PROCESSES = 2 * PACE.most
# Those of a gate card: 30, and two that calibrate.
_CARD_PROCESSES = 32
# What is measured for a new baseline of a kind; a card is of its own processes alone.
KINDS = {
    "golden": [Check.PARITY],
    "codegen": [Check.PARITY],
    "perf": [Check.PARITY, Check.PERF],
    "gate-card": [Check.PERF],
}
_ANYWHERE = {"golden", "codegen"}


class Entry(TypedDict):
    """A row's name, its runner's labels, the minutes of its limits, and the queue of its host."""

    name: str
    runner: list[str]
    minutes: int
    queue: str


def schedule(
    selection: cases.Selection, checks: Sequence[Check] = tuple(Check), kind: str = ""
) -> list[Entry]:
    """An entry for each row within `selection`, in the order of matrix.yaml: GPU rows alone.

    With `kind`, those whose baseline of that kind is measured. UsageError for an unknown name,
    UserError where there are no rows, or more than GitHub takes.
    """
    plan = matrix.load()
    seconds: Counter[str] = Counter()
    for planned in cases.plan(plan, selection, [Check.PARITY]):
        case = planned.case
        is_gpu = plan.rows[case.row].backend != "interpreter"
        if (is_gpu or kind in _ANYWHERE) and not planned.skip:
            seconds[case.row] += plan.kernels[case.kernel].seconds_per_case
    if not seconds:
        within = " ".join(["", *selection.arguments()])
        message = f"matrix.yaml{within}: found no GPU row with a case to run, expected at least one"
        raise UserError(f"{message}; add a row whose backend is not interpreter, or name another")
    if len(seconds) > _MOST_ROWS:
        message = f"matrix.yaml: found {len(seconds)} GPU rows, expected at most {_MOST_ROWS}"
        raise UserError(f"{message}, all that GitHub takes at once; name some of them with --row")
    asked = KINDS[kind] if kind else checks
    processes = _CARD_PROCESSES if kind == "gate-card" else _PERF_PROCESSES
    more = processes * SECONDS_A_PROCESS if Check.PERF in asked else 0
    return [
        Entry(
            name=name,
            runner=plan.rows[name].runner,
            minutes=_minutes((total if Check.PARITY in asked else 0) + more),
            queue="-".join(["host", *sorted(plan.rows[name].runner)]),
        )
        for name, total in seconds.items()
    ]


def _minutes(seconds: int) -> int:
    return _MINUTES_TO_INSTALL + math.ceil(seconds / 60)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the GPU rows, or those of them that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m kernelproof.plan.schedule", description=__doc__
    )
    text = "only this row; may be given several times"
    parser.add_argument("--row", action="append", default=[], metavar="ROW", help=text)
    text = "what is asked of the rows: their minutes are of it alone"
    parser.add_argument("--check", choices=["all", *Check], default="all", help=text)
    text = "the row is to have its baseline of this kind measured"
    parser.add_argument("--baseline", choices=list(KINDS), default="", metavar="KIND", help=text)
    options = parser.parse_args(arguments)
    checks = list(Check) if options.check == "all" else [Check(options.check)]
    print(json.dumps(schedule(cases.Selection(row=options.row), checks, options.baseline)))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
