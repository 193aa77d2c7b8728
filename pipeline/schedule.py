"""The GPU rows of the matrix as JSON: the machines that CI has to ask for.

``python -m pipeline.schedule`` prints one line, which gpu.yml takes as its matrix::

    [{"name": "h200", "runner": ["self-hosted", "gpu", "h200"], "minutes": 296}]

A row is left out where matrix.yaml skips every case of it: nothing would run there.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

from pipeline import cases, matrix
from pipeline.errors import UserError, run_command
from pipeline.schema import Check

# GitHub refuses a matrix without entries, and one with more than this.
_MOST_ROWS = 256
# What a row may take beyond its cases: checkout, and the installation of its toolchain.
_MINUTES_TO_INSTALL = 30


class Entry(TypedDict):
    """A row's name, the labels of its runner, and the minutes that its limits add up to."""

    name: str
    runner: list[str]
    minutes: int


def schedule(selection: cases.Selection) -> list[Entry]:
    """An entry for each GPU row within `selection`, in the order of matrix.yaml.

    UsageError for an unknown name, UserError where there are no rows, or more than GitHub takes.
    """
    plan = matrix.load()
    seconds: Counter[str] = Counter()
    for planned in cases.plan(plan, selection, [Check.PARITY]):  # all that gpu.yml runs
        case = planned.case
        if plan.rows[case.row].backend != "interpreter" and not planned.skip:
            seconds[case.row] += plan.kernels[case.kernel].seconds_per_case
    if not seconds:
        within = " ".join(["", *selection.arguments()])
        message = f"matrix.yaml{within}: found no GPU row with a case to run, expected at least one"
        raise UserError(f"{message}; add a row whose backend is not interpreter, or name another")
    if len(seconds) > _MOST_ROWS:
        message = f"matrix.yaml: found {len(seconds)} GPU rows, expected at most {_MOST_ROWS}"
        raise UserError(f"{message}, all that GitHub takes at once; name some of them with --row")
    return [
        Entry(name=name, runner=plan.rows[name].runner, minutes=_minutes(total))
        for name, total in seconds.items()
    ]


def _minutes(seconds: int) -> int:
    return _MINUTES_TO_INSTALL + math.ceil(seconds / 60)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the GPU rows, or those of them that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.schedule", description=__doc__)
    text = "only this row; may be given several times"
    parser.add_argument("--row", action="append", default=[], metavar="ROW", help=text)
    options = parser.parse_args(arguments)
    print(json.dumps(schedule(cases.Selection(row=options.row))))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
