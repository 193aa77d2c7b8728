"""A worker: forks a child for each mutant, which asks parity's function of every quick case.

``python -m kernelproof.selftest.mutation.kernel_worker ROW FOLDER`` reads what it is asked from stdin and answers on
stdout, a JSON line each. Torch and Triton are imported once, before any fork; a GPU is looked for
in children alone, since no process can use one that its parent has.
"""

import importlib
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from kernelproof.checks.parity.ask import ask
from kernelproof.measure import torch_device
from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.evidence import Evidence
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan import matrix, repository
from kernelproof.plan.cases import Case, cases_of
from kernelproof.selftest.mutation.exchange_messages import KILLING, Answer, Answers, Asked
from kernelproof.selftest.mutation.forked_child import Tell, ask_child
from kernelproof.selftest.mutation.kernel_coverage import traced

_REASON_LINES, _REASON_LENGTH = 2, 400


class Worker:
    """The mutants of one row, one after the other, each from a copy of the kernels in `folder`."""

    def __init__(self, row: str, folder: Path) -> None:
        self.row, self.folder = row, folder
        self.matrix = matrix.load()
        self.cases = {case.id: case for case in cases_of(self.matrix) if case.row == row}

    def answers(self, asked: Asked) -> Answers:
        """What became of each case, until one hangs or nothing can be imported."""
        found: list[Answer] = []
        reached: dict[str, Any] = {}
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            copy = Path(place) / "kernels"
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(repository.ROOT / "kernels", copy, ignore=ignored)
            if asked.file:
                file = copy / asked.kernel / asked.file
                file.write_text(asked.text, encoding="utf-8")
            while len(found) < len(asked.cases):
                left = asked.model_copy(update={"cases": asked.cases[len(found) :]})
                more = self._of_child(left, copy)
                found, reached = [*found, *more.answers], more.reached or reached
                is_killed = asked.is_brief and found[-1].outcome in KILLING
                if is_killed or found[-1].outcome in {"timeout", "import"}:
                    break
        return Answers(id=asked.id, answers=found, reached=reached)

    def _of_child(self, asked: Asked, copy: Path) -> Answers:
        """What one child says, and of the case that it died or hung in, what became of it."""
        told = ask_child(lambda tell: self._run(asked, copy, tell), asked.seconds)
        found = [Answer.model_validate(line) for line in told.lines if "case" in line]
        is_imported = not found or found[-1].outcome != "import"
        is_killed = asked.is_brief and found and found[-1].outcome in KILLING
        if is_imported and not is_killed and len(found) < len(asked.cases):
            case = asked.cases[len(found)]
            if told.is_late:
                reason = f"no answer within {asked.seconds} s of the mutant's start"
                found.append(Answer(case=case, outcome="timeout", reason=reason))
            else:
                found.append(Answer(case=case, outcome="crash", reason=told.end))
        reached: dict[str, Any] = next(
            (one["reached"] for one in told.lines if "reached" in one), {}
        )
        return Answers(id=asked.id, answers=found, reached=reached)

    def _run(self, asked: Asked, copy: Path, tell: Tell) -> None:
        sys.path.insert(0, str(copy))
        importlib.invalidate_caches()
        warnings.simplefilter("ignore")
        with ExitStack() as stack:
            told = None
            if asked.is_traced:
                told = stack.enter_context(traced(copy / asked.kernel))
            try:
                spec_of(asked.kernel)
            except BaseException as error:  # noqa: BLE001  (whatever a mutant makes of it)
                tell({"case": "", "outcome": "import", "reason": _reason(error)})
                return
            for name in asked.cases:
                answer = self._of_case(self.cases[name])
                tell(answer)
                if asked.is_brief and answer["outcome"] in KILLING:
                    break
        if told:
            tell({"reached": told()})

    def _of_case(self, case: Case) -> dict[str, Any]:
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
    """The first lines of an error's message."""
    text = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
    lines = (line.strip() for line in text.splitlines() if line.strip())
    return "\n".join(list(lines)[:_REASON_LINES])[:_REASON_LENGTH]


def main(arguments: Sequence[str]) -> int:
    """Answers until nothing is asked any more."""
    row, folder = arguments
    worker = Worker(row, Path(folder))
    for line in sys.stdin:
        print(worker.answers(Asked.model_validate_json(line)).model_dump_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
