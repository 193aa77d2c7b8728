"""`results/report.json`: the report that other tools read, of a versioned and tested shape."""

import datetime
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from kernelproof.machine.revision import Revision
from kernelproof.records.record_files import Number
from kernelproof.records.verdict import CaseVerdict


class ReportedCase(BaseModel):
    """The verdict of one case and check."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")

    id: str
    check: str
    row: str
    kernel: str
    dtype: str
    shape: dict[str, int]
    verdict: str
    blocks: bool
    reason: str
    reproduce: str
    seconds: float | None
    digest: str | None
    numbers: dict[str, Number]

    @property
    def cell(self) -> str:
        """The row and dtype: ``h200-bf16``."""
        return f"{self.row}-{self.dtype}"

    @property
    def cause(self) -> str:
        """The reason's first line."""
        return self.reason.partition("\n")[0]


class Report(BaseModel):
    """Everything planned, each with its verdict; `blocks` is True if any of them blocks.

    `date` is the time of the report; None in reports older than the field.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    date: AwareDatetime | None = None
    commit: str
    dirty: bool
    rows: list[str]
    cases: list[ReportedCase]
    summary: dict[str, int]
    blocks: bool
    machines: dict[str, dict[str, Any]]

    @property
    def is_undecided(self) -> bool:
        """True if it blocks by nothing but inconclusive measurements."""
        return self.blocks and all(case.verdict == "inconclusive" for case in self.blocking)

    @property
    def blocking(self) -> list[ReportedCase]:
        """The cases whose verdicts block."""
        return [case for case in self.cases if case.blocks]


def report_of(
    verdicts: Sequence[CaseVerdict], revision: Revision, date: datetime.datetime | None = None
) -> Report:
    """Returns the report of these verdicts on the sources at `revision`, made at `date`."""
    cases = [_reported(verdict) for verdict in verdicts]
    machines = {
        verdict.planned.case.row: verdict.record.machine for verdict in verdicts if verdict.record
    }
    return Report(
        date=date,
        commit=revision.commit,
        dirty=revision.dirty,
        rows=list(dict.fromkeys(case.row for case in cases)),
        cases=cases,
        summary=dict(Counter(case.verdict for case in cases)),
        blocks=any(case.blocks for case in cases),
        machines=machines,
    )


def _reported(verdict: CaseVerdict) -> ReportedCase:
    case, record = verdict.planned.case, verdict.record
    return ReportedCase(
        id=case.id,
        check=verdict.planned.check,
        row=case.row,
        kernel=case.kernel,
        dtype=case.dtype,
        shape=dict(case.shape),
        verdict=verdict.verdict,
        blocks=not verdict.verdict.is_good,
        reason=verdict.reason,
        reproduce=verdict.reproduce,
        seconds=record.seconds if record else None,
        digest=record.digest if record else None,
        numbers={**(record.numbers if record else {}), **verdict.numbers},
    )
