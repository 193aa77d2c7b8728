"""What a tool's run is worth: whose each report is, and whether the tool saw what was planted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernelproof.selftest.sanitize.tool_log import Log, Report
from kernelproof.selftest.sanitize.tool_run import Run
from kernelproof.selftest.sanitize.tools import REPORTED


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A report that was not planted, and the case that ran then; none outside of all."""

    case: str
    report: Report


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One tool's run: what it found, and what else is wrong with it, in the order of its cases."""

    run: Run
    cases: Sequence[str]
    findings: tuple[Finding, ...]
    planted: int
    total: int | None
    problems: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether every case passed, every planted fault was found, and nothing else."""
        return not self.findings and not self.problems

    @property
    def has_seen(self) -> bool:
        """Whether the fault that was planted before the cases, and behind each, was found."""
        return _each(self.planted, len(self.cases) + 1) > 0

    @property
    def launches(self) -> int:
        """How often kernels were launched by the cases."""
        return sum(answer.launches for answer in self.run.answers)


def judge(run: Run, cases: Sequence[str]) -> Judged:
    """The run of one tool over these cases."""
    log = Log.read(run.log)
    planted = sum(report.names(run.tool.planted) for report in log.reports)
    return Judged(
        run=run,
        cases=cases,
        findings=tuple(_findings(run, log, cases, _each(planted, len(cases) + 1) or 1)),
        planted=planted,
        total=log.total,
        problems=tuple(_problems(run, log, cases, planted)),
    )


def _each(planted: int, launches: int) -> int:
    """How many reports a planted fault makes; 0 where some of them were not reported."""
    return planted // launches if planted % launches == 0 else 0


def _findings(run: Run, log: Log, cases: Sequence[str], each: int) -> Iterator[Finding]:
    """Every report beside the planted ones: of the case between those before it and behind it."""
    before = 0
    for report in log.reports:
        if report.names(run.tool.planted):
            before += 1
            continue
        number = before // each - 1
        case = cases[number] if 0 <= number < len(cases) else ""
        yield Finding(case=case, report=report)


def _problems(run: Run, log: Log, cases: Sequence[str], planted: int) -> Iterator[str]:
    if run.code is None:
        yield f"no end within {run.limit} s: killed at {len(run.answers)} of {len(cases)} cases"
    elif run.code != REPORTED:
        yield f"exit code {run.code}, expected {REPORTED}, by which a tool says that it saw faults"
    launches = len(cases) + 1
    if not planted:
        yield f"the tool saw nothing of a planted fault: 0 of {launches} were found"
    elif not _each(planted, launches):
        yield f"the tool saw planted faults {planted} times, expected {launches}, or each as often"
    if log.total is None:
        yield "its log has no summary: it ended before its time"
    elif log.total > len(log.reports):
        yield f"{log.total:,} reports, of which its log has {len(log.reports):,}"
    answered = {answer.case: answer for answer in run.answers}
    for case in cases:
        if case not in answered:
            yield f"{case}: did not run to its end"
        elif (answer := answered[case]).outcome != "pass":
            yield f"{answer.outcome} {case}: {answer.reason}"
