"""``python -m kernelproof.checks.worker parity --on h200 --share 1/2``: a worker of one check.

It reads its assignment, one line, from stdin: see `kernelproof.run.worker_messages`.
"""

import signal
import sys
from collections.abc import Sequence

from kernelproof.checks.perf.ask import time_share
from kernelproof.errors import run_command
from kernelproof.plan.schema import Check
from kernelproof.run import run_plan
from kernelproof.run.case_run import CaseRun, run_cases
from kernelproof.run.worker_messages import Assignment

# These checks measure all cases of a worker before each case has its test.
_RUNS = {Check.PERF: time_share}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the assigned cases; returns the exit code of the worker."""
    plan = run_plan.parse(list(sys.argv[1:] if arguments is None else arguments))
    # At SIGTERM, as at Ctrl-C, a worker writes what it knows and ends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    assignment = Assignment.from_line(sys.stdin.readline())
    return run_cases(plan, assignment, _RUNS.get(plan.check, CaseRun.test_cases))


if __name__ == "__main__":
    sys.exit(run_command(main))
