"""The comparison of two commits: ``perf-regress -- --against REF``.

On a GPU row the kernels of both are timed in the same processes. On a row that is interpreted,
the instructions of their generated code are counted.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.checks.perf.effect import Effect, paired_effect
from kernelproof.checks.perf.judge import classify
from kernelproof.checks.perf.row_timing import request_for
from kernelproof.checks.perf.timing_processes import ProcessError, Replicates, require_times
from kernelproof.machine.worktree import worktree
from kernelproof.plan.cases import Case
from kernelproof.plan.repository import ROOT
from kernelproof.plan.timing_pace import PACE, ROUNDS
from kernelproof.records.code_lock import CodeCosts
from kernelproof.records.timing import KERNEL, REFERENCE, ProcessTimes, TimingRequest
from kernelproof.records.verdict import Verdict

# The name of a build: kernel, build and architecture.
BuildName = tuple[str, str, str]
CompiledCode = dict[BuildName, CompiledBuild]


@dataclass(frozen=True, kw_only=True)
class ComparedCase:
    """The times of one case at two commits in the same processes, and the verdict on them."""

    case: Case
    processes: tuple[ProcessTimes, ...]
    effect: Effect
    verdict: Verdict

    def __str__(self) -> str:
        """Returns ``slower  gemma4_routing-h200-bf16-E128-K8-T1: 1.490 -> 1.540 us, +3.36 %``."""
        old, new = (
            median(process.us(name) for process in self.processes) for name in (REFERENCE, KERNEL)
        )
        return f"{self.verdict:12} {self.case.id}: {old:.3f} -> {new:.3f} us, {self.effect}"


@dataclass(frozen=True, kw_only=True)
class CommitComparison:
    """The timing of one row's cases at two source trees.

    `tree` holds the kernels to judge, None for this tree, and `reference_tree` those to judge them
    by. `limits` are in percent.
    """

    row: str
    limits: Mapping[Case, float]
    reference_tree: Path
    tree: Path | None
    say: Callable[[str], None]

    def run(self) -> list[ComparedCase]:
        """Returns every case, decided or after the most processes.

        Raises ProcessError if a process dies or a case fails.
        """
        times: dict[Case, list[ProcessTimes]] = {case: [] for case in self.limits}
        undecided, count = list(self.limits), 0
        while undecided and count < PACE.most:
            more = min(PACE.more if count else PACE.first, PACE.most - count)
            self._time(undecided, more, count, times)
            count += more
            compared = [self._compare(case, times[case]) for case in self.limits]
            undecided = [pair.case for pair in compared if pair.verdict == Verdict.INCONCLUSIVE]
        return compared

    def _time(
        self, cases: Sequence[Case], count: int, seed: int, times: dict[Case, list[ProcessTimes]]
    ) -> None:
        """Runs `count` processes, and adds the times of each to `times`."""
        floors: dict[Case, str | None] = dict.fromkeys(cases)
        with Replicates() as processes:
            for number in range(count):
                request = TimingRequest(
                    row=self.row,
                    cases=[request_for(case, floor) for case, floor in floors.items()],
                    rounds=ROUNDS,
                    seed=seed + number,
                    tree=str(self.tree) if self.tree else None,
                    reference_tree=str(self.reference_tree),
                )
                answers = require_times(processes.ask(request, is_last=number + 1 == count))
                for case, answer in zip(cases, answers, strict=True):
                    if answer.process is None:
                        raise ProcessError(f"{answer.case}: found no times")
                    times[case].append(answer.process)
                    floors[case] = answer.floor  # a later process need not look for the fastest
                self.say(f"process {seed + number + 1}: {len(cases)} cases")

    def _compare(self, case: Case, processes: Sequence[ProcessTimes]) -> ComparedCase:
        times = [[process.us(name) for process in processes] for name in (KERNEL, REFERENCE)]
        pair = paired_effect(*times, comparisons=len(self.limits))
        verdict = classify(pair, self.limits[case])
        return ComparedCase(case=case, processes=tuple(processes), effect=pair, verdict=verdict)


@contextmanager
def commit_tree(commit: str) -> Iterator[Path]:
    """Yields a worktree of a commit with the pipeline of this tree: its kernels, today's rules."""
    with worktree(commit) as root:
        shutil.rmtree(root / "pipeline", ignore_errors=True)
        shutil.copytree(ROOT / "pipeline", root / "pipeline")
        yield root


def compile_kernels(
    root: Path, kernels: Sequence[str], architectures: Sequence[str], *, workers: int
) -> CompiledCode:
    """Returns the code of every build of the kernels in the tree `root`."""
    request = CompileRequest(kernels=list(kernels), architectures=list(architectures))
    builds = ask(request, root=root, workers=workers)
    return {(build.kernel, build.build, build.architecture): build for build in builds}


def code_hashes(code: CompiledCode) -> dict[BuildName, str]:
    """Returns the hash of every build, or its error."""
    builds = code.items()
    return {
        name: build.costs.sha256 if build.costs else build.error or "" for name, build in builds
    }


@dataclass(frozen=True, kw_only=True)
class CostChange:
    """The cost of one build at two commits: instructions a row, and spills."""

    name: BuildName
    old: CodeCosts | None
    new: CodeCosts | None

    @property
    def is_same(self) -> bool:
        """Tells if both commits compile to the same instructions."""
        return bool(self.old and self.new and self.old.sha256 == self.new.sha256)

    def is_dearer(self, limit: float) -> bool:
        """Tells if a row takes over `limit` percent more instructions, or more spills.

        A build that no longer compiles is dearer, too.
        """
        if self.old is None or self.new is None:
            return self.old is not None
        most = self.old.instructions_per_row * (1 + limit / 100)
        return self.new.instructions_per_row > most or self.new.spills > self.old.spills

    def __str__(self) -> str:
        """Returns ``bf16-E128-K8-T1-cuda sm_90: 406.5 -> 420 instructions a row``."""
        costs = (self.old, self.new)
        old, new = (f"{cost.instructions_per_row:g}" if cost else "none" for cost in costs)
        spills = [cost.spills if cost else 0 for cost in costs]
        more = f", {spills[0]} -> {spills[1]} spills" if any(spills) else ""
        _, build, architecture = self.name
        return f"{build} {architecture}: {old} -> {new} instructions a row{more}"


def compare_costs(old: CompiledCode, new: CompiledCode) -> list[CostChange]:
    """Returns the cost of every build that either commit has."""
    costs = [{name: build.costs for name, build in code.items()} for code in (old, new)]
    names = dict.fromkeys([*new, *old])
    return [CostChange(name=name, old=costs[0].get(name), new=costs[1].get(name)) for name in names]
