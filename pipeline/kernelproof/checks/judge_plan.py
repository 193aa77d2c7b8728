"""Verdicts: what is concluded for each planned case and check, exactly one each."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kernelproof.checks.perf.judge import judge_timing
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
from kernelproof.records import golden, record_files, sensitivity, time_baseline
from kernelproof.records.record_files import Record
from kernelproof.records.record_validity import refusal
from kernelproof.records.verdict import CaseVerdict, Verdict


def judge(plan: Sequence[Planned], folder: Path, source: Revision) -> tuple[CaseVerdict, ...]:
    """One verdict for everything planned, from the records in `folder`, for this source."""
    comparisons = Counter((one.check, one.case.row) for one in plan)
    return tuple(
        _judge_one(planned, folder, source, comparisons[planned.check, planned.case.row])
        for planned in plan
    )


def _judge_one(planned: Planned, folder: Path, source: Revision, comparisons: int) -> CaseVerdict:
    if planned.skip:
        reason = f"{planned.skip.reason} (until {planned.skip.until})"
        return CaseVerdict(planned=planned, verdict=Verdict.SKIP, reason=reason)
    try:
        record = record_files.read(folder, planned)
    except record_files.HalfWrittenError as error:
        return CaseVerdict(planned=planned, verdict=Verdict.ERROR, reason=str(error))
    if record is None:
        reason = "no result: it did not run, or died before it could say"
        return CaseVerdict(planned=planned, verdict=Verdict.MISSING, reason=reason)
    if objection := refusal(record, planned, source):
        return CaseVerdict(planned=planned, verdict=Verdict.MISSING, reason=objection)
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
    return CaseVerdict(planned=planned, verdict=verdict, reason=reason, record=record)


def _judge_speed(planned: Planned, record: Record, comparisons: int) -> CaseVerdict:
    """By the baseline of the case's row; LimitError where the limit is less than can be seen."""
    case, limit = planned.case, planned.limit_percent or 0.0
    sensitivity.require_visible(case.row, case.id, limit)
    if record.timing is None:
        reason = "found no times in its result, expected some"
        return CaseVerdict(planned=planned, verdict=Verdict.ERROR, reason=reason, record=record)
    stored = time_baseline.load(case.row, case.kernel)
    found = judge_timing(
        record.timing,
        record.machine,
        stored.stored.get(case.id) if stored else None,
        limit=limit,
        comparisons=comparisons,
    )
    return CaseVerdict(
        planned=planned,
        verdict=Verdict(found.verdict),
        reason=found.reason,
        record=record,
        numbers=found.numbers,
    )
