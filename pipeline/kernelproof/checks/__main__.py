"""``python -m kernelproof.checks parity --on h200``: runs a check's cases, a record for each.

The cases of the row run in worker processes, one for each of its GPUs in this host; with
``--gpus 1``, on the first one alone. This process supervises them, see
`kernelproof.run.supervisor`.

Exits with 0 once every case has a record, whatever it says, since the report judges; with 2, 3
or 4 after a user's own mistake, 3 also if files changed meanwhile. Any other exit code means that
cases have no record, which the report will say.
"""

import sys
from collections.abc import Sequence

from kernelproof.errors import run_command
from kernelproof.machine import revision
from kernelproof.machine.gpus import Share, gpus_of
from kernelproof.plan.schema import Check
from kernelproof.records.sensitivity import require_visible
from kernelproof.run import benchmark_files, run_plan
from kernelproof.run.supervisor import ShareSupervisor, supervise

_WORKER = ("-m", "kernelproof.checks.worker")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the cases; returns the worst exit code of the workers.

    Raises LimitError if a limit of perf is below what the row's GPU lets a comparison see.
    """
    started = revision.current()
    plan = run_plan.parse(list(sys.argv[1:] if arguments is None else arguments))
    gpus = gpus_of(plan.row)[: plan.gpus][: len(plan.cases)]
    count = len(gpus) or 1
    shares = [Share(number=number, of=count) for number in range(1, count + 1)]
    parts = [plan.to_run(started, share) for share in shares]
    if plan.check == Check.PERF:
        for case in (case for part in parts for case in part):
            require_visible(case.case.row, case.case.id, case.limit_percent or 0.0)
    if gpus and any(parts):
        numbers = ", ".join(str(gpu.number) for gpu in gpus)
        print(f"{sum(map(len, parts))} cases on {len(gpus)} GPUs: {numbers}", flush=True)
    supervisors = [
        ShareSupervisor(
            worker=_WORKER, plan=plan, share=share, cases=part, gpu=gpu, revision=started
        )
        for share, part, gpu in zip(shares, parts, gpus or [None], strict=True)
        if part
    ]
    try:
        return supervise(supervisors)
    finally:
        if plan.check == Check.PERF and len(gpus) > 1:
            benchmark_files.merge([plan.samples(share) for share in shares], plan.samples())


if __name__ == "__main__":
    sys.exit(run_command(main))
