"""A forked child: runs cases against a mutant, tells outcomes line by line, and may die."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kernelproof.run.child_process import LineReader
from kernelproof.selftest.mutation.mutant_messages import CaseOutcome, MutantAnswer, MutantRequest

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class ChildReport:
    """The lines of a child, and its end: ``SIGABRT`` or ``exit code 0``; `is_late` if it hung."""

    lines: list[dict[str, Any]]
    end: str
    is_late: bool

    def outcomes(self, request: MutantRequest) -> list[CaseOutcome]:
        """Returns the outcome of each case, with that of the case in which the child died or hung.

        A child is done after the last case, after a case that found the mutant not importable, and,
        if the request is brief, after the first that kills it.
        """
        outcomes = [CaseOutcome.model_validate(line) for line in self.lines if "case" in line]
        last = outcomes[-1] if outcomes else None
        is_ended = last and (last.outcome == "import" or (request.is_brief and last.is_kill))
        if is_ended or len(outcomes) == len(request.cases):
            return outcomes
        case = request.cases[len(outcomes)]
        if self.is_late:
            reason = f"no answer within {request.seconds} s of the mutant's start"
            return [*outcomes, CaseOutcome(case=case, outcome="timeout", reason=reason)]
        return [*outcomes, CaseOutcome(case=case, outcome="crash", reason=self.end)]


def ask_child(work: Callable[[Tell], None], seconds: float) -> ChildReport:
    """Runs `work` in a forked process, which ends with it or after so many seconds."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(work, writer)
    os.close(writer)
    lines: list[dict[str, Any]] = []
    is_late = False
    messages, until = LineReader(reader), time.monotonic() + seconds
    try:
        while (line := messages.read(until)) is not None:
            lines.append(json.loads(line))
    except TimeoutError:
        is_late = True
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(reader)
    end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return ChildReport(lines=lines, end=end, is_late=is_late)


def _be_the_child(work: Callable[[Tell], None], writer: int) -> None:
    """Works without a terminal, and ends this process."""
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        work(lambda line: _tell(writer, line))
        code = 0
    finally:
        os._exit(code)


def _tell(writer: int, line: dict[str, Any]) -> None:
    content = (json.dumps(line) + "\n").encode()
    while content:
        content = content[os.write(writer, content) :]


def serve(answer: Callable[[MutantRequest], MutantAnswer]) -> None:
    """Answers the requests on stdin, each by a line on stdout, until stdin ends."""
    for line in sys.stdin:
        print(answer(MutantRequest.model_validate_json(line)).model_dump_json(), flush=True)
