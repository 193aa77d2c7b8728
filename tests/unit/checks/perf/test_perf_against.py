"""Two commits beside each other: their pairs, with made-up processes, and the command."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernelproof.checks.perf import __main__ as command
from kernelproof.checks.perf import commit_comparison
from kernelproof.checks.perf.commit_comparison import CommitComparison, ComparedCase, CompiledCode
from kernelproof.checks.perf.timing_processes import ProcessError
from kernelproof.errors import run_command
from kernelproof.machine.worktree import commit_of
from kernelproof.plan.repository import ROOT
from kernelproof.plan.timing_pace import Pace
from kernelproof.records.verdict import Verdict
from tests.unit.checks.codegen.codes import ARCHITECTURE, BUILD, ERROR, code_of
from tests.unit.run.processes import FLOORS, Made, case_of, near

CASES = [case_of(tokens) for tokens in (1, 2, 3)]
IDS = [case.id for case in CASES]
OLD, NEW = Path("/old"), Path("/new")
KERNEL = "gemma4_routing"


def _beside(
    monkeypatch: pytest.MonkeyPatch,
    made: Made,
    tree: Path | None = None,
    told: list[str] | None = None,
) -> list[ComparedCase]:
    monkeypatch.setattr(commit_comparison, "Replicates", made)
    limits = dict.fromkeys(CASES, 3.0)
    said = (told if told is not None else []).append
    return CommitComparison(
        row="gpu", limits=limits, reference_tree=OLD, tree=tree, say=said, pace=Pace()
    ).run()


def _speeds(pairs: Sequence[ComparedCase]) -> list[Verdict]:
    return [pair.verdict for pair in pairs]


def test_both_are_timed_in_the_same_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 of them, each asked for every case; the old tree's kernels are the reference."""
    made, told = Made(), list[str]()
    pairs = _beside(monkeypatch, made, NEW, told)
    assert [pair.case for pair in pairs] == CASES
    assert made.asked() == [IDS] * 8
    assert {(one.reference_tree, one.tree, one.row) for one in made.requests} == {
        ("/old", "/new", "gpu")
    }
    assert [one.seed for one in made.requests] == [*range(8)]
    assert made.is_last == [False] * 7 + [True]
    assert {len(pair.processes) for pair in pairs} == {8}
    assert told == [f"process {n}: 3 cases" for n in range(1, 9)]


def test_this_tree_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kernels are those that a process imports anyway."""
    made = Made()
    _beside(monkeypatch, made)
    assert {one.tree for one in made.requests} == {None}


def test_the_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower, faster and same, each by its pairs; what both suffer from alike cancels."""

    def us(case: str, number: int) -> float:
        return near({IDS[0]: 10.5, IDS[1]: 9.5, IDS[2]: 10.0}[case], number, 2.0)

    made = Made(us=us, reference_us=lambda _, n: near(10.0, n, 2.0))
    pairs = _beside(monkeypatch, made)
    assert _speeds(pairs) == [Verdict.SLOWER, Verdict.FASTER, Verdict.SAME]
    assert [round(pair.effect.percent, 6) for pair in pairs] == [5, -5, 0]
    told = f"slower       {IDS[0]}: 10.000 -> 10.500 us, +5.00 % (+5.00 to +5.00)"
    assert str(pairs[0]) == told


def test_more_processes_while_a_case_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """4 more at a time, for the open cases alone, 20 in all; then that is the verdict."""
    made = Made(us=lambda case, n: near(10.0, n, 3.0 if case == IDS[1] else 0.05))
    pairs = _beside(monkeypatch, made)
    assert made.asked() == [IDS] * 8 + [[IDS[1]]] * 12
    assert [one.seed for one in made.requests] == [*range(20)]
    assert _speeds(pairs) == [Verdict.SAME, Verdict.INCONCLUSIVE, Verdict.SAME]


def test_the_first_process_chooses_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking for it takes longer."""
    made = Made(us=lambda _, n: near(10.0, n, 3.0))
    _beside(monkeypatch, made)
    floors = [{one.floor for one in request.cases} for request in made.requests]
    assert floors[:8] == [{None}] + [{FLOORS[0]}] * 7
    assert made.open == 0


def test_a_case_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends the comparison: its other processes would say no more."""
    made = Made(errors={IDS[1]: "TypeError: no"})
    with pytest.raises(ProcessError) as caught:
        _beside(monkeypatch, made)
    assert str(caught.value) == f"{IDS[1]}: TypeError: no"
    assert (len(made.requests), made.open) == (1, 0)


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that takes itself for the row, and old commits at `OLD`."""

    @contextmanager
    def worktree(_: str) -> Iterator[Path]:
        yield OLD

    monkeypatch.setattr(command, "_enter_gpu", lambda *_: None)
    monkeypatch.setattr(command, "worktree", worktree)


@pytest.mark.usefixtures("on_a_gpu")
@pytest.mark.parametrize(
    ("us", "code", "line"),
    [
        (10.0, 0, "2 same"),
        (9.0, 0, "1 faster, 1 same"),
        (11.0, 1, "1 same, 1 slower"),
        (None, 75, "1 inconclusive, 1 same"),
    ],
)
def test_the_exit_code_is_the_worst(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    us: float | None,
    code: int,
    line: str,
) -> None:
    """0 nothing slower, 1 something is, 75 undecided; the commit first, the counts last."""
    cases = [f"{KERNEL}-h200-bf16-E128-K8-T{tokens}" for tokens in (1, 128)]

    def of(case: str, number: int) -> float:
        if case == cases[1]:
            return near(10.0, number)
        return near(us or 10.0, number, 0.05 if us else 3.0)

    monkeypatch.setattr(commit_comparison, "Replicates", made := Made(us=of))
    arguments = ["--on", "h200", "--against", "HEAD", *(f"--case={one}" for one in cases)]
    assert run_command(lambda: command.main(arguments)) == code
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"against {str(commit_of('HEAD'))[:12]} ")
    assert (said[-1], said[1]) == (line, "process 1: 2 cases")
    assert made.asked()[0] == cases


@pytest.mark.usefixtures("on_a_gpu")
def test_nothing_to_time_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A case of another row is no reason to be green."""
    other = f"{KERNEL}-h100-bf16-E128-K8-T1"
    arguments = ["--on", "h200", "--against", "HEAD", "--case", other]
    assert run_command(lambda: command.main(arguments)) == 2
    told = f"--on h200: found no perf case to time within --case {other}; name another\n"
    assert capsys.readouterr().err == told


def _counted(
    monkeypatch: pytest.MonkeyPatch, old: CompiledCode, new: CompiledCode, *arguments: str
) -> tuple[int, list[tuple[Path, list[str]]]]:
    """The exit code on the cpu row, for what the two trees compile to, and what was compiled."""
    asked = []

    @contextmanager
    def tree_of(_: str) -> Iterator[Path]:
        yield OLD

    def compiled(
        root: Path, kernels: list[str], architectures: list[str], *, workers: int
    ) -> Mapping[tuple[str, str, str], object]:
        assert workers > 0
        assert ARCHITECTURE in architectures
        asked.append((root, kernels))
        return old if root == OLD else new

    monkeypatch.setattr(commit_comparison, "commit_tree", tree_of)
    monkeypatch.setattr(commit_comparison, "compile_kernels", compiled)
    words = ["--on", "cpu", "--against", "HEAD", *arguments]
    return run_command(lambda: command.main(words)), asked


@pytest.mark.parametrize(
    ("new", "code", "lines"),
    [
        (code_of("a", kernel=KERNEL), 0, ["1 same, 0 changed, of which 0 dearer"]),
        (
            code_of("b", a_row=103, kernel=KERNEL),
            0,
            [
                f"changed  {BUILD} {ARCHITECTURE}: 100 -> 103 instructions a row",
                "0 same, 1 changed, of which 0 dearer",
            ],
        ),
        (
            code_of("b", a_row=103.1, kernel=KERNEL),
            1,
            [
                f"dearer  {BUILD} {ARCHITECTURE}: 100 -> 103.1 instructions a row",
                "0 same, 1 changed, of which 1 dearer",
            ],
        ),
        (
            code_of("b", a_row=90, spills=1, kernel=KERNEL),
            1,
            [
                f"dearer  {BUILD} {ARCHITECTURE}: 100 -> 90 instructions a row, 0 -> 1 spills",
                "0 same, 1 changed, of which 1 dearer",
            ],
        ),
        (
            code_of(ERROR, kernel=KERNEL),
            1,
            [
                f"dearer  {BUILD} {ARCHITECTURE}: 100 -> none instructions a row",
                "0 same, 1 changed, of which 1 dearer",
            ],
        ),
    ],
    ids=["same", "changed", "dearer", "spills", "does not compile"],
)
def test_where_nothing_is_timed_code_is_counted(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    new: CompiledCode,
    code: int,
    lines: list[str],
) -> None:
    """By instructions a row beyond the limit, and by spills; each build that changed is told."""
    found, asked = _counted(monkeypatch, code_of("a", kernel=KERNEL), new)
    assert (found, asked) == (code, [(OLD, [KERNEL]), (ROOT, [KERNEL])])
    assert capsys.readouterr().out.splitlines()[1:] == lines
