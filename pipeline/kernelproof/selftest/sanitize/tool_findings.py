"""The judgement of a tool's run: the case of each report, and the planted errors it saw."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernelproof.selftest.sanitize.tool_log import ToolLog, ToolReport
from kernelproof.selftest.sanitize.tool_run import ToolRun
from kernelproof.selftest.sanitize.tools import REPORTED


@dataclass(frozen=True, kw_only=True)
class ToolFinding:
    """A report that was not planted, and the case that ran then, or "" outside of all cases."""

    case: str
    report: ToolReport


@dataclass(frozen=True, kw_only=True)
class JudgedRun:
    """A tool's run over `cases`, with its findings and everything else that is wrong with it.

    `planted` counts the reports of planted errors, `total` all reports.
    """

    run: ToolRun
    cases: Sequence[str]
    findings: tuple[ToolFinding, ...]
    planted: int
    total: int | None
    problems: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Returns True if every case passed and just the planted errors were reported."""
        return not self.findings and not self.problems

    @property
    def has_seen(self) -> bool:
        """Returns True if the errors planted before the cases and after each were reported."""
        return _reports_per_error(self.planted, len(self.cases) + 1) > 0

    @property
    def launches(self) -> int:
        """The number of the kernels that the cases launched."""
        return sum(answer.launches for answer in self.run.answers)


def judge(run: ToolRun, cases: Sequence[str]) -> JudgedRun:
    """Judges the run of one tool over these cases."""
    log = ToolLog.parse(run.log)
    planted = sum(report.mentions(run.tool.planted_kernel) for report in log.reports)
    return JudgedRun(
        run=run,
        cases=cases,
        findings=tuple(_findings(run, log, cases, planted)),
        planted=planted,
        total=log.total,
        problems=tuple(_problems(run, log, cases, planted)),
    )


def _reports_per_error(planted: int, errors: int) -> int:
    """Returns how many reports each planted error makes, or 0 if some were not reported."""
    return planted // errors if planted % errors == 0 else 0


def _findings(
    run: ToolRun, log: ToolLog, cases: Sequence[str], planted: int
) -> Iterator[ToolFinding]:
    """Yields every report of an error that was not planted.

    The report belongs to the case between the planted errors before it and after it.
    """
    reports_per_error = _reports_per_error(planted, len(cases) + 1) or 1
    planted_before = 0
    for report in log.reports:
        if report.mentions(run.tool.planted_kernel):
            planted_before += 1
            continue
        number = planted_before // reports_per_error - 1
        case = cases[number] if 0 <= number < len(cases) else ""
        yield ToolFinding(case=case, report=report)


def _problems(run: ToolRun, log: ToolLog, cases: Sequence[str], planted: int) -> Iterator[str]:
    """Yields all that is wrong beside findings: the end, the planted errors, the log, the cases."""
    if run.code is None:
        yield f"no end within {run.limit} s: killed at {len(run.answers)} of {len(cases)} cases"
    elif run.code != REPORTED:
        yield f"exit code {run.code}, expected {REPORTED}, by which a tool says that it saw errors"
    errors = len(cases) + 1
    if not planted:
        yield f"the tool saw nothing of a planted error: 0 of {errors} were reported"
    elif not _reports_per_error(planted, errors):
        yield f"the tool saw planted errors {planted} times, expected {errors} or a multiple of it"
    if log.total is None:
        yield "its log has no summary: it ended before its time"
    elif log.total > len(log.reports):
        yield f"{log.total:,} reports, of which its log has {len(log.reports):,}"
    answers = {answer.case: answer for answer in run.answers}
    for case in cases:
        if case not in answers:
            yield f"{case}: did not run to its end"
        elif (answer := answers[case]).outcome != "pass":
            yield f"{answer.outcome} {case}: {answer.reason}"
