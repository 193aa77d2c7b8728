"""Timing processes, with a stand-in for what they run: what becomes of each, however it ends."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from kernelproof.checks.perf import timing_processes
from kernelproof.checks.perf.timing_processes import ProcessError, Replicates, Started
from kernelproof.errors import Exit
from kernelproof.plan.repository import ROOT
from kernelproof.records.timing import (
    KERNEL,
    CaseRequest,
    ProcessTimes,
    TimingAnswer,
    TimingRequest,
)

REQUEST = TimingRequest(
    row="gpu",
    cases=[
        CaseRequest(case=f"toy-{n}", kernel="toy", dtype="fp32", shape={"T": n}) for n in (1, 2)
    ],
    rounds=3,
    seed=5,
)
# Answers each case it is asked for, with a remark of somebody's between, as a compiler may make.
ANSWERS = """\
import json, sys
request = json.loads(sys.stdin.readline())
print("warning: a remark")
for asked in request["cases"]:
    us = [float(request["seed"])] * request["rounds"]
    process = dict(samples_us={"kernel": us}, discarded=0, sentinel_us=9.0,
                   sm_clock_mhz=None, temperature_c=None)
    print(json.dumps(dict(case=asked["case"], floor="f", process=process)), flush=True)
"""
DIES = "import sys\nfor i in range(40): print('line', i, file=sys.stderr)\nsys.exit(7)"
SLEEPS = "import time; time.sleep(60)"


def _running(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(timing_processes, "_COMMAND", ("-c", script))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[str]]]:
    """Every process that is started; at the end of a test each has ended."""
    every: list[subprocess.Popen[str]] = []
    plain = subprocess.Popen

    def noted(*arguments: object, **settings: object) -> subprocess.Popen[str]:
        every.append(plain(*arguments, **settings))  # type: ignore[call-overload]
        return every[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    yield every
    assert [one.args for one in every if one.poll() is None] == []


def _ask(request: TimingRequest = REQUEST, seconds: float = 20) -> list[TimingAnswer]:
    return Started().ask(request, seconds)


@pytest.mark.usefixtures("started")
def test_answers_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One a case, in the order of the request; what is no answer's line is left out."""
    _running(monkeypatch, ANSWERS)
    process = ProcessTimes(
        samples_us={KERNEL: [5.0] * 3},
        discarded=0,
        sentinel_us=9.0,
        sm_clock_mhz=None,
        temperature_c=None,
    )
    assert _ask() == [
        TimingAnswer(case="toy-1", floor="f", process=process),
        TimingAnswer(case="toy-2", floor="f", process=process),
    ]


@pytest.mark.usefixtures("started")
def test_it_compiles_as_locked_code_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled, without line numbers, whatever this process interprets; in the repository."""
    names = ("TRITON_INTERPRET", "TRITON_DISABLE_LINE_INFO")
    script = f"""\
import json, os
found = [os.environ[name] for name in {names}]
for case in ("toy-1", "toy-2"):
    print(json.dumps(dict(case=case, error=" ".join([os.getcwd(), *found]))))
"""
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    _running(monkeypatch, script)
    said = f"{ROOT} 0 1"
    assert _ask() == [
        TimingAnswer(case="toy-1", error=said),
        TimingAnswer(case="toy-2", error=said),
    ]


@pytest.mark.usefixtures("started")
def test_one_that_leaves_a_case_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """However well it ends: silence is no answer."""
    _running(monkeypatch, 'print(\'{"case": "toy-1"}\')')
    with pytest.raises(ProcessError) as caught:
        _ask()
    assert str(caught.value) == "perf: a timing process answered for 1 of 2 cases"


def test_the_worker_is_what_runs(started: list[subprocess.Popen[str]]) -> None:
    """This Python's, where no stand-in is there."""
    Started().stop()
    assert [one.args for one in started] == [
        [sys.executable, "-m", "kernelproof.checks.perf.timing_worker"]
    ]


@pytest.mark.usefixtures("started")
def test_one_that_dies_is_told_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last 15 lines, and the exit code; it blocks."""
    _running(monkeypatch, DIES)
    with pytest.raises(ProcessError) as caught:
        _ask()
    last = "\n".join(f"line {n}" for n in range(25, 40))
    assert str(caught.value) == f"perf: a timing process ended with 7:\n{last}"
    assert caught.value.exit == Exit.BLOCKED


@pytest.mark.usefixtures("started")
def test_one_that_is_killed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a driver that runs out of memory: the signal, and no words."""
    _running(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    with pytest.raises(ProcessError, match=r"^perf: a timing process ended with -9$"):
        _ask()


@pytest.mark.usefixtures("started")
def test_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is said."""
    _running(monkeypatch, SLEEPS)
    with pytest.raises(ProcessError) as caught:
        _ask(seconds=0.6)
    assert str(caught.value) == "perf: a timing process took more than 1 s and was ended"


@pytest.mark.usefixtures("started")
def test_answers_of_other_cases_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or of those asked for, in another order."""
    _running(monkeypatch, 'print(\'{"case": "toy-2"}\')')
    with pytest.raises(ProcessError, match=r"answered for cases that were not asked$"):
        _ask()


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"case": "toy-1", "mine": 1}', "Extra inputs are not permitted"),
        ('{"case": "toy-1"', "Invalid JSON"),
        ('{"floor": "f"}', "Field required"),
    ],
)
def test_what_is_no_answer_is_refused(
    monkeypatch: pytest.MonkeyPatch, line: str, told: str
) -> None:
    """ProcessError, not a traceback."""
    _running(monkeypatch, f"print({line!r})")
    with pytest.raises(
        ProcessError, match=r"^perf: a timing process said what it should not: "
    ) as (caught):
        _ask()
    assert told in str(caught.value)


def test_the_next_one_is_started_while_the_first_answers(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[str]]
) -> None:
    """One more at each question but the last; each answers once, in the order of the questions."""
    _running(monkeypatch, ANSWERS)
    plain, alive = Started.ask, []

    def ask(one: Started, request: TimingRequest, seconds: float = 20) -> list[TimingAnswer]:
        alive.append(len(started))
        return plain(one, request, seconds)

    monkeypatch.setattr(Started, "ask", ask)
    with Replicates() as processes:
        for seed in (1, 2, 3):
            request = REQUEST.model_copy(update={"seed": seed})
            found = processes.ask(request, is_last=seed == 3)
            assert [one.process.us(KERNEL) for one in found if one.process] == [seed, seed]
    assert alive == [2, 3, 3]
    assert len({one.pid for one in started}) == 3


def test_all_are_stopped_at_the_end(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[str]]
) -> None:
    """Those, too, that nobody asked after all."""
    _running(monkeypatch, ANSWERS)
    with Replicates() as processes:
        processes.ask(REQUEST, is_last=False)
        assert [one.poll() for one in started] == [0, None]
    assert [one.poll() for one in started] == [0, -9]


@pytest.mark.parametrize("script", [DIES, SLEEPS], ids=["dies", "takes too long"])
def test_after_an_error_none_stays(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[str]], script: str
) -> None:
    """Neither the one that failed nor the one that waits for its turn."""
    _running(monkeypatch, script)
    plain = Started.ask
    monkeypatch.setattr(Started, "ask", lambda one, request: plain(one, request, 1))
    with pytest.raises(ProcessError), Replicates() as processes:
        processes.ask(REQUEST, is_last=False)
    assert len(started) == 2
    assert all(one.poll() is not None for one in started)


def test_an_interruption_stops_them(
    monkeypatch: pytest.MonkeyPatch, started: list[subprocess.Popen[str]]
) -> None:
    """The one that measures and the one that is ready, at once."""
    _running(monkeypatch, SLEEPS)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Started, "ask", interrupted)
    with pytest.raises(KeyboardInterrupt), Replicates() as processes:
        processes.ask(REQUEST, is_last=False)
    assert [one.poll() for one in started] == [-9, -9]
