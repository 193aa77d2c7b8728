"""A forked child: its lines, and the outcome of the case in which it died or hung."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from kernelproof.selftest.mutation.forked_child import ChildReport, Tell, ask_child
from kernelproof.selftest.mutation.mutant_messages import MutantRequest

# Python 3.12 warns of a fork in a process with threads, which other tests may have started.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
REQUEST = MutantRequest(id="a", kernel="toy", cases=["x", "y", "z"], seconds=1)
PASS = {"case": "x", "outcome": "pass"}


def _outcomes(report: ChildReport, *, is_brief: bool = False) -> list[tuple[str, str]]:
    outcomes = report.outcomes(REQUEST.model_copy(update={"is_brief": is_brief}))
    return [(outcome.case, outcome.outcome) for outcome in outcomes]


def test_a_child_tells_line_by_line() -> None:
    """Its lines arrive whole, however long; what it prints goes nowhere."""

    def work(tell: Tell) -> None:
        print("noise")
        tell(PASS)
        tell({"reached": ["place"] * 50_000})

    report = ask_child(work, seconds=20)
    assert (report.end, report.is_late) == ("exit code 0", False)
    assert report.lines[0] == PASS
    assert len(report.lines[1]["reached"]) == 50_000


def test_a_child_that_ends_early_does_so_in_its_case() -> None:
    """The case is a crash after a signal or an exit, and else late; lines before are kept."""
    late = "no answer within 1 s of the mutant's start"
    for end_early, seconds, end, last in (
        (lambda: os.kill(os.getpid(), signal.SIGTERM), 20, "SIGTERM", ("y", "crash", "SIGTERM")),
        (lambda: time.sleep(60), 0.5, "SIGKILL", ("y", "timeout", late)),
    ):

        def work(tell: Tell, end_early: Callable[[], None] = end_early) -> None:
            tell(PASS)
            end_early()

        report = ask_child(work, seconds)
        assert (report.end, report.is_late) == (end, end == "SIGKILL")
        outcomes = [(case.case, case.outcome, case.reason) for case in report.outcomes(REQUEST)]
        assert outcomes == [("x", "pass", ""), last]
    ended = ask_child(lambda _: os._exit(3), seconds=20)
    assert ended.outcomes(REQUEST)[0].reason == "exit code 3"


def test_a_child_is_done() -> None:
    """After the last case, a mutant that cannot be imported, and, if brief, the first kill."""

    def report(*outcomes: str) -> ChildReport:
        cases = zip("xyz", outcomes, strict=False)
        lines = [{"case": case, "outcome": outcome} for case, outcome in cases]
        return ChildReport(lines=lines, end="exit code 0", is_late=False)

    assert len(_outcomes(report("pass", "fail", "pass"))) == 3
    assert _outcomes(report("import")) == [("x", "import")]
    assert _outcomes(report("pass", "fail"), is_brief=True) == [("x", "pass"), ("y", "fail")]
    assert _outcomes(report("pass", "fail"))[2] == ("z", "crash")
