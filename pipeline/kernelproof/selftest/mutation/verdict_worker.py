"""A worker for verdict code: forks a child for each mutant, which runs the tests that reach it.

``python -m kernelproof.selftest.mutation.verdict_worker TREE FOLDER`` reads requests from stdin and
writes answers to stdout. It works in its own copy of the tree and collects the tests once, before
any fork. If only functions differ, a child exchanges their code and runs the collected tests at
once. A mutant that survives this, or changes more, meets a child that imports everything anew.
"""

import gc
import os
import shutil
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from kernelproof.plan.repository import python_path
from kernelproof.selftest.mutation import mutant_list
from kernelproof.selftest.mutation.code_exchange import Functions, exchange, loaded_functions
from kernelproof.selftest.mutation.forked_child import Tell, ask_child, serve
from kernelproof.selftest.mutation.mutant_list import VERDICTS, VerdictMutantList
from kernelproof.selftest.mutation.mutant_messages import CaseOutcome, MutantAnswer, MutantRequest

SECONDS_A_TEST = 20  # under which each takes well under two
_PROJECT = ("kernelproof", "tests", "gemma4_routing")  # the packages that a child imports anew
_REASON_LENGTH = 300


class LateError(BaseException):
    """A test that takes too long; only the end of the test catches it."""


class VerdictMutantWorker:
    """The mutants, one after the other, each in the same copy of `tree`, in `folder`."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.copy = folder / f"tree-{os.getpid()}"
        # The second plugin that is left out collects garbage twice a run.
        self.options = ["-p", "no:terminal", "-p", "no:unraisableexception", "-s"]
        self.options += ["--hypothesis-seed=0", f"--basetemp={folder}/of-{os.getpid()}"]
        self.items: dict[str, pytest.Item] = {}
        self.functions: Functions = {}
        self.kills: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.watch = _OutcomeWatch()
        shutil.copytree(tree, self.copy)
        os.chdir(self.copy)
        sys.path[:0] = python_path(self.copy).split(os.pathsep)

    def run(self) -> None:
        """Answers every request from within a session of pytest that collects all the tests."""
        entries = mutant_list.read(VERDICTS, VerdictMutantList)
        _forget_the_project()
        pytest.main([*self.options, *entries.matched_tests(self.copy)], plugins=[self, self.watch])

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Answers requests in the place of running all the tests."""
        self.items = {item.nodeid: item for item in session.items}
        self.functions = loaded_functions()
        gc.freeze()
        serve(self.answer)
        return True

    def answer(self, request: MutantRequest) -> MutantAnswer:
        """Returns the outcome of each test up to the first red one; the last has the seconds.

        The tests that killed other mutants of the same function come first.
        """
        kills = self.kills[request.id.rsplit(".", 2)[0]]
        cases = sorted(request.cases, key=lambda case: -kills[case])
        request = request.model_copy(update={"cases": cases})
        file = self.copy / "pipeline" / "kernelproof" / request.file
        kept = self.copy.with_name(f"kept-{os.getpid()}")
        shutil.copy2(file, kept)
        started = time.monotonic()
        try:
            before = file.read_text(encoding="utf-8")
            file.write_text(request.text, encoding="utf-8")
            outcomes = self._ask(request, partial(self._run_exchanged, request, before))
            if not outcomes or not outcomes[-1].is_kill:
                outcomes = self._ask(request, partial(self._run_anew, request))
        finally:
            kept.replace(file)
        seconds = round(time.monotonic() - started, 3)
        outcomes[-1] = outcomes[-1].model_copy(update={"seconds": seconds})
        kills[outcomes[-1].case] += outcomes[-1].is_kill
        return MutantAnswer(id=request.id, outcomes=outcomes)

    def _ask(self, request: MutantRequest, work: partial[None]) -> list[CaseOutcome]:
        """Returns the outcomes of a child, or none if it could not exchange the code."""
        report = ask_child(work, request.seconds)
        return [] if report.lines == [{}] else report.outcomes(request)

    def _run_exchanged(self, request: MutantRequest, before: str, tell: Tell) -> None:
        """Runs the tests in this session, in a child, with other code in the functions."""
        module = f"kernelproof.{request.file.removesuffix('.py').replace('/', '.')}"
        if not exchange(module, before, request.text, self.functions):
            tell({})
            return
        self.watch.tell = tell
        items = [self.items[test] for test in request.cases]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.watch.is_red:
                break

    def _run_anew(self, request: MutantRequest, tell: Tell) -> None:
        """Runs the tests in a session of their own, in a child that imports the changed file."""
        _forget_the_project()
        files = dict.fromkeys(test.partition("::")[0] for test in request.cases)
        watch = _OutcomeWatch(request.cases)
        watch.tell = tell
        pytest.main(["-x", *self.options, *files], plugins=[watch])


def _forget_the_project() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in _PROJECT]:
        del sys.modules[name]


class _OutcomeWatch:
    """A plugin that tells the outcome of each test; runs only `tests`, in their order, if given."""

    def __init__(self, tests: Sequence[str] = ()) -> None:
        self.places = {test: place for place, test in enumerate(tests)}
        self.tell: Tell = lambda _: None
        self.is_red = False

    def pytest_configure(self, config: pytest.Config) -> None:
        """Takes the tracebacks that cost least: only the last line of each is told."""
        config.option.tbstyle = "native"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves the tests that are asked for."""
        if self.places:
            chosen = [item for item in items if item.nodeid in self.places]
            items[:] = sorted(chosen, key=lambda item: self.places[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Iterator[None]:
        """Bounds the time of one test."""
        signal.signal(signal.SIGALRM, _be_late)
        signal.setitimer(signal.ITIMER_REAL, SECONDS_A_TEST)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tells tests that cannot be imported."""
        if report.failed:
            self._tell_red(report, "error")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tells a test that failed, or is done."""
        if report.failed:
            self._tell_red(report, "fail" if report.when == "call" else "error")
        elif report.when == "teardown" and not self.is_red:
            self.tell({"case": report.nodeid, "outcome": "pass"})

    def _tell_red(self, report: pytest.CollectReport | pytest.TestReport, outcome: str) -> None:
        crash = getattr(report.longrepr, "reprcrash", None)
        lines = (crash.message if crash else report.longreprtext).strip().splitlines()
        reason = (lines[0 if crash else -1] if lines else "")[:_REASON_LENGTH]
        self.is_red = True
        self.tell({"case": report.nodeid, "outcome": outcome, "reason": reason})


def _be_late(*_: object) -> None:
    raise LateError(f"it takes over {SECONDS_A_TEST} s")


def main(arguments: Sequence[str]) -> int:
    """Answers every request; returns the exit code."""
    VerdictMutantWorker(*map(Path, arguments)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
