"""Verdicts on planned cases, and the commands that reproduce them."""

from dataclasses import dataclass, field
from enum import StrEnum

from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check
from kernelproof.records.record_files import Record


class Verdict(StrEnum):
    """The conclusion for a case and check; `is_good` ones let a build through, others block it."""

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
        """Returns True if the verdict lets a build through."""
        return self in {Verdict.PASS, Verdict.SAME, Verdict.FASTER, Verdict.SKIP}


@dataclass(frozen=True, kw_only=True)
class CaseVerdict:
    """A planned case with its verdict, the reason, and its record, if there is one."""

    planned: Planned
    verdict: Verdict
    reason: str = ""
    record: Record | None = None
    numbers: dict[str, float] = field(default_factory=dict)

    @property
    def reproduce(self) -> str:
        """Returns the command that runs just this case again, or at last if it is missing."""
        if self.verdict == Verdict.MISSING:
            return f"nox -s {session_of(self.planned.check)} -- --case {self.planned.case.id}"
        return reproduce_command(self.planned)


def session_of(check: Check) -> str:
    """Returns the nox session that runs a check."""
    return "perf-regress" if check == Check.PERF else str(check)


def reproduce_command(planned: Planned) -> str:
    """Returns the command that runs a case again: ``nox -s reproduce -- <case>``, on any machine.

    Times mean nothing on another machine: they are measured again on the row's own.
    """
    if planned.check == Check.PERF:
        return f"nox -s perf-regress -- --case {planned.case.id}"
    return f"nox -s reproduce -- {planned.case.id}"
