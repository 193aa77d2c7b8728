"""Bisection on made-up commits: what it finds, what it compiles, and what it has to judge."""

from dataclasses import dataclass, field

import pytest

from kernelproof.checks.perf import __main__ as command
from kernelproof.checks.perf import bisection
from kernelproof.checks.perf.bisection import Bisection
from kernelproof.checks.perf.commit_comparison import CompiledCode
from kernelproof.checks.perf.commit_comparison import code_hashes as hashes_of
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
    told: list[str] = field(default_factory=list)

    @property
    def commits(self) -> list[str]:
        """``c1``, ``c2``, one for each letter after the first."""
        return [f"c{n}" for n in range(1, len(self.letters))]

    def compile(self, commit: str) -> CompiledCode:
        """What a commit compiles to."""
        self.compiled.append(commit)
        return code_of(self._letter(commit))

    def is_worse(self, good: str, commit: str, old: CompiledCode, new: CompiledCode) -> bool:
        """Whether it is slower than the good one."""
        assert good == GOOD
        assert hashes_of(old) == hashes_of(code_of(self.letters[0]))
        assert hashes_of(new) == hashes_of(code_of(self._letter(commit)))
        self.judged.append(commit)
        return self._letter(commit) in self.worse

    def _letter(self, commit: str) -> str:
        return self.letters[0 if commit == GOOD else int(commit[1:])]

    def bisected(self) -> str | None:
        """The first bad commit."""
        return Bisection(
            good=GOOD,
            commits=self.commits,
            compile=self.compile,
            is_worse=self.is_worse,
            say=self.told.append,
        ).run()


@pytest.fixture(autouse=True)
def _subjects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits that no repository has are told by their names."""
    monkeypatch.setattr(bisection, "subject_of", lambda commit: commit)


@pytest.mark.parametrize("first", range(1, 17))
def test_the_first_bad_one_is_found(first: int) -> None:
    """Wherever it is among sixteen, by code alone: only the last is judged."""
    history = History(letters="a" * first + "z" * (17 - first))
    assert history.bisected() == f"c{first}"
    assert history.judged == ["c16"]
    assert len(history.compiled) == len(set(history.compiled)) <= 6


@pytest.mark.parametrize(
    ("letters", "worse", "first", "judged"),
    [
        ("aabbzz", "z", "c4", ["c5", "c2", "c3"]),
        ("aabbzz", "bz", "c2", ["c5", "c2"]),
        ("abcdefz", "defz", "c3", ["c6", "c3", "c1", "c2"]),
        ("az", "z", "c1", ["c1"]),
        ("abaz", "z", "c3", ["c3", "c1"]),
    ],
)
def test_what_is_neither_is_judged(letters: str, worse: str, first: str, judged: list[str]) -> None:
    """Code of its own: neither that of the good one nor that of the last."""
    history = History(letters=letters, worse=worse)
    assert history.bisected() == first
    assert history.judged == judged


@pytest.mark.parametrize(("letters", "judged"), [("abz", ["c2"]), ("abba", [])])
def test_a_last_one_that_is_no_worse_ends_it(letters: str, judged: list[str]) -> None:
    """None; not even judged where its code is the good one's."""
    history = History(letters=letters, worse="")
    assert history.bisected() is None
    assert history.judged == judged


def test_each_step_is_told() -> None:
    """Good or bad, and by what: the code of either end, or the judge."""
    history = History(letters="aabzz")
    history.bisected()
    assert history.told == [
        "bad   c4 (judged)",
        "good  c2 (judged)",
        "bad   c3 (the code of c4)",
    ]


def test_what_does_not_compile_is_code_of_its_own() -> None:
    """It is told apart by its error, and judged."""
    history = History(letters="a!zz")
    assert history.bisected() == "c2"
    assert history.judged == ["c3", "c1"]


def test_a_commit_is_compiled_in_a_tree_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernels and architectures that are asked for, in as many processes as may be."""
    asked: list[object] = []

    class Tree:
        def __init__(self, commit: str) -> None:
            self.commit = commit

        def __enter__(self) -> str:
            return f"/trees/{self.commit}"

        def __exit__(self, *_: object) -> None:
            asked.append("left")

    def compiled(
        root: str, kernels: list[str], architectures: list[str], *, workers: int
    ) -> CompiledCode:
        asked.append((root, kernels, architectures, workers))
        return code_of("a")

    monkeypatch.setattr(bisection, "commit_tree", Tree)
    monkeypatch.setattr(bisection, "compile_kernels", compiled)
    found = bisection.commit_compiler(["toy"], ["sm_90"], workers=3)("c1")
    assert hashes_of(found) == hashes_of(code_of("a"))
    assert asked == [("/trees/c1", ["toy"], ["sm_90"], 3), "left"]


UNKNOWN = "expected a commit of this clone; fetch it, run again"
NO_RANGE = "expected GOOD..BAD, two commits"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--bisect", "x"], f"--bisect: found 'x', {NO_RANGE}"),
        (["--bisect", "HEAD.."], f"--bisect: found 'HEAD..', {NO_RANGE}"),
        (["--bisect", "a..b..c"], f"--bisect: found 'a..b..c', {NO_RANGE}"),
        (["--bisect", "nowhere..HEAD"], f"--bisect: found 'nowhere', {UNKNOWN}"),
        (["--bisect", "HEAD..nowhere"], f"--bisect: found 'nowhere', {UNKNOWN}"),
        (["--bisect", "HEAD..--all"], f"--bisect: found '--all', {UNKNOWN}"),
        (["--bisect", "HEAD..HEAD"], "--bisect: found no commit after HEAD up to HEAD"),
        (["--against", "nowhere"], f"--against: found 'nowhere', {UNKNOWN}"),
        (["--against=--all"], f"--against: found '--all', {UNKNOWN}"),
        (
            ["--against", "HEAD", "--kernel", "toi"],
            "--kernel: found toi, expected one with perf: and codegen:",
        ),
    ],
)
def test_a_mistake_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """What was found and what was expected; exit code 2, and nothing is compiled."""
    assert run_command(lambda: command.main(["--on", "cpu", *arguments])) == 2
    assert capsys.readouterr().err == f"{told}\n"


def test_an_unknown_row_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With those that there are."""
    assert run_command(lambda: command.main(["--on", "tpu", "--against", "HEAD"])) == 2
    told = "--on: found 'tpu', expected one of cpu, a100, h100, h200, b200, mi300x, b60\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("a_row", "code", "said"),
    [
        (
            {"c3": 120.0, "c4": 120.0},
            1,
            "bad   c4 (judged)\ngood  c2 (judged)\nbad   c3 (the code of c4)\nfirst slower: c3\n",
        ),
        ({}, 0, "good  c4 (judged)\nBAD is not slower than GOOD\n"),
    ],
    ids=["found", "none"],
)
def test_where_nothing_is_timed_commits_are_counted(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    a_row: dict[str, float],
    code: int,
    said: str,
) -> None:
    """On the cpu row by instructions: 3 % more is slower; the exit code is 1 where one is found."""
    letters = {"GOOD": "a", "c1": "a", "c2": "b", "c3": "z", "c4": "z"}

    def compile_at(commit: str) -> CompiledCode:
        return code_of(letters[commit], a_row=a_row.get(commit, 100.0), kernel="gemma4_routing")

    names = {"GOOD": "GOOD", "BAD": "c4"}
    monkeypatch.setattr(command, "require_commit", lambda _, name: names[name])
    monkeypatch.setattr(command, "between", lambda *_: ["c1", "c2", "c3", "c4"])
    monkeypatch.setattr(command, "commit_compiler", lambda *_, **__: compile_at)
    monkeypatch.setattr(command, "subject_of", lambda commit: commit)
    arguments = ["--on", "cpu", "--bisect", "GOOD..BAD"]
    assert run_command(lambda: command.main(arguments)) == code
    assert capsys.readouterr().out == said
