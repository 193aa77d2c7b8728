"""Timing processes, with scripts of a few lines in their place: answers, deaths and deadlines.

They are processes, since their ends, their pipes and their order are what is asked about.
"""

import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from kernelproof.checks.perf import timing_processes
from kernelproof.checks.perf.timing_processes import ProcessError, Replicates, TimingProcess
from kernelproof.errors import Exit
from kernelproof.plan.repository import ROOT
from kernelproof.records.timing import KERNEL, CaseRequest, TimingAnswer, TimingRequest
from kernelproof.run.child_process import ChildProcess

CASES = [CaseRequest(case=f"toy-{n}", kernel="toy", dtype="fp32", shape={"T": n}) for n in (1, 2)]
REQUEST = TimingRequest(row="gpu", cases=CASES, rounds=3, seed=5)
# Answers for each case, with a remark between, as a compiler may make, and bytes that are no UTF-8.
ANSWERS = r"""
import json, os, sys
request = json.loads(sys.stdin.readline())
os.write(1, b"warning: \xff\n")
for case in request["cases"]:
    us = [float(request["seed"])] * request["rounds"]
    process = dict(samples_us={"kernel": us}, discarded=0, sentinel_us=9.0,
                   sm_clock_mhz=None, temperature_c=None)
    print(json.dumps(dict(case=case["case"], floor="f", process=process)), flush=True)
"""
# Ready, it answers for the first case, then does something else.
BEGINS = """
import json, os, sys, time
case = json.loads(sys.stdin.readline())["cases"][0]["case"]
print("ready\\n" + json.dumps({"case": case, "floor": "f"}), flush=True)
print("a word", file=sys.stderr, flush=True)
"""
DIES = "import sys\nfor i in range(40): print('line', i, file=sys.stderr)\nsys.exit(7)"
SLEEPS = "import time; time.sleep(60)"
SECONDS = 1.4  # that a process is allowed that takes too long


class NotedChild(ChildProcess):
    """A child process that notes its command, and its exit code once it was closed."""

    started: list["NotedChild"]

    def __init__(self, command: list[str], **options: Any) -> None:
        self.command = command
        self.code: int | None = None
        self.started.append(self)
        super().__init__(command, **options)

    def kill(self) -> int:
        """Notes the exit code."""
        self.code = super().kill()
        return self.code


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[NotedChild]]:
    """Yields the processes that a test starts; each of them has ended when it ends."""
    NotedChild.started = []
    monkeypatch.setattr(timing_processes, "ChildProcess", NotedChild)
    yield NotedChild.started
    assert [child.command for child in NotedChild.started if child.code is None] == []


def set_script(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Puts a script in the place of the timing worker."""
    monkeypatch.setattr(timing_processes, "_COMMAND", ("-S", "-E", "-c", script))


def answers_of(
    monkeypatch: pytest.MonkeyPatch, script: str, seconds: float = 20
) -> list[TimingAnswer]:
    """Returns what a process that runs `script` answers to `REQUEST`."""
    set_script(monkeypatch, script)
    return TimingProcess().ask(REQUEST, seconds)


def error_of(monkeypatch: pytest.MonkeyPatch, script: str, seconds: float = 20) -> str:
    """Returns the message of the ProcessError that such a process leads to."""
    with pytest.raises(ProcessError) as caught:
        answers_of(monkeypatch, script, seconds)
    assert caught.value.exit == Exit.BLOCKED
    return str(caught.value)


def test_answers_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case has its answer, in the order of the request; other lines are left out."""
    answers = answers_of(monkeypatch, ANSWERS)
    assert [(answer.case, answer.floor) for answer in answers] == [("toy-1", "f"), ("toy-2", "f")]
    for answer in answers:
        assert answer.process is not None
        assert answer.process.samples_us == {KERNEL: [5.0] * 3}
        assert (answer.process.sentinel_us, answer.error) == (9.0, "")


def test_it_compiles_as_locked_code_is(
    monkeypatch: pytest.MonkeyPatch, started: list[NotedChild]
) -> None:
    """Compiled, without line numbers, whatever this process interprets; in the repository.

    It is this Python's timing worker that runs, if no script is in its place.
    """
    TimingProcess().close()
    worker = [sys.executable, "-m", "kernelproof.checks.perf.timing_worker"]
    assert [child.command for child in started] == [worker]
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    names = ("TRITON_INTERPRET", "TRITON_DISABLE_LINE_INFO")
    script = f"""
import json, os
words = " ".join([os.getcwd(), *(os.environ[name] for name in {names})])
for case in ("toy-1", "toy-2"): print(json.dumps(dict(case=case, error=words)))
"""
    assert {answer.error for answer in answers_of(monkeypatch, script)} == {f"{ROOT} 0 1"}


def test_a_process_that_does_not_measure_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has the exit code, or the time, and the last 15 lines; it blocks."""
    last_lines = "".join(f"\nline {n}" for n in range(25, 40))
    assert error_of(monkeypatch, DIES) == f"perf: a timing process ended with 7:{last_lines}"
    killed = "import os; os.kill(os.getpid(), 9)"
    assert error_of(monkeypatch, killed) == "perf: a timing process ended with -9"
    late = "perf: a timing process took more than 1 s and was ended"
    assert error_of(monkeypatch, SLEEPS, SECONDS) == late
    # A case without an answer, cases out of order, and lines that are no answer are refused.
    for line, words in {
        '{"case": "toy-1"}': "answered for 1 of 2 cases",
        '{"case": "toy-2"}': "answered for cases that were not asked",
        '{"case": "toy-1", "mine": 1}': "Extra inputs are not permitted",
        '{"case": "toy-1"': "Invalid JSON",
        '{"floor": "f"}': "Field required",
    }.items():
        message = error_of(monkeypatch, f"print({line!r})")
        assert message.startswith("perf: a timing process ")
        assert words in message


def test_the_case_at_which_a_process_ends_is_to_blame(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers before that case count; there are none for cases after it.

    A process that reports a lost device may end there: it has answered for that case.
    """
    for script, outcome, end in (
        ("os.kill(os.getpid(), 11)", "crash", "ended with -11"),
        ("sys.exit(9)", "crash", "ended with 9"),
        (SLEEPS, "timeout", "took more than 1 s and was ended"),
    ):
        first, second = answers_of(monkeypatch, BEGINS + script, SECONDS)
        assert first == TimingAnswer(case="toy-1", floor="f")
        assert (second.case, second.outcome) == ("toy-2", outcome)
        assert second.error == f"its timing process {end}\na word"
    lost = TimingAnswer(case="toy-1", error="CUDA error", outcome="crash")
    assert answers_of(monkeypatch, f"print('ready'); print({lost.model_dump_json()!r})") == [lost]


def test_the_next_one_is_started_while_the_first_answers(
    monkeypatch: pytest.MonkeyPatch, started: list[NotedChild]
) -> None:
    """Each request but the last starts one more process; each process answers once, in order."""
    set_script(monkeypatch, ANSWERS)
    ask, counts = TimingProcess.ask, []

    def counted(process: TimingProcess, request: TimingRequest) -> list[TimingAnswer]:
        counts.append(len(started))
        return ask(process, request)

    monkeypatch.setattr(TimingProcess, "ask", counted)
    with Replicates() as processes:
        for seed in (1, 2, 3):
            request = REQUEST.model_copy(update={"seed": seed})
            answers = processes.ask(request, is_last=seed == 3)
            times = [answer.process.us(KERNEL) for answer in answers if answer.process]
            assert times == [seed, seed]
    assert counts == [2, 3, 3]


def test_no_process_is_left(monkeypatch: pytest.MonkeyPatch, started: list[NotedChild]) -> None:
    """Neither the one that was asked nor the one that waits, whichever way it ends."""
    ask, interrupt = TimingProcess.ask, mock.Mock(side_effect=KeyboardInterrupt)
    set_script(monkeypatch, ANSWERS)
    with Replicates() as processes:
        processes.ask(REQUEST, is_last=False)
        assert [child.code for child in started] == [0, None]
    assert [child.code for child in started] == [0, -9]
    set_script(monkeypatch, SLEEPS)
    for kind, method in [
        (ProcessError, lambda process, request: ask(process, request, SECONDS)),
        (KeyboardInterrupt, interrupt),
    ]:
        started.clear()
        monkeypatch.setattr(TimingProcess, "ask", method)
        with pytest.raises(kind), Replicates() as processes:
            processes.ask(REQUEST, is_last=False)
        assert [child.code for child in started] == [-9, -9]
