"""The judge of a plan: exactly one verdict for each planned case and check."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kernelproof.checks.perf.judge import judge_timing
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
from kernelproof.records import golden, record_files, sensitivity, time_baseline
from kernelproof.records.record_files import Record, refusal
from kernelproof.records.verdict import CaseVerdict, Verdict


def judge(plan: Sequence[Planned], folder: Path, source: Revision) -> tuple[CaseVerdict, ...]:
    """Returns a verdict for each planned case, by the records in `folder` that are of `source`.

    Raises ResultsError if the folder cannot be read, BaselineError if a baseline cannot, and
    LimitError if a limit of matrix.yaml is smaller than what the gate of its row can see.
    """
    comparisons = Counter((planned.check, planned.case.row) for planned in plan)
    return tuple(
        _judge_case(planned, folder, source, comparisons[planned.check, planned.case.row])
        for planned in plan
    )


def _judge_case(planned: Planned, folder: Path, source: Revision, comparisons: int) -> CaseVerdict:
    # 1. A skip of the matrix, whatever the records say.
    if planned.skip:
        reason = f"{planned.skip.reason} (until {planned.skip.until})"
        return CaseVerdict(planned=planned, verdict=Verdict.SKIP, reason=reason)
    # 2. A record that is not whole, not there, or of another source or machine.
    try:
        record = record_files.read(folder, planned)
    except record_files.HalfWrittenError as error:
        return CaseVerdict(planned=planned, verdict=Verdict.ERROR, reason=str(error))
    if record is None:
        reason = "no result: it did not run, or died before it could say"
        return CaseVerdict(planned=planned, verdict=Verdict.MISSING, reason=reason)
    if objection := refusal(record, planned, source):
        return CaseVerdict(planned=planned, verdict=Verdict.MISSING, reason=objection)
    # 3. A pass is held to the baselines; any other outcome is the verdict.
    if planned.check == Check.PERF and record.outcome == "pass":
        return _judge_speed(planned, record, comparisons)
    if record.outcome == "pass" and planned.golden:
        if objection := golden.objection(planned.case, record):
            return CaseVerdict(
                planned=planned, verdict=Verdict.FAIL, reason=objection, record=record
            )
        return CaseVerdict(planned=planned, verdict=Verdict.PASS, record=record)
    verdict = Verdict(record.outcome)
    return CaseVerdict(planned=planned, verdict=verdict, reason=record.reason, record=record)


def _judge_speed(planned: Planned, record: Record, comparisons: int) -> CaseVerdict:
    """Judges the times of a record by the baseline of its row."""
    case, limit = planned.case, planned.limit_percent or 0.0
    sensitivity.require_visible(case.row, case.id, limit)
    if record.timing is None:
        reason = "found no times in its result, expected some"
        return CaseVerdict(planned=planned, verdict=Verdict.ERROR, reason=reason, record=record)
    baseline = time_baseline.load(case.row, case.kernel)
    finding = judge_timing(
        record.timing,
        record.machine,
        baseline.stored.get(case.id) if baseline else None,
        limit=limit,
        comparisons=comparisons,
    )
    return CaseVerdict(
        planned=planned,
        verdict=Verdict(finding.verdict),
        reason=finding.reason,
        record=record,
        numbers=finding.numbers,
    )
