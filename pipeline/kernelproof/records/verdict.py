"""Verdicts: the conclusion for a planned case and check, and the commands that ask it again."""

from dataclasses import dataclass, field
from enum import StrEnum

from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
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
class CaseVerdict:
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
