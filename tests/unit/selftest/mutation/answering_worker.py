"""A worker without a kernel: answers with its process and variables, or dies if asked to."""

import os
import sys

from kernelproof.selftest.mutation.forked_child import serve
from kernelproof.selftest.mutation.mutant_messages import CaseOutcome, MutantAnswer, MutantRequest


def _answer(request: MutantRequest) -> MutantAnswer:
    if request.id == "dies":
        os._exit(1)
    reason = f"{os.getpid()} {os.environ['OMP_NUM_THREADS']}"
    outcome = CaseOutcome(case=sys.argv[1], outcome="pass", reason=reason)
    return MutantAnswer(id=request.id, outcomes=[outcome])


if __name__ == "__main__":
    serve(_answer)
