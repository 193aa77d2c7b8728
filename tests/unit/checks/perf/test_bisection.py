"""Bisection on made-up commits: what it finds, what it compiles, and what it has to judge."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from kernelproof.checks.perf import __main__ as command
from kernelproof.checks.perf import bisection
from kernelproof.checks.perf.bisection import Bisection
from kernelproof.checks.perf.commit_comparison import CompiledCode, code_hashes
from kernelproof.errors import run_command
from tests.unit.checks.codegen.codes import code_of

GOOD = "good"


@dataclass(kw_only=True)
class History:
    """Commits by the letter of their code, the first of them good; those in `worse` are slower."""

    letters: str
    worse: str = "z"
    compiled: list[str] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def compile(self, commit: str) -> CompiledCode:
        """Notes and compiles a commit."""
        self.compiled.append(commit)
        return code_of(self._letter(commit))

    def is_worse(self, good: str, commit: str, old: CompiledCode, new: CompiledCode) -> bool:
        """Tells if a commit is slower than the good one, whose code it is given as well."""
        assert good == GOOD
        assert code_hashes(old) == code_hashes(code_of(self.letters[0]))
        assert code_hashes(new) == code_hashes(code_of(self._letter(commit)))
        self.judged.append(commit)
        return self._letter(commit) in self.worse

    def _letter(self, commit: str) -> str:
        return self.letters[0 if commit == GOOD else int(commit[1:])]

    def bisect(self) -> str | None:
        """Returns the first bad commit of ``c1``, ``c2``, one for each letter after the first."""
        return Bisection(
            good=GOOD,
            commits=[f"c{n}" for n in range(1, len(self.letters))],
            compile=self.compile,
            is_worse=self.is_worse,
            say=self.lines.append,
        ).run()


@pytest.fixture(autouse=True)
def _subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shows commits that no repository has by their names."""
    monkeypatch.setattr(bisection, "subject_of", lambda commit: commit)


def test_the_first_bad_one_is_found() -> None:
    """Wherever it is among sixteen, code alone finds it: only the last is judged.

    Each step is told: good or bad, and by what.
    """
    for first in range(1, 17):
        history = History(letters="a" * first + "z" * (17 - first))
        assert history.bisect() == f"c{first}"
        assert history.judged == ["c16"]
        assert len(history.compiled) == len(set(history.compiled)) <= 6
    history = History(letters="aabzz")
    history.bisect()
    assert history.lines == ["bad   c4 (judged)", "good  c2 (judged)", "bad   c3 (the code of c4)"]


def test_only_code_of_neither_end_is_judged() -> None:
    """A last commit that is no worse ends the search with None."""
    for letters, worse, first, judged in (
        ("aabbzz", "z", "c4", ["c5", "c2", "c3"]),
        ("aabbzz", "bz", "c2", ["c5", "c2"]),
        ("abcdefz", "defz", "c3", ["c6", "c3", "c1", "c2"]),
        ("az", "z", "c1", ["c1"]),
        ("abaz", "z", "c3", ["c3", "c1"]),
        ("a!zz", "z", "c2", ["c3", "c1"]),  # code that does not compile is told by its error
        ("abz", "", None, ["c2"]),
        ("abba", "", None, []),  # nothing is judged if the last has the code of the good one
    ):
        history = History(letters=letters, worse=worse)
        assert (history.bisect(), history.judged) == (first, judged), (letters, worse)


def test_a_commit_is_compiled_in_a_tree_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels and architectures are those asked for, in as many processes as may be."""
    steps: list[object] = []

    @contextmanager
    def commit_tree(commit: str) -> Iterator[str]:
        yield f"/trees/{commit}"
        steps.append("left")

    def compile_kernels(*request: object, workers: int) -> CompiledCode:
        steps.append((*request, workers))
        return code_of("a")

    monkeypatch.setattr(bisection, "commit_tree", commit_tree)
    monkeypatch.setattr(bisection, "compile_kernels", compile_kernels)
    code = bisection.commit_compiler(["toy"], ["sm_90"], workers=3)("c1")
    assert code_hashes(code) == code_hashes(code_of("a"))
    assert steps == [("/trees/c1", ["toy"], ["sm_90"], 3), "left"]


UNKNOWN = "expected a commit of this clone; fetch it, run again"


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """It says what was found and expected; the exit code is 2, and nothing is compiled."""
    for arguments, message in (
        ("cpu --bisect x", "--bisect: found 'x', expected GOOD..BAD"),
        ("cpu --bisect HEAD..", "--bisect: found 'HEAD..', expected GOOD..BAD"),
        ("cpu --bisect a..b..c", "--bisect: found 'a..b..c', expected GOOD..BAD"),
        ("cpu --bisect nowhere..HEAD", f"--bisect: found 'nowhere', {UNKNOWN}"),
        ("cpu --bisect HEAD..nowhere", f"--bisect: found 'nowhere', {UNKNOWN}"),
        ("cpu --bisect HEAD..--all", f"--bisect: found '--all', {UNKNOWN}"),
        ("cpu --bisect HEAD..HEAD", "--bisect: found no commit after HEAD up to HEAD"),
        ("cpu --against nowhere", f"--against: found 'nowhere', {UNKNOWN}"),
        ("cpu --against=--all", f"--against: found '--all', {UNKNOWN}"),
        ("cpu --against HEAD --kernel toi", "--kernel: found toi, expected one with perf: and "),
        ("tpu --against HEAD", "--on: found 'tpu', expected one of cpu, a100, h100, h200, b200, "),
    ):
        words = ["--on", *arguments.split()]
        assert run_command(partial(command.main, words)) == 2
        error = capsys.readouterr().err
        assert error.startswith(message)
        assert error.count("\n") == 1


def test_commits_are_counted_on_the_cpu_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bisection on the CPU row compares instructions; the exit code is 1 if a commit is slower."""
    letters = {"GOOD": "a", "c1": "a", "c2": "b", "c3": "z", "c4": "z"}
    a_row: dict[str, float] = {}

    def compile_at(commit: str) -> CompiledCode:
        return code_of(letters[commit], a_row=a_row.get(commit, 100.0), kernel="gemma4_routing")

    monkeypatch.setattr(command, "require_commit", lambda _, name: {"BAD": "c4"}.get(name, name))
    monkeypatch.setattr(command, "between", lambda *_: ["c1", "c2", "c3", "c4"])
    monkeypatch.setattr(command, "commit_compiler", lambda *_, **__: compile_at)
    monkeypatch.setattr(command, "subject_of", lambda commit: commit)
    arguments = ["--on", "cpu", "--bisect", "GOOD..BAD"]
    assert run_command(lambda: command.main(arguments)) == 0
    out = capsys.readouterr().out
    assert out == "good  c4 (judged)\nBAD is not slower than GOOD\n"
    a_row |= {"c3": 120.0, "c4": 120.0}
    assert run_command(lambda: command.main(arguments)) == 1
    steps = ["bad   c4 (judged)", "good  c2 (judged)", "bad   c3 (the code of c4)"]
    assert capsys.readouterr().out.splitlines() == [*steps, "first slower: c3"]
