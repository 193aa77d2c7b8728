"""Verdicts: what is concluded for each planned case and check, exactly one each."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipeline import golden, results
from pipeline.cases import Planned
from pipeline.results import Record
from pipeline.source import Source


class Verdict(StrEnum):
    """A conclusion; `is_good` ones let a build through, all others block it."""

    PASS = "pass"  # noqa: S105  (no password)
    SKIP = "skip"
    FAIL = "fail"
    ERROR = "error"
    TIMEOUT = "timeout"
    MISSING = "missing"

    @property
    def is_good(self) -> bool:
        """Whether it lets a build through."""
        return self in {Verdict.PASS, Verdict.SKIP}


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A planned case and check with its verdict, the reason, and the record where there is one."""

    planned: Planned
    verdict: Verdict
    reason: str = ""
    record: Record | None = None

    @property
    def reproduce(self) -> str:
        """The command that runs just this again: for a record, or to leave one."""
        if self.verdict == Verdict.MISSING:
            return f"nox -s {self.planned.check} -- --case {self.planned.case.id}"
        return reproduce_command(self.planned)


def reproduce_command(planned: Planned) -> str:
    """``nox -s reproduce -- gemma4_routing-cpu-fp32-E128-K8-T1``: works on any row's machine."""
    return f"nox -s reproduce -- {planned.case.id}"


def judge(plan: Sequence[Planned], folder: Path, source: Source) -> tuple[Judged, ...]:
    """One verdict for everything planned, from the records in `folder`, for this source."""
    return tuple(_judge_one(planned, folder, source) for planned in plan)


def _judge_one(planned: Planned, folder: Path, source: Source) -> Judged:
    if planned.skip:
        reason = f"{planned.skip.reason} (until {planned.skip.until})"
        return Judged(planned=planned, verdict=Verdict.SKIP, reason=reason)
    try:
        record = results.read(folder, planned)
    except results.HalfWrittenError as error:
        return Judged(planned=planned, verdict=Verdict.ERROR, reason=str(error))
    if record is None:
        reason = "no result: it did not run, or died before it could say"
        return Judged(planned=planned, verdict=Verdict.MISSING, reason=reason)
    if refusal := _refusal(record, planned, source):
        return Judged(planned=planned, verdict=Verdict.MISSING, reason=refusal)
    verdict = Verdict(record.outcome)
    reason = record.reason
    if (
        verdict == Verdict.PASS
        and planned.golden
        and (reason := golden.objection(planned.case, record))
    ):
        verdict = Verdict.FAIL
    return Judged(planned=planned, verdict=verdict, reason=reason, record=record)


def _refusal(record: Record, planned: Planned, source: Source) -> str:
    """Why a record says nothing about this source on this row, or nothing."""
    if (device := record.device) != planned.device:
        return f"its result is of {device}, expected {planned.device}: run it on that machine"
    if record.commit != source.commit:
        return f"its result is of commit {record.commit[:12]}, expected {source.commit[:12]}"
    if record.tree != source.tree:
        return "its result is of other files than these, at the same commit: run it again"
    return ""
