"""Fresh timing processes, one after the other: each starts while the one before it measures."""

import os
import subprocess
import sys
from contextlib import suppress
from typing import Self

from pydantic import ValidationError

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.timing_pace import SECONDS_A_PROCESS
from kernelproof.records.timing import READY, FailedOutcome, TimingAnswer, TimingRequest

_COMMAND = ("-m", "kernelproof.checks.perf.timing_worker")
_LAST_LINES = 15
# As locked code is compiled: without line numbers, which change the order of instructions.
_ENVIRONMENT = {"TRITON_INTERPRET": "0", "TRITON_DISABLE_LINE_INFO": "1"}


class ProcessError(UserError):
    """A timing process that died, with its last words."""

    exit = Exit.BLOCKED


class Started:
    """A process that imports what it needs and waits for its request."""

    def __init__(self, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, *_COMMAND],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": python_path(), **_ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: TimingRequest, seconds: float = SECONDS_A_PROCESS) -> list[TimingAnswer]:
        """Its answers; where it dies, or takes longer, the last one is of the case that it was at.

        ProcessError where that is none: it did not get as far as to measure.
        """
        try:
            said, complaint = self._process.communicate(request.model_dump_json() + "\n", seconds)
            end = f"ended with {self._process.returncode}" if self._process.returncode else ""
            outcome: FailedOutcome = "crash"
        except subprocess.TimeoutExpired:
            said, complaint = self.stop()
            end, outcome = f"took more than {seconds:.0f} s and was ended", "timeout"
        last = "\n".join(["", *complaint.strip().splitlines()[-_LAST_LINES:]])
        lines = said.splitlines()
        if end and READY not in lines:
            raise ProcessError(f"perf: a timing process {end}{':' + last if last.strip() else ''}")
        try:
            answers = [
                TimingAnswer.model_validate_json(line) for line in lines if line.startswith("{")
            ]
        except ValidationError as error:
            raise ProcessError(f"perf: a timing process said what it should not: {error}") from None
        asked = [one.case for one in request.cases]
        if [one.case for one in answers] != asked[: len(answers)]:
            raise ProcessError("perf: a timing process answered for cases that were not asked")
        if len(answers) < len(asked) and not (answers and answers[-1].outcome != "error"):
            if not end:
                message = f"answered for {len(answers)} of {len(asked)} cases"
                raise ProcessError(f"perf: a timing process {message}")
            words = f"its timing process {end}{last}"
            answers.append(TimingAnswer(case=asked[len(answers)], error=words, outcome=outcome))
        return answers

    def stop(self) -> tuple[str, str]:
        """Ends it, whatever it does; what it said and what it complained of."""
        with suppress(OSError):
            self._process.kill()
        return self._process.communicate()


class Replicates:
    """Processes one after the other: each is started while the one before it measures."""

    def __init__(self) -> None:
        self._ready: list[Started] = []

    def __enter__(self) -> Self:
        return self

    def ask(self, request: TimingRequest, *, is_last: bool) -> list[TimingAnswer]:
        """What a fresh process answers; another one is started meanwhile, unless this is the last.

        Where it dies or takes too long, what it answered, and an error of the case it was at.
        """
        now = self._ready.pop() if self._ready else Started()
        self._ready.append(now)  # to be stopped, where this one is interrupted
        if not is_last:
            self._ready.insert(0, Started())
        answers = now.ask(request)
        self._ready.remove(now)
        return answers

    def __exit__(self, *_: object) -> None:
        for started in self._ready:
            started.stop()
