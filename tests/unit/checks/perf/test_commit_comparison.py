"""Two commits beside each other: timed by made-up processes, or compared by what they compile to.

The command is ``perf-regress -- --against REF``.
"""

from contextlib import nullcontext
from pathlib import Path

import pytest

from kernelproof.checks.perf import __main__ as command
from kernelproof.checks.perf import commit_comparison
from kernelproof.checks.perf.commit_comparison import CommitComparison, ComparedCase, CompiledCode
from kernelproof.checks.perf.timing_processes import ProcessError
from kernelproof.checks.row_gpu import RowGpu
from kernelproof.errors import run_command
from kernelproof.machine.worktree import commit_of
from kernelproof.plan.repository import ROOT
from kernelproof.records.verdict import Verdict
from tests.unit.checks.codegen.codes import ARCHITECTURE, BUILD, ERROR, code_of
from tests.unit.checks.perf.fake_processes import FLOORS, FakeReplicates, case_of, near

CASES = [case_of(tokens) for tokens in (1, 2, 3)]
IDS = [case.id for case in CASES]
OLD, NEW = Path("/old"), Path("/new")
KERNEL = "gemma4_routing"


def compare(
    monkeypatch: pytest.MonkeyPatch,
    processes: FakeReplicates,
    tree: Path | None = None,
    lines: list[str] | None = None,
) -> list[ComparedCase]:
    """Returns the comparison of `tree` with OLD, in made-up processes."""
    monkeypatch.setattr(commit_comparison, "Replicates", processes)
    say = ([] if lines is None else lines).append
    limits = dict.fromkeys(CASES, 3.0)
    return CommitComparison(row="gpu", limits=limits, reference_tree=OLD, tree=tree, say=say).run()


def test_both_are_timed_in_the_same_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 are asked for every case beside the old tree; the first chooses the floor."""
    processes, lines = FakeReplicates(), list[str]()
    compared = compare(monkeypatch, processes, NEW, lines)
    assert [pair.case for pair in compared] == CASES
    assert {len(pair.processes) for pair in compared} == {8}
    assert processes.cases() == [IDS] * 8
    for request in processes.requests:
        assert (request.reference_tree, request.tree, request.row) == ("/old", "/new", "gpu")
    assert [request.seed for request in processes.requests] == [*range(8)]
    assert processes.is_last == [False] * 7 + [True]
    assert processes.floors() == [[None] * 3] + [[FLOORS[0]] * 3] * 7
    assert lines == [f"process {n}: 3 cases" for n in range(1, 9)]
    processes = FakeReplicates()  # this tree is named None
    compare(monkeypatch, processes)
    assert {request.tree for request in processes.requests} == {None}


def test_the_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case is judged by its pairs; what both commits suffer from alike cancels."""
    us = {IDS[0]: 10.5, IDS[1]: 9.5, IDS[2]: 10.0}
    processes = FakeReplicates(
        us=lambda case, n: near(us[case], n, 2.0), reference_us=lambda _, n: near(10.0, n, 2.0)
    )
    compared = compare(monkeypatch, processes)
    assert [pair.verdict for pair in compared] == [Verdict.SLOWER, Verdict.FASTER, Verdict.SAME]
    assert [round(pair.effect.percent, 6) for pair in compared] == [5, -5, 0]
    line = f"slower       {IDS[0]}: 10.000 -> 10.500 us, +5.00 % (+5.00 to +5.00)"
    assert str(compared[0]) == line
    # 4 more at a time time the undecided cases alone, 20 in all; then that is the verdict.
    processes = FakeReplicates(us=lambda case, n: near(10.0, n, 3.0 if case == IDS[1] else 0.05))
    compared = compare(monkeypatch, processes)
    assert processes.cases() == [IDS] * 8 + [[IDS[1]]] * 12
    assert [n for n, is_last in enumerate(processes.is_last, 1) if is_last] == [8, 12, 16, 20]
    assert [request.seed for request in processes.requests] == [*range(20)]
    verdicts = [pair.verdict for pair in compared]
    assert verdicts == [Verdict.SAME, Verdict.INCONCLUSIVE, Verdict.SAME]
    assert processes.entered == 0
    # A case that fails ends the comparison: its other processes would say no more.
    processes = FakeReplicates(errors={IDS[1]: "TypeError: no"})
    with pytest.raises(ProcessError, match=f"^{IDS[1]}: TypeError: no$"):
        compare(monkeypatch, processes)
    assert (len(processes.requests), processes.entered) == (1, 0)


def test_the_exit_code_is_the_worst(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 nothing slower, 1 something is, 75 undecided; the commit first, the counts last."""
    gpu = RowGpu(device=None, fingerprint={}, lock="made up")
    monkeypatch.setattr(command, "find_gpu", lambda *_: gpu)
    monkeypatch.setattr(command, "exclusive_gpu", lambda _: nullcontext())
    monkeypatch.setattr(command, "worktree", lambda _: nullcontext(OLD))
    cases = [f"{KERNEL}-h200-bf16-E128-K8-T{tokens}" for tokens in (1, 128)]
    arguments = ["--on", "h200", "--against", "HEAD", *(f"--case={case}" for case in cases)]
    times = {cases[1]: (10.0, 0.05)}
    for us, noise, code, line in (
        (10.0, 0.05, 0, "2 same"),
        (9.0, 0.05, 0, "1 faster, 1 same"),
        (11.0, 0.05, 1, "1 same, 1 slower"),
        (10.0, 3.0, 75, "1 inconclusive, 1 same"),
    ):
        times[cases[0]] = (us, noise)
        processes = FakeReplicates(us=lambda case, n: near(times[case][0], n, times[case][1]))
        monkeypatch.setattr(commit_comparison, "Replicates", processes)
        assert run_command(lambda: command.main(arguments)) == code
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"against {str(commit_of('HEAD'))[:12]} ")
        assert (lines[-1], lines[1]) == (line, "process 1: 2 cases")
        assert processes.cases()[0] == cases
    # A case of another row is no reason to be green.
    elsewhere = f"{KERNEL}-h100-bf16-E128-K8-T1"
    arguments[3:] = ["HEAD", "--case", elsewhere]
    assert run_command(lambda: command.main(arguments)) == 2
    message = f"--on h200: found no perf case to time within --case {elsewhere}; name another\n"
    assert capsys.readouterr().err == message


# The code of the new commit, then the exit code and what is printed of it.
COSTS = {
    "same": (code_of("a", kernel=KERNEL), 0, ""),
    "changed": (code_of("b", a_row=103, kernel=KERNEL), 0, "103 instructions a row"),
    "dearer": (code_of("b", a_row=103.1, kernel=KERNEL), 1, "103.1 instructions a row"),
    "spills": (code_of("b", spills=1, kernel=KERNEL), 1, "100 instructions a row, 0 -> 1 spills"),
    "does not compile": (code_of(ERROR, kernel=KERNEL), 1, "none instructions a row"),
}


@pytest.mark.parametrize("name", COSTS)
def test_code_is_counted_on_the_cpu_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Spills, or over 3 % more instructions a row, make a build dearer; each change is printed."""
    new, code, cost = COSTS[name]
    compiled = []

    def compile_kernels(
        root: Path, kernels: list[str], architectures: list[str], *, workers: int
    ) -> CompiledCode:
        assert workers > 0
        assert ARCHITECTURE in architectures
        compiled.append((root, kernels))
        return code_of("a", kernel=KERNEL) if root == OLD else new

    monkeypatch.setattr(commit_comparison, "commit_tree", lambda _: nullcontext(OLD))
    monkeypatch.setattr(commit_comparison, "compile_kernels", compile_kernels)
    assert run_command(lambda: command.main(["--on", "cpu", "--against", "HEAD"])) == code
    assert compiled == [(OLD, [KERNEL]), (ROOT, [KERNEL])]
    word = "dearer" if code else "changed"
    lines = [f"{word}  {BUILD} {ARCHITECTURE}: 100 -> {cost}"] if cost else []
    summary = f"{1 - len(lines)} same, {len(lines)} changed, of which {code} dearer"
    assert capsys.readouterr().out.splitlines()[1:] == [*lines, summary]
