"""A worker: forks a child for each mutant, which asks parity's function of every quick case.

``python -m pipeline.mutants.worker ROW FOLDER`` reads what it is asked from stdin and answers on
stdout, a JSON line each. Torch and Triton are imported once, before any fork; a GPU is looked for
in children alone, since no process can use one that its parent has. (That way was written for GPU
rows, and has been run on the cpu row only.)
"""

import importlib
import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import kernels
from pipeline import machine, matrix
from pipeline.cases import Case, cases_of
from pipeline.compare import Mismatch
from pipeline.mutants.answers import Answer, Answers, Asked
from pipeline.mutants.coverage import traced
from tests.cells.evidence import Evidence
from tests.cells.test_parity import test_parity

_REASON_LINES, _REASON_LENGTH = 2, 400
_AT_ONCE = 65536


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
            shutil.copytree(matrix.ROOT / "kernels", copy, ignore=ignored)
            if asked.file:
                file = copy / asked.kernel / asked.file
                file.write_text(asked.text, encoding="utf-8")
            while len(found) < len(asked.cases):
                left = asked.model_copy(update={"cases": asked.cases[len(found) :]})
                more = self._of_child(left, copy)
                found, reached = [*found, *more.answers], more.reached or reached
                if found[-1].outcome in {"timeout", "import"}:
                    break
        return Answers(id=asked.id, answers=found, reached=reached)

    def _of_child(self, asked: Asked, copy: Path) -> Answers:
        """What one child says, and of the case that it died or hung in, what became of it."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._be_the_child(asked, copy, writer)
        os.close(writer)
        told: list[dict[str, Any]] = []
        is_late = False
        try:
            for line in _lines(reader, time.monotonic() + asked.seconds):
                told.append(line)  # noqa: PERF402  (what came before a time-out is kept)
        except TimeoutError:
            is_late = True
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            os.close(reader)
        found = [Answer.model_validate(line) for line in told if "case" in line]
        is_imported = not found or found[-1].outcome != "import"
        if is_imported and len(found) < len(asked.cases):
            case = asked.cases[len(found)]
            if is_late:
                reason = f"no answer within {asked.seconds} s of the mutant's start"
                found.append(Answer(case=case, outcome="timeout", reason=reason))
            else:
                died = signal.Signals(-code).name if code < 0 else f"exit code {code}"
                found.append(Answer(case=case, outcome="crash", reason=died))
        reached: dict[str, Any] = next((line["reached"] for line in told if "reached" in line), {})
        return Answers(id=asked.id, answers=found, reached=reached)

    def _be_the_child(self, asked: Asked, copy: Path, writer: int) -> None:
        """Tells of every case on the pipe, and ends this process."""
        code = 1
        try:
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            self._run(asked, copy, writer)
            code = 0
        finally:
            os._exit(code)

    def _run(self, asked: Asked, copy: Path, writer: int) -> None:
        kernels.__path__ = [str(copy)]
        warnings.simplefilter("ignore")
        with ExitStack() as stack:
            told = None
            if asked.is_traced:
                told = stack.enter_context(traced(copy / asked.kernel))
            try:
                importlib.import_module(f"kernels.{asked.kernel}")
            except BaseException as error:  # noqa: BLE001  (whatever a mutant makes of it)
                _tell(writer, {"case": "", "outcome": "import", "reason": _reason(error)})
                return
            for name in asked.cases:
                _tell(writer, self._of_case(self.cases[name]))
        if told:
            _tell(writer, {"reached": told()})

    def _of_case(self, case: Case) -> dict[str, Any]:
        started = time.monotonic()
        outcome, reason = "pass", ""
        device = machine.device_of(self.row, self.matrix.rows[self.row])
        promise = self.matrix.kernels[case.kernel].promise(case.dtype)
        try:
            test_parity(case, Evidence(case=case, device=device, promise=promise))
        except Mismatch as mismatch:
            outcome, reason = "fail", _reason(mismatch)
        except BaseException as error:  # noqa: BLE001  (whatever a mutant makes of it)
            outcome, reason = "error", _reason(error)
        seconds = round(time.monotonic() - started, 3)
        return {"case": case.id, "outcome": outcome, "reason": reason, "seconds": seconds}


def _reason(error: BaseException) -> str:
    """The first lines of an error's message."""
    text = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
    lines = (line.strip() for line in text.splitlines() if line.strip())
    return "\n".join(list(lines)[:_REASON_LINES])[:_REASON_LENGTH]


def _tell(writer: int, line: dict[str, Any]) -> None:
    content = (json.dumps(line) + "\n").encode()
    while content:
        content = content[os.write(writer, content) :]


def _lines(reader: int, until: float) -> Iterator[dict[str, Any]]:
    """The lines of a pipe until its end; TimeoutError where that has not come by `until`."""
    content = b""
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            raise TimeoutError
        more = os.read(reader, _AT_ONCE)
        if not more:
            return
        *lines, content = (content + more).split(b"\n")
        yield from map(json.loads, lines)


def main(arguments: Sequence[str]) -> int:
    """Answers until nothing is asked any more."""
    row, folder = arguments
    worker = Worker(row, Path(folder))
    for line in sys.stdin:
        print(worker.answers(Asked.model_validate_json(line)).model_dump_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
