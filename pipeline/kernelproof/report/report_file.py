"""`results/report.json`: the report that other tools read. Its shape is versioned and tested."""

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
        """``h200-bf16``."""
        return f"{self.row}-{self.dtype}"

    @property
    def cause(self) -> str:
        """The reason's first line."""
        return self.reason.partition("\n")[0]


class Report(BaseModel):
    """Everything planned, each with its verdict; `blocks` says whether any of them blocks.

    `date` is when it was made; reports of before the field was there have none.
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
        """Whether all that blocks is a measurement that decided nothing."""
        return self.blocks and all(case.verdict == "inconclusive" for case in self.blocking)

    @property
    def blocking(self) -> list[ReportedCase]:
        """The cases whose verdicts block."""
        return [case for case in self.cases if case.blocks]


def report_of(
    judged: Sequence[CaseVerdict], source: Revision, date: datetime.datetime | None = None
) -> Report:
    """The report of these verdicts, made at `date`."""
    cases = [_reported(one) for one in judged]
    machines = {one.planned.case.row: one.record.machine for one in judged if one.record}
    return Report(
        date=date,
        commit=source.commit,
        dirty=source.dirty,
        rows=list(dict.fromkeys(case.row for case in cases)),
        cases=cases,
        summary=dict(Counter(case.verdict for case in cases)),
        blocks=any(case.blocks for case in cases),
        machines=machines,
    )


def _reported(one: CaseVerdict) -> ReportedCase:
    case, record = one.planned.case, one.record
    return ReportedCase(
        id=case.id,
        check=one.planned.check,
        row=case.row,
        kernel=case.kernel,
        dtype=case.dtype,
        shape=dict(case.shape),
        verdict=one.verdict,
        blocks=not one.verdict.is_good,
        reason=one.reason,
        reproduce=one.reproduce,
        seconds=record.seconds if record else None,
        digest=record.digest if record else None,
        numbers={**(record.numbers if record else {}), **one.numbers},
    )
