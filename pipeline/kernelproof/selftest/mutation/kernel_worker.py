"""A worker for kernels: forks a child for each mutant, which asks parity's questions of each case.

``python -m kernelproof.selftest.mutation.kernel_worker ROW FOLDER`` reads requests from stdin and
writes answers to stdout. It imports torch and Triton once, before any fork; only children look for
a GPU, since a process cannot use one that its parent has opened.
"""

import importlib
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from kernelproof.checks.parity.ask import ask
from kernelproof.measure import torch_device
from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.evidence import Evidence
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan import matrix, repository
from kernelproof.plan.cases import Case, cases_of
from kernelproof.selftest.mutation.forked_child import Tell, ask_child, serve
from kernelproof.selftest.mutation.kernel_coverage import traced
from kernelproof.selftest.mutation.mutant_messages import (
    KILLING,
    CaseOutcome,
    MutantAnswer,
    MutantRequest,
)

_REASON_LINES, _REASON_LENGTH = 2, 400


class KernelMutantWorker:
    """The mutants of one row, one after the other, each in a copy of the kernels in `folder`."""

    def __init__(self, row: str, folder: Path, root: Path = repository.ROOT) -> None:
        self.row, self.folder, self.kernels = row, folder, root / "kernels"
        self.matrix = matrix.load(root / "matrix.yaml")
        self.cases = {case.id: case for case in cases_of(self.matrix) if case.row == row}

    def answer(self, request: MutantRequest) -> MutantAnswer:
        """Returns the outcome of each case, up to a case that hangs or one that cannot import.

        A case behind one that crashed is asked in another child.
        """
        outcomes: list[CaseOutcome] = []
        reached: dict[str, Any] = {}
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            copy = Path(place) / "kernels"
            shutil.copytree(self.kernels, copy, ignore=shutil.ignore_patterns("__pycache__"))
            if request.file:
                file = copy / request.kernel / request.file
                file.write_text(request.text, encoding="utf-8")
            # Ask in one child after another: a case may end its child.
            while len(outcomes) < len(request.cases):
                left = request.model_copy(update={"cases": request.cases[len(outcomes) :]})
                report = ask_child(partial(self._run, left, copy), request.seconds)
                outcomes += report.outcomes(left)
                reached |= {
                    file: [tuple(span) for span in spans]
                    for line in report.lines
                    for file, spans in line.get("reached", {}).items()
                }
                is_killed = request.is_brief and outcomes[-1].is_kill
                if is_killed or outcomes[-1].outcome in {"timeout", "import"}:
                    break
        return MutantAnswer(id=request.id, outcomes=outcomes, reached=reached)

    def _run(self, request: MutantRequest, copy: Path, tell: Tell) -> None:
        """Asks the cases, in a child; tells the outcome of each as soon as it is known."""
        sys.path.insert(0, str(copy))
        importlib.invalidate_caches()
        warnings.simplefilter("ignore")
        with ExitStack() as stack:
            places = None
            if request.is_traced:
                places = stack.enter_context(traced(copy / request.kernel))
            try:
                spec_of(request.kernel)
            except BaseException as error:  # noqa: BLE001  (whatever a mutant makes of it)
                tell({"case": "", "outcome": "import", "reason": _reason(error)})
                return
            for name in request.cases:
                outcome = self._ask(self.cases[name])
                tell(outcome)
                if request.is_brief and outcome["outcome"] in KILLING:
                    break
        if places:
            tell({"reached": places()})

    def _ask(self, case: Case) -> dict[str, Any]:
        started = time.monotonic()
        outcome, reason = "pass", ""
        device = torch_device.device_of(self.row, self.matrix.rows[self.row])
        promise = self.matrix.kernels[case.kernel].promise(case.dtype)
        try:
            ask(case, Evidence(case=case, device=device, promise=promise))
        except Mismatch as mismatch:
            outcome, reason = "fail", _reason(mismatch)
        except BaseException as error:  # noqa: BLE001  (whatever a mutant makes of it)
            is_short = type(error).__name__ == "OutOfMemoryError"  # torch's, of a device
            outcome, reason = "memory" if is_short else "error", _reason(error)
        seconds = round(time.monotonic() - started, 3)
        return {"case": case.id, "outcome": outcome, "reason": reason, "seconds": seconds}


def _reason(error: BaseException) -> str:
    """Returns the first lines of an error's message."""
    text = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
    lines = (line.strip() for line in text.splitlines() if line.strip())
    return "\n".join(list(lines)[:_REASON_LINES])[:_REASON_LENGTH]


def main(arguments: Sequence[str]) -> int:
    """Answers every request; returns the exit code."""
    row, folder = arguments
    serve(KernelMutantWorker(row, Path(folder)).answer)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
