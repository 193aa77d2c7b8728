"""Verdicts: what is concluded for each planned case and check, exactly one each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kernelproof.checks.perf.judge import judge_one
from kernelproof.machine.revision import Source
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
from kernelproof.records import (
    golden,
    record_files,
    sensitivity,
    time_baseline,
)
from kernelproof.records.record_files import Record


class Verdict(StrEnum):
    """A conclusion; `is_good` ones let a build through, all others block it."""

    PASS = "pass"  # noqa: S105  (no password)
    SAME = "same"
    FASTER = "faster"
    SKIP = "skip"
    FAIL = "fail"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"
    NO_BASELINE = "no-baseline"
    WRONG_MACHINE = "wrong-machine"
    ERROR = "error"
    CRASH = "crash"
    TIMEOUT = "timeout"
    MISSING = "missing"

    @property
    def is_good(self) -> bool:
        """Whether it lets a build through."""
        return self in {Verdict.PASS, Verdict.SAME, Verdict.FASTER, Verdict.SKIP}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A planned case and check with its verdict, the reason, and the record where there is one."""

    planned: Planned
    verdict: Verdict
    reason: str = ""
    record: Record | None = None
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def reproduce(self) -> str:
        """The command that runs just this again: for a record, or to leave one."""
        if self.verdict == Verdict.MISSING:
            return f"nox -s {session_of(self.planned.check)} -- --case {self.planned.case.id}"
        return reproduce_command(self.planned)


def session_of(check: Check) -> str:
    """The session that asks a check of everything planned."""
    return "perf-regress" if check == Check.PERF else str(check)


def reproduce_command(planned: Planned) -> str:
    """``nox -s reproduce -- gemma4_routing-cpu-fp32-E128-K8-T1``: works on any row's machine.

    Times say nothing elsewhere: they are measured again on the row's own machine.
    """
    if planned.check == Check.PERF:
        return f"nox -s perf-regress -- --case {planned.case.id}"
    return f"nox -s reproduce -- {planned.case.id}"


def judge(plan: Sequence[Planned], folder: Path, source: Source) -> tuple[Judged, ...]:
    """One verdict for everything planned, from the records in `folder`, for this source."""
    comparisons = Counter((one.check, one.case.row) for one in plan)
    return tuple(
        _judge_one(planned, folder, source, comparisons[planned.check, planned.case.row])
        for planned in plan
    )


def _judge_one(planned: Planned, folder: Path, source: Source, comparisons: int) -> Judged:
    if planned.skip:
        reason = f"{planned.skip.reason} (until {planned.skip.until})"
        return Judged(planned=planned, verdict=Verdict.SKIP, reason=reason)
    try:
        record = record_files.read(folder, planned)
    except record_files.HalfWrittenError as error:
        return Judged(planned=planned, verdict=Verdict.ERROR, reason=str(error))
    if record is None:
        reason = "no result: it did not run, or died before it could say"
        return Judged(planned=planned, verdict=Verdict.MISSING, reason=reason)
    if refusal := _refusal(record, planned, source):
        return Judged(planned=planned, verdict=Verdict.MISSING, reason=refusal)
    if planned.check == Check.PERF and record.outcome == "pass":
        return _judge_speed(planned, record, comparisons)
    verdict = Verdict(record.outcome)
    reason = record.reason
    if (
        verdict == Verdict.PASS
        and planned.golden
        and (reason := golden.objection(planned.case, record))
    ):
        verdict = Verdict.FAIL
    return Judged(planned=planned, verdict=verdict, reason=reason, record=record)


def _judge_speed(planned: Planned, record: Record, comparisons: int) -> Judged:
    """By the baseline of the case's row; LimitError where the limit is less than can be seen."""
    case, limit = planned.case, planned.limit_percent or 0.0
    sensitivity.require_visible(case.row, case.id, limit)
    if record.timing is None:
        reason = "found no times in its result, expected some"
        return Judged(planned=planned, verdict=Verdict.ERROR, reason=reason, record=record)
    stored = time_baseline.load(case.row, case.kernel)
    found = judge_one(
        record.timing,
        record.machine,
        stored.stored.get(case.id) if stored else None,
        limit=limit,
        comparisons=comparisons,
    )
    return Judged(
        planned=planned,
        verdict=Verdict(found.speed),
        reason=found.reason,
        record=record,
        numbers=found.numbers,
    )


def _refusal(record: Record, planned: Planned, source: Source) -> str:
    """Why a record says nothing about this source on this row, or nothing."""
    if (device := record.device) != planned.device:
        return f"its result is of {device}, expected {planned.device}: run it on that machine"
    if record.commit != source.commit:
        return f"its result is of commit {record.commit[:12]}, expected {source.commit[:12]}"
    if record.tree != source.tree:
        return "its result is of other files than these, at the same commit: run it again"
    return ""
