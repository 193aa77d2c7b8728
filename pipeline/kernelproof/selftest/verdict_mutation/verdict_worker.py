"""A worker: forks a child for each mutant, which runs the tests that reach it, in its own tree.

``python -m kernelproof.selftest.verdict_mutation.verdict_worker TREE FOLDER`` reads what it is asked from stdin and answers on
stdout, a JSON line each. The tests are collected once, before any fork. Where only functions are
others, a child puts their code in the place of the old one and runs its tests at once; whatever
survives that, or changes more, is run by a child that imports everything of the project anew.
"""

import gc
import itertools
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from kernelproof.records.mutation_run import Outcome
from kernelproof.selftest.mutation.exchange_messages import Answer, Answers, Asked
from kernelproof.selftest.mutation.forked_child import Tell, ask_child
from kernelproof.selftest.verdict_mutation import verdict_list
from kernelproof.selftest.verdict_mutation.code_exchange import exchange

SECONDS_A_TEST = 20  # under which each takes well under two
_OWN = ("kernelproof", "tests", "gemma4_routing")
_REASON = 300


class LateError(BaseException):
    """A test that takes too long; nothing but the end of the test takes it for an error."""


class Worker:
    """The mutants, one after the other, each in the same copy of `tree`, in `folder`."""

    def __init__(self, tree: Path, folder: Path) -> None:
        self.copy = folder / f"tree-{os.getpid()}"
        # The second plugin that is left out collects garbage twice a run.
        self.options = ["-p", "no:terminal", "-p", "no:unraisableexception", "-s"]
        self.options += ["--hypothesis-seed=0", f"--basetemp={folder}/of-{os.getpid()}"]
        self.items: dict[str, pytest.Item] = {}
        self.watch = _Watch()
        shutil.copytree(tree, self.copy)
        os.chdir(self.copy)
        sys.path[0] = str(self.copy)

    def serve(self) -> None:
        """Answers until nothing is asked any more, from within a session that runs no test."""
        files = verdict_list.read().asking(self.copy)
        _forget()
        pytest.main([*self.options, *files], plugins=[self, self.watch])

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of running all tests."""
        self.items = {item.nodeid: item for item in session.items}
        gc.freeze()
        for line in sys.stdin:
            print(self.answers(Asked.model_validate_json(line)).model_dump_json(), flush=True)
        return True

    def answers(self, asked: Asked) -> Answers:
        """What became of each test, up to the first that fails; the last has the time of all."""
        file = self.copy / "pipeline" / "kernelproof" / asked.file
        kept = self.copy.with_name(f"kept-{os.getpid()}")
        shutil.copy2(file, kept)
        started = time.monotonic()
        try:
            before = file.read_text(encoding="utf-8")
            file.write_text(asked.text, encoding="utf-8")
            found = _answered(asked, lambda tell: self._exchanged(asked, before, tell))
            if not found or found[-1].outcome == "pass":
                found = _answered(asked, lambda tell: self._anew(asked, tell))
        finally:
            kept.replace(file)
        seconds = round(time.monotonic() - started, 3)
        return Answers(
            id=asked.id, answers=[*found[:-1], found[-1].model_copy(update={"seconds": seconds})]
        )

    def _exchanged(self, asked: Asked, before: str, tell: Tell) -> None:
        """Runs the tests in this session, where only the code of functions is another."""
        name = f"kernelproof.{asked.file.removesuffix('.py').replace('/', '.')}"
        if not exchange(sys.modules[name], before, asked.text):
            tell({})
            return
        self.watch.tell = tell
        items = [self.items[test] for test in asked.cases]
        for item, following in itertools.pairwise([*items, None]):
            assert item  # noqa: S101  (only the last one is none)
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.watch.is_red:
                break

    def _anew(self, asked: Asked, tell: Tell) -> None:
        _forget()
        files = dict.fromkeys(test.partition("::")[0] for test in asked.cases)
        watch = _Watch(asked.cases)
        watch.tell = tell
        pytest.main(["-x", *self.options, *files], plugins=[watch])


def _answered(asked: Asked, work: Callable[[Tell], None]) -> list[Answer]:
    """What a child tells of the tests, none where it could not be asked; and how it died."""
    told = ask_child(work, asked.seconds)
    if told.lines == [{}]:
        return []
    found = [Answer.model_validate(line) for line in told.lines]
    is_done = len(found) == len(asked.cases) or (found and found[-1].outcome != "pass")
    if not is_done:
        outcome: Outcome = "timeout" if told.is_late else "crash"
        found.append(Answer(case=asked.cases[len(found)], outcome=outcome, reason=told.end))
    return found


def _forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in _OWN]:
        del sys.modules[name]


class _Watch:
    """Tells what becomes of each test; of a session's own, takes those of some ids, in order."""

    def __init__(self, tests: Sequence[str] = ()) -> None:
        self.places = {test: place for place, test in enumerate(tests)}
        self.tell: Tell = lambda _: None
        self.is_red = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves those that are asked for."""
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
        """Tests that cannot be imported."""
        if report.failed:
            self._told(report, "error")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One that failed, or is done."""
        if report.failed:
            self._told(report, "fail" if report.when == "call" else "error")
        elif report.when == "teardown" and not self.is_red:
            self.tell({"case": report.nodeid, "outcome": "pass"})

    def _told(self, report: pytest.CollectReport | pytest.TestReport, outcome: str) -> None:
        crash = getattr(report.longrepr, "reprcrash", None)
        lines = (crash.message if crash else report.longreprtext).strip().splitlines()
        reason = (lines[0 if crash else -1] if lines else "")[:_REASON]
        self.is_red = True
        self.tell({"case": report.nodeid, "outcome": outcome, "reason": reason})


def _be_late(*_: object) -> None:
    raise LateError(f"it takes over {SECONDS_A_TEST} s")


def main(arguments: Sequence[str]) -> int:
    """Answers until nothing is asked any more."""
    Worker(*map(Path, arguments)).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
