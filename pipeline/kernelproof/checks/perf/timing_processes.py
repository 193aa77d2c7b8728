"""Timing processes: a fresh one for each request, started while the one before it measures."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Self

from pydantic import ValidationError

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.timing_pace import SECONDS_A_PROCESS
from kernelproof.records.timing import READY, FailedOutcome, TimingAnswer, TimingRequest
from kernelproof.run.child_process import ChildProcess

_COMMAND = ("-m", "kernelproof.checks.perf.timing_worker")
_LAST_LINES = 15
# As locked code is compiled: without line numbers, which change the order of instructions.
_ENVIRONMENT = {"TRITON_INTERPRET": "0", "TRITON_DISABLE_LINE_INFO": "1"}


class ProcessError(UserError):
    """A timing process that ended before it measured, or answered out of order."""

    exit = Exit.BLOCKED


@dataclass(kw_only=True)
class TimingOutput:
    """The lines that a timing process printed, and how it ended: an empty string if well."""

    lines: list[str] = field(default_factory=list)
    end: str = ""
    outcome: FailedOutcome = "crash"
    last_words: str = ""


class TimingProcess:
    """A process that imports torch, then waits for its one request."""

    def __init__(self) -> None:
        command = [sys.executable, *_COMMAND]
        environment = {**os.environ, "PYTHONPATH": python_path(), **_ENVIRONMENT}
        self._child = ChildProcess(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE)

    def ask(self, request: TimingRequest, seconds: float = SECONDS_A_PROCESS) -> list[TimingAnswer]:
        """Returns the answers; if the process dies or is late, the last one blames its case.

        Raises ProcessError if the process does not get as far as to measure, or if it ends well
        without an answer for each case.
        """
        output = self._output(request, seconds)
        if output.end and READY not in output.lines:
            words = f":{output.last_words}" if output.last_words else ""
            raise ProcessError(f"perf: a timing process {output.end}{words}")
        answers = _answers(output.lines, request)
        cases = [case.case for case in request.cases]
        is_lost = answers and answers[-1].outcome != "error"
        if len(answers) < len(cases) and not is_lost:
            if not output.end:
                message = f"answered for {len(answers)} of {len(cases)} cases"
                raise ProcessError(f"perf: a timing process {message}")
            error = f"its timing process {output.end}{output.last_words}"
            case = cases[len(answers)]
            answers.append(TimingAnswer(case=case, error=error, outcome=output.outcome))
        return answers

    def _output(self, request: TimingRequest, seconds: float) -> TimingOutput:
        output, until = TimingOutput(), time.monotonic() + seconds
        with self._child as child:
            child.send(request.model_dump_json())
            try:
                while (line := child.read_line(until)) is not None:
                    output.lines.append(line)
                if code := child.wait(until):
                    output.end = f"ended with {code}"
            except TimeoutError:
                output.end = f"took more than {seconds:.0f} s and was ended"
                output.outcome = "timeout"
        last_lines = "\n".join(child.tail).strip().splitlines()[-_LAST_LINES:]
        output.last_words = "".join(f"\n{line}" for line in last_lines)
        return output

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self._child.close()


def _answers(lines: list[str], request: TimingRequest) -> list[TimingAnswer]:
    """Returns the answers among lines that may be remarks of a compiler, too."""
    try:
        answers = [TimingAnswer.model_validate_json(line) for line in lines if line[:1] == "{"]
    except ValidationError as error:
        raise ProcessError(f"perf: a timing process said what it should not: {error}") from None
    if [answer.case for answer in answers] != [case.case for case in request.cases][: len(answers)]:
        raise ProcessError("perf: a timing process answered for cases that were not asked")
    return answers


def require_times(answers: list[TimingAnswer]) -> list[TimingAnswer]:
    """Returns the answers; raises ProcessError for the first that is an error."""
    for answer in answers:
        if answer.error:
            raise ProcessError(f"{answer.case}: {answer.error}")
    return answers


class Replicates:
    """Timing processes, each started while the one before it measures.

    Leaving the context manager ends those that are left.
    """

    def __init__(self) -> None:
        self._processes: list[TimingProcess] = []

    def __enter__(self) -> Self:
        return self

    def ask(self, request: TimingRequest, *, is_last: bool) -> list[TimingAnswer]:
        """Returns the answers of a fresh process; unless it `is_last`, starts the next meanwhile.

        See `TimingProcess.ask` for a process that dies or is late.
        """
        process = self._processes.pop() if self._processes else TimingProcess()
        self._processes.append(process)  # to be ended if this one is interrupted
        if not is_last:
            self._processes.insert(0, TimingProcess())
        answers = process.ask(request)
        self._processes.remove(process)
        return answers

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.close()
