"""Two commits in the same processes: ``perf-regress -- --against REF`` on a GPU row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from kernelproof.checks.perf.effect import Effect, paired_effect
from kernelproof.checks.perf.judge import Speed, classify
from kernelproof.checks.perf.timing_processes import ProcessError, Replicates
from kernelproof.plan.cases import Case
from kernelproof.plan.timing_pace import PACE, ROUNDS, Pace
from kernelproof.records.timing import (
    KERNEL,
    REFERENCE,
    CaseRequest,
    ProcessTimes,
    TimingAnswer,
    TimingRequest,
)


@dataclass(frozen=True, kw_only=True)
class ComparedCase:
    """One case at two commits: the times of both, and what is concluded."""

    case: Case
    processes: tuple[ProcessTimes, ...]
    effect: Effect
    speed: Speed

    def __str__(self) -> str:
        """``slower  gemma4_routing-h200-bf16-E128-K8-T1: 1.490 -> 1.540 us, +3.36 % (…)``."""
        times = [median(one.us(name) for one in self.processes) for name in (REFERENCE, KERNEL)]
        return f"{self.speed:12} {self.case.id}: {times[0]:.3f} -> {times[1]:.3f} us, {self.effect}"


@dataclass(frozen=True, kw_only=True)
class CommitComparison:
    """Cases of one row to time at a tree, None for this one, beside the tree `root`."""

    row: str
    limits: Mapping[Case, float]
    root: Path
    tree: Path | None
    told: Callable[[str], None]
    pace: Pace = PACE

    def run(self) -> list[ComparedCase]:
        """Every case decided, or after as many processes as there are to be; ProcessError."""
        found: dict[Case, list[ProcessTimes]] = {case: [] for case in self.limits}
        open_, asked = list(self.limits), 0
        while open_ and asked < self.pace.most:
            count = min(self.pace.more if asked else self.pace.first, self.pace.most - asked)
            self._take(open_, count, asked, found)
            asked += count
            pairs = [self._pair(case, found[case]) for case in self.limits]
            open_ = [one.case for one in pairs if one.speed == Speed.INCONCLUSIVE]
        return pairs

    def _take(
        self, cases: Sequence[Case], count: int, seed: int, found: dict[Case, list[ProcessTimes]]
    ) -> None:
        asked = {
            one.id: CaseRequest(
                case=one.id, kernel=one.kernel, dtype=one.dtype, shape=dict(one.shape)
            )
            for one in cases
        }
        with Replicates() as processes:
            for number in range(count):
                request = TimingRequest(
                    row=self.row,
                    cases=list(asked.values()),
                    rounds=ROUNDS,
                    seed=seed + number,
                    tree=str(self.tree) if self.tree else None,
                    root=str(self.root),
                )
                answers = processes.ask(request, is_last=number + 1 == count)
                for case, answer in zip(cases, answers, strict=True):
                    found[case].append(_process_of(answer))
                    floor = {"floor": answer.floor}  # the first one's; to look for it takes longer
                    asked[case.id] = asked[case.id].model_copy(update=floor)
                self.told(f"process {seed + number + 1}: {len(cases)} cases")

    def _pair(self, case: Case, processes: Sequence[ProcessTimes]) -> ComparedCase:
        times = [[one.us(name) for one in processes] for name in (KERNEL, REFERENCE)]
        found = paired_effect(*times, comparisons=len(self.limits))
        speed = classify(found, self.limits[case])
        return ComparedCase(case=case, processes=tuple(processes), effect=found, speed=speed)


def _process_of(answer: TimingAnswer) -> ProcessTimes:
    if answer.error or answer.process is None:
        raise ProcessError(f"{answer.case}: {answer.error}")
    return answer.process
