"""``python -m kernelproof.checks parity --on h200``: runs one check's cells on one row, a record a case.

The cases run in a worker process, one for each GPU of the row in this host (``--gpus 1`` takes one
alone); this process only watches: see `supervisor`.

Exits with 0 once every case has a record, whatever it found: the report judges. 2, 3 and 4 are the
user's own mistakes; anything else means that cases are missing, which the report will say.
"""

import sys
from collections.abc import Sequence

from kernelproof.errors import run_command
from kernelproof.machine import revision
from kernelproof.machine.gpus import Share, gpus_of
from kernelproof.plan.schema import Check
from kernelproof.records.sensitivity import require_visible
from kernelproof.run import benchmark_files, run_plan
from kernelproof.run.supervisor import Supervised, supervise


def main(arguments: Sequence[str] | None = None) -> int:
    """The worst exit code of the workers."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    cells, state = run_plan.parse(words), revision.current()
    gpus = gpus_of(cells.row)[: cells.gpus][: len(cells.plan)]
    shares = [Share(number=n, of=len(gpus) or 1) for n in range(1, (len(gpus) or 1) + 1)]
    plans = [cells.to_run(state, share) for share in shares]
    if cells.check == Check.PERF:
        for one in (one for plan in plans for one in plan):
            require_visible(one.case.row, one.case.id, one.limit_percent or 0.0)
    if gpus and any(plans):
        numbers = ", ".join(str(gpu.number) for gpu in gpus)
        print(f"{sum(map(len, plans))} cases on {len(gpus)} GPUs: {numbers}", flush=True)
    every = [
        Supervised(
            worker=("-m", "kernelproof.checks.worker"),
            words=words,
            cells=cells,
            share=share,
            plan=plan,
            gpu=gpu,
            source=state,
        )
        for share, plan, gpu in zip(shares, plans, gpus or [None], strict=True)
        if plan
    ]
    try:
        return supervise(every)
    finally:
        if cells.check == Check.PERF and len(gpus) > 1:
            benchmark_files.merge([cells.samples(share) for share in shares], cells.samples())


if __name__ == "__main__":
    sys.exit(run_command(main))
