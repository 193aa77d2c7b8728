"""The process that a tool watches: a planted error, a case, a planted error, a case, and so on.

``python -m kernelproof.selftest.sanitize.sanitize_worker ROW TOOL FILE CASE...`` writes an answer
for each case to the file, and exits with 0 once every case has run, whatever its outcome.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from kernelproof.measure import torch_device
from kernelproof.measure.evidence import Evidence
from kernelproof.plan import matrix
from kernelproof.plan.cases import SANITIZE, listed_cases
from kernelproof.selftest.sanitize.case_launches import answer
from kernelproof.selftest.sanitize.planted_errors import plant


def main(arguments: Sequence[str]) -> int:
    """Runs the named cases, with a planted error before the first and after each."""
    row, tool, file, *names = arguments
    plan = matrix.load()
    device = torch_device.device_of(row, plan.rows[row])
    cases = {case.id: case for case in listed_cases(plan, SANITIZE)}
    with Path(file).open("w", encoding="utf-8") as stream:
        plant(tool, device)
        for case in (cases[name] for name in names):
            promise = plan.kernels[case.kernel].promise(case.dtype)
            seed = Evidence(case=case, device=device, promise=promise).seed
            print(answer(case, seed, device).model_dump_json(), file=stream, flush=True)
            plant(tool, device)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
