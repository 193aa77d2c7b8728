"""``python -m kernelproof.checks.worker parity --on h200 --share 1/2``: a worker of one check."""

import sys
from collections.abc import Sequence

from kernelproof.checks.perf.ask import time_share
from kernelproof.errors import run_command
from kernelproof.plan.schema import Check
from kernelproof.run import run_plan
from kernelproof.run.worker import CaseRun, run_cases

# Checks that measure all cases of a share before each has its test.
_RUNS = {Check.PERF: time_share}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the cases of a share; returns the exit code of the worker."""
    asked = run_plan.parse(list(sys.argv[1:] if arguments is None else arguments))
    return run_cases(asked, _RUNS.get(asked.check, CaseRun.test_cases))


if __name__ == "__main__":
    sys.exit(run_command(main))
