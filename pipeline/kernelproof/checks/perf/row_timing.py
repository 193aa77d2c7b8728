"""The timing of one row's perf cases: processes until each is decided, or the budget is spent."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelproof.checks.perf.judge import SpeedFinding, judge_timing
from kernelproof.checks.perf.timing_processes import Replicates
from kernelproof.machine.worktree import commit_of, worktree
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.timing_pace import PACE, ROUNDS, Pace
from kernelproof.records import time_baseline, timing
from kernelproof.records.timing import CaseRequest, CaseTiming, StoredTiming, TimingAnswer
from kernelproof.records.verdict import Verdict

Say = Callable[[str], None]


@dataclass(kw_only=True)
class CaseAnswers:
    """The answers of timing processes for one case, or its error.

    `reference_answers` are those of processes that also timed the commit `reference`.
    """

    planned: Planned
    stored: StoredTiming | None
    answers: list[TimingAnswer] = field(default_factory=list)
    reference_answers: list[TimingAnswer] = field(default_factory=list)
    reference: str | None = None
    error: str = ""
    outcome: timing.FailedOutcome = "error"

    @property
    def request(self) -> CaseRequest:
        """Returns the request for the case, with the floor of the first process or the baseline."""
        floor = self.stored.timing.floor if self.stored else None
        return request_for(self.planned.case, self.answers[0].floor if self.answers else floor)

    def add(self, answer: TimingAnswer, *, has_reference: bool) -> None:
        """Keeps the answer of one more process, or the first error."""
        if answer.error and not self.error:
            self.error, self.outcome = answer.error, answer.outcome
        if answer.process:
            (self.reference_answers if has_reference else self.answers).append(answer)

    @property
    def timing(self) -> CaseTiming:
        """Returns the times of all processes."""
        first, beside = self.answers[0], self.reference_answers
        return CaseTiming(
            floor=first.floor,
            bytes=first.bytes,
            code_hash=first.code_hash,
            floor_hash=first.floor_hash,
            launches=first.launches[timing.KERNEL],
            processes=[answer.process for answer in self.answers if answer.process],
            reference=self.reference,
            reference_processes=[answer.process for answer in beside if answer.process],
        )


def request_for(case: Case, floor: str | None = None) -> CaseRequest:
    """Returns the request to time a case, beside the named floor or the fastest one."""
    return CaseRequest(
        case=case.id, kernel=case.kernel, dtype=case.dtype, shape=dict(case.shape), floor=floor
    )


@dataclass(kw_only=True)
class RowTiming:
    """The timing of one row's cases on this machine, alone on its GPU.

    `comparisons` counts the cases that are judged together: these, and those on other GPUs.
    """

    row: str
    machine: Mapping[str, Any]
    cases: list[CaseAnswers]
    say: Say
    comparisons: int
    pace: Pace = PACE
    _processes: int = 0

    def run(self) -> None:
        """Times every case; an error of a case is kept with its answers."""
        # The first processes time every case, further ones only those that are undecided.
        self._time(self.cases, self.pace.first)
        while self._processes < self.pace.most and (
            undecided := [case for case in self.cases if self._is_undecided(case)]
        ):
            self._time(undecided, min(self.pace.more, self.pace.most - self._processes))
        # Other code that looks slower is timed beside the baseline's own, a commit at a time.
        by_commit: dict[str, list[CaseAnswers]] = {}
        for case in self.cases:
            if case.stored and (finding := self._finding(case)) and finding.wants_reference:
                by_commit.setdefault(case.stored.commit, []).append(case)
        for commit, cases in by_commit.items():
            self._time_with_reference(commit, cases)

    def _finding(self, case: CaseAnswers) -> SpeedFinding | None:
        """Returns the judge's finding, None for a case with an error or without answers."""
        if case.error or not case.answers:
            return None
        limit = case.planned.limit_percent or 0
        return judge_timing(
            case.timing, self.machine, case.stored, limit=limit, comparisons=self.comparisons
        )

    def _is_undecided(self, case: CaseAnswers, *, is_beside: bool = False) -> bool:
        """Tells if a case is undecided and, unless it `is_beside`, cannot be timed beside."""
        finding = self._finding(case)
        if finding is None or finding.verdict != Verdict.INCONCLUSIVE:
            return False
        stored = case.stored
        return is_beside or not (finding.wants_reference and stored and commit_of(stored.commit))

    def _time_with_reference(self, commit: str, cases: list[CaseAnswers]) -> None:
        """Times the cases beside the code of `commit`, until each is decided by it."""
        if not commit_of(commit):
            self.say(f"the baseline's commit {commit[:12]} is not in this clone: not timed beside")
            return
        self.say(f"timing the code of {commit[:12]} beside, {len(cases)} cases")
        with worktree(commit) as tree:
            for case in cases:
                case.reference = commit
            undecided, count = cases, self.pace.first
            while undecided and len(undecided[0].reference_answers) < self.pace.most:
                self._time(undecided, count, reference_tree=tree)
                undecided = [case for case in cases if self._is_undecided(case, is_beside=True)]
                count = self.pace.more

    def _time(
        self, cases: Sequence[CaseAnswers], count: int, *, reference_tree: Path | None = None
    ) -> None:
        """Runs `count` processes, each for all of the cases that have no error yet."""
        with Replicates() as processes:
            for number in range(1, count + 1):
                alive = [case for case in cases if not case.error]
                if not alive:
                    return
                start = time.monotonic()
                left = alive
                while left:  # a process that dies costs only the case that it was at
                    request = self._request(left, reference_tree)
                    answers = processes.ask(request, is_last=number == count)
                    for case, answer in zip(left, answers, strict=False):
                        case.add(answer, has_reference=reference_tree is not None)
                    left = left[len(answers) :]
                self._processes += 1
                seconds = time.monotonic() - start
                self.say(f"process {self._processes}: {len(alive)} cases in {seconds:.1f} s")

    def _request(
        self, cases: Sequence[CaseAnswers], reference_tree: Path | None
    ) -> timing.TimingRequest:
        return timing.TimingRequest(
            row=self.row,
            cases=[case.request for case in cases],
            rounds=ROUNDS,
            seed=self._processes,
            is_hashed=self._processes == 0,
            reference_tree=str(reference_tree) if reference_tree else None,
        )


def time_row(
    plan: Sequence[Planned],
    machine: Mapping[str, Any],
    say: Say,
    pace: Pace,
    comparisons: int | None = None,
) -> dict[str, CaseAnswers]:
    """Returns the answers for each planned case of one row, by its id.

    This process must have the row's GPU to itself. Intervals hold for `comparisons` cases
    together, by default those of the plan.
    """
    cases = []
    for planned in plan:
        baseline = time_baseline.load(planned.case.row, planned.case.kernel)
        stored = baseline.stored.get(planned.case.id) if baseline else None
        cases.append(CaseAnswers(planned=planned, stored=stored))
    count = comparisons or len(cases)
    row = plan[0].case.row
    RowTiming(row=row, machine=machine, cases=cases, say=say, comparisons=count, pace=pace).run()
    return {case.planned.case.id: case for case in cases}
