"""Timing processes that die at a case: which one is to blame, and what counts all the same."""

from typing import Literal

import pytest

from kernelproof.checks.perf import timing_processes
from kernelproof.checks.perf.timing_processes import Started
from kernelproof.records.timing import CaseRequest, TimingAnswer, TimingRequest

REQUEST = TimingRequest(
    row="gpu",
    cases=[
        CaseRequest(case=f"toy-{n}", kernel="toy", dtype="fp32", shape={"T": n}) for n in (1, 2, 3)
    ],
    rounds=3,
    seed=5,
)
# Ready, it answers for a case, then does something else.
BEGINS = """\
import json, os, sys, time
case = json.loads(sys.stdin.readline())["cases"][0]["case"]
print("ready\\n" + json.dumps({"case": case, "floor": "f"}), flush=True)
print("a word", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize(
    ("ends", "outcome", "said"),
    [
        ("os.kill(os.getpid(), 11)", "crash", "its timing process ended with -11\na word"),
        ("sys.exit(9)", "crash", "its timing process ended with 9\na word"),
        (
            "time.sleep(60)",
            "timeout",
            "its timing process took more than 3 s and was ended\na word",
        ),
    ],
    ids=["killed", "ended", "late"],
)
def test_the_case_at_which_one_dies_is_to_blame(
    monkeypatch: pytest.MonkeyPatch, ends: str, outcome: Literal["crash", "timeout"], said: str
) -> None:
    """What it answered before counts; of those after it nothing is said."""
    monkeypatch.setattr(timing_processes, "_COMMAND", ("-c", BEGINS + ends))
    assert Started().ask(REQUEST, seconds=3) == [
        TimingAnswer(case="toy-1", floor="f"),
        TimingAnswer(case="toy-2", error=said, outcome=outcome),
    ]


def test_one_that_says_that_its_device_is_lost_may_end_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has said of which case that is."""
    lost = '{"case": "toy-1", "error": "CUDA error", "outcome": "crash"}'
    monkeypatch.setattr(timing_processes, "_COMMAND", ("-c", f"print('ready'); print({lost!r})"))
    assert Started().ask(REQUEST) == [
        TimingAnswer(case="toy-1", error="CUDA error", outcome="crash")
    ]
