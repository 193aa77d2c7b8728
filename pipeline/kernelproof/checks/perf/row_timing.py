"""One row's perf cases timed: processes until each case is decided, or the budget is spent."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelproof.checks.perf.judge import Speed, SpeedFinding, judge_timing
from kernelproof.checks.perf.timing_processes import Replicates
from kernelproof.machine import gpus
from kernelproof.machine.gpu_monitor import SECONDS_FOR_A_TURN, turn_on
from kernelproof.machine.worktree import commit_of, worktree
from kernelproof.measure import torch_device
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import shown_path
from kernelproof.plan.timing_pace import PACE, ROUNDS, SECONDS_A_PROCESS, Pace
from kernelproof.records import record_files, time_baseline
from kernelproof.records.timing import (
    KERNEL,
    CaseRequest,
    CaseTiming,
    FailedOutcome,
    StoredTiming,
    TimingAnswer,
    TimingRequest,
)
from kernelproof.run.worker import CaseRun
from kernelproof.run.worker_messages import Told

Say = Callable[[str], None]
# The samples at stored speed, and those beside another commit.
_TIMINGS = 2


@dataclass(kw_only=True)
class CaseAnswers:
    """One case while its row is timed: what was answered of it, or its error."""

    planned: Planned
    stored: StoredTiming | None
    answers: list[TimingAnswer] = field(default_factory=list)
    beside: list[TimingAnswer] = field(default_factory=list)
    reference: str | None = None
    error: str = ""
    outcome: FailedOutcome = "error"

    @property
    def asked(self) -> CaseRequest:
        """The case as a process is asked for it, beside the baseline's floor or the first one's."""
        case = self.planned.case
        floor = self.stored.timing.floor if self.stored else None
        if self.answers:
            floor = self.answers[0].floor
        return CaseRequest(
            case=case.id, kernel=case.kernel, dtype=case.dtype, shape=dict(case.shape), floor=floor
        )

    def add(self, answer: TimingAnswer, *, is_beside: bool) -> None:
        """Takes what a process says of the case."""
        if answer.error and not self.error:
            self.error, self.outcome = answer.error, answer.outcome
        if answer.process:
            (self.beside if is_beside else self.answers).append(answer)

    @property
    def timing(self) -> CaseTiming:
        """All of its processes."""
        first = self.answers[0]
        return CaseTiming(
            floor=first.floor,
            bytes=first.bytes,
            code_hash=first.code_hash,
            floor_hash=first.floor_hash,
            launches=first.launches[KERNEL],
            processes=[one.process for one in self.answers if one.process],
            reference=self.reference,
            reference_processes=[one.process for one in self.beside if one.process],
        )


@dataclass(kw_only=True)
class RowTiming:
    """The timing of one row's cases on this machine, alone on its GPU.

    `comparisons` counts the cases that are judged together: these, and those on other GPUs.
    """

    row: str
    machine: Mapping[str, Any]
    cases: list[CaseAnswers]
    told: Say
    comparisons: int
    pace: Pace = PACE
    _asked: int = 0

    def run(self) -> None:
        """Times every case; what is wrong with one is told in its record."""
        self._take(self.cases, self.pace.first)
        while self._asked < self.pace.most and (open_ := self._open()):
            self._take(open_, min(self.pace.more, self.pace.most - self._asked))
        by_commit: dict[str, list[CaseAnswers]] = {}
        for one in self.cases:
            if one.stored and (finding := self._finding(one)) and finding.wants_reference:
                by_commit.setdefault(one.stored.commit, []).append(one)
        for commit, cases in by_commit.items():
            self._take_beside(commit, cases)

    def _finding(self, one: CaseAnswers) -> SpeedFinding | None:
        if one.error or not one.answers:
            return None
        limit = one.planned.limit_percent or 0
        return judge_timing(
            one.timing, self.machine, one.stored, limit=limit, comparisons=self.comparisons
        )

    def _open(self) -> list[CaseAnswers]:
        """The cases that more processes may decide."""
        found = [(one, self._finding(one)) for one in self.cases]
        return [
            one
            for one, finding in found
            if finding
            and finding.speed == Speed.INCONCLUSIVE
            and not (finding.wants_reference and one.stored and commit_of(one.stored.commit))
        ]

    def _take_beside(self, commit: str, cases: list[CaseAnswers]) -> None:
        if not commit_of(commit):
            self.told(f"the baseline's commit {commit[:12]} is not in this clone: not timed beside")
            return
        self.told(f"timing the code of {commit[:12]} beside, {len(cases)} cases")
        with worktree(commit) as root:
            for one in cases:
                one.reference = commit
            open_, count = cases, self.pace.first
            while open_ and len(open_[0].beside) < self.pace.most:
                self._take(open_, count, root=root)
                found = [(one, self._finding(one)) for one in open_]
                open_ = [one for one, it in found if it and it.speed == Speed.INCONCLUSIVE]
                count = self.pace.more

    def _take(self, cases: Sequence[CaseAnswers], count: int, *, root: Path | None = None) -> None:
        """So many processes, each asked for all of these cases that have no error yet."""
        with Replicates() as processes:
            for number in range(1, count + 1):
                alive = [one for one in cases if not one.error]
                if not alive:
                    return
                start = time.monotonic()
                left = alive
                while left:  # one that dies costs the case that it was at
                    answers = processes.ask(self._request(left, root), is_last=number == count)
                    for one, answer in zip(left, answers, strict=False):
                        one.add(answer, is_beside=root is not None)
                    left = left[len(answers) :]
                self._asked += 1
                seconds = time.monotonic() - start
                self.told(f"process {self._asked}: {len(alive)} cases in {seconds:.1f} s")

    def _request(self, cases: Sequence[CaseAnswers], root: Path | None) -> TimingRequest:
        return TimingRequest(
            row=self.row,
            cases=[one.asked for one in cases],
            rounds=ROUNDS,
            seed=self._asked,
            is_hashed=self._asked == 0,
            root=str(root) if root else None,
        )


def time_row(
    plan: Sequence[Planned],
    machine: Mapping[str, Any],
    told: Say,
    pace: Pace,
    comparisons: int | None = None,
) -> dict[str, CaseAnswers]:
    """By case what became of it; the plan is of one row, whose GPU is this process's alone.

    Intervals hold for `comparisons` cases together, where the plan is a part of what is judged.
    """
    cases = []
    for planned in plan:
        case = planned.case
        found = time_baseline.load(case.row, case.kernel)
        stored = found.stored.get(case.id) if found else None
        cases.append(CaseAnswers(planned=planned, stored=stored))
    RowTiming(
        row=plan[0].case.row,
        machine=machine,
        cases=cases,
        told=told,
        comparisons=comparisons or len(cases),
        pace=pace,
    ).run()
    return {one.planned.case.id: one for one in cases}


def time_share(run: CaseRun) -> int:
    """Times the cases of a worker's share, then tests each; returns the exit code of the worker."""
    asked, cells = run.asked, run.cells
    file = asked.samples(asked.share)
    record_files.make_folder(file.parent)
    pace = Pace()
    if count := asked.processes:
        pace = Pace(first=count, most=count)
    most = SECONDS_FOR_A_TURN + _TIMINGS * pace.most * SECONDS_A_PROCESS
    run.teller.tell(Told(seconds=most))
    with turn_on(gpus.lock_of(torch_device.uuid_of(cells.device), asked.row)):
        # As many comparisons as the report will make, however many of them are made here.
        cells.timed = time_row(cells.plan, cells.machine, _say, pace, len(asked.plan))
    run.teller.tell(Told())
    code = run.test_cases("--benchmark-quiet", f"--benchmark-json={file}")
    if asked.share.of == 1:
        print(f"samples, for pytest-benchmark compare: {shown_path(file)}")
    return code


def _say(line: str) -> None:
    print(line, flush=True)
