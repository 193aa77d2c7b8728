"""The pytest plugin behind the cells: which cases run, the record of each, and progress."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from kernelproof.errors import ResultsError
from kernelproof.machine.revision import Revision
from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.evidence import Evidence
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Matrix
from kernelproof.records import record_files
from kernelproof.records.record_files import Outcome, Record
from kernelproof.records.timing import CaseTiming
from kernelproof.records.verdict import reproduce_command
from kernelproof.run.device_pulse import pulse
from kernelproof.run.virtual_clock import TimedCase, TimingError, VirtualClock
from kernelproof.run.worker_messages import Teller, Told

_EVIDENCE = pytest.StashKey[Evidence]()
_TIMEOUT = "Timeout (>"  # how pytest-timeout's failure begins


@dataclass(kw_only=True, eq=False)
class Cells:
    """Parametrizes the check's one function by the planned cases, and records what each gave."""

    plan: Sequence[Planned]
    matrix: Matrix
    device: torch.device
    machine: dict[str, Any]
    source: Revision
    folder: Path
    timed: Mapping[str, TimedCase] = field(default_factory=dict)
    teller: Teller = field(default_factory=lambda: Teller(None))
    clock: VirtualClock = field(default_factory=VirtualClock)
    is_collected: bool = True
    is_lost: bool = False
    failure: ResultsError | None = None
    _outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    _seconds: dict[str, float] = field(default_factory=dict)
    _reporter: Any = None

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Finds the reporter to show progress with."""
        self._reporter = config.pluginmanager.getplugin("terminalreporter")

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a case, for at most the seconds that matrix.yaml gives its kernel."""
        tests = [
            pytest.param(
                planned.case,
                id=planned.case.id,
                marks=[
                    pytest.mark.timeout(self._limit(planned.case)),
                    pytest.mark.benchmark(timer=self.clock, group=planned.case.cell),
                ],
            )
            for planned in self.plan
        ]
        metafunc.parametrize("case", tests)

    def _limit(self, case: Case) -> int:
        return self.matrix.kernels[case.kernel].seconds_per_case

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Generator[None, bool, bool]:
        """Tells which case is about to run, and that it has."""
        case = _case_of(item)
        self.teller.tell(Told(case=case.id, seconds=self._limit(case)))
        is_run = yield
        self.teller.tell(Told())
        return is_run

    @pytest.fixture
    def evidence(self, case: Case, request: pytest.FixtureRequest) -> Evidence:
        """Where a test leaves its numbers and digests."""
        promise = self.matrix.kernels[case.kernel].promise(case.dtype)
        evidence = Evidence(case=case, device=self.device, promise=promise)
        request.node.stash[_EVIDENCE] = evidence
        return evidence

    @pytest.fixture
    def virtual(self) -> VirtualClock:
        """The clock of pytest-benchmark, which what was measured moves on."""
        return self.clock

    @pytest.fixture
    def timing(self, case: Case) -> CaseTiming:
        """What was measured of the case; its error, where there is one."""
        one = self.timed[case.id]
        if one.error:
            raise TimingError(one.error, one.outcome)
        return one.timing

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Writes the record as soon as the test, or its failed setup, is over."""
        report = yield
        if report.when == "call" or report.failed:
            case = _case_of(item)
            planned = next(planned for planned in self.plan if planned.case == case)
            outcome, reason = _outcome_of(call, item.path)
            if outcome in {"error", "timeout"} and not self.timed and (words := pulse(self.device)):
                # Nothing can be asked of the device in this process any more.
                self.is_lost, item.session.shouldstop = True, words
                outcome = "crash" if outcome == "error" else outcome
            record = self._record(planned, item.stash.get(_EVIDENCE, None), outcome, reason)
            record = record.model_copy(update={"seconds": call.duration})
            try:
                record_files.write(self.folder, planned, record)
            except ResultsError as error:
                self.failure, item.session.shouldstop = error, "no record can be written"
            else:
                self._show(case, outcome, call.duration)
        return report

    def _record(
        self, planned: Planned, evidence: Evidence | None, outcome: Outcome, reason: str
    ) -> Record:
        hashed = evidence if evidence and not evidence.timing else None
        return Record(
            case=planned.case.id,
            check=planned.check,
            outcome=outcome,
            reason=reason,
            numbers=evidence.numbers if evidence else {},
            digest=hashed.outputs_digest.hexdigest() if hashed else None,
            input_digest=hashed.inputs_digest.hexdigest() if hashed else None,
            seed=hashed.seed if hashed else None,
            distributions=evidence.distributions if evidence else [],
            timing=evidence.timing if evidence else None,
            seconds=0,
            commit=self.source.commit,
            dirty=self.source.dirty,
            tree=self.source.tree,
            machine=self.machine,
            reproduce=reproduce_command(planned),
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tells why a check's file could not be collected: no case of it will have a record."""
        if report.failed:
            self.is_collected = False
            self._reporter.write_line(report.longreprtext)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        """Keeps pytest's dots away: progress is told in `_show`, causes in the report."""
        return report.outcome if report.when == "call" else "", "", ""

    def _show(self, case: Case, outcome: str, seconds: float) -> None:
        """A line for each case that is red, one for each cell that is done, a count meanwhile."""
        outcomes = self._outcomes.setdefault(case.cell, Counter())
        outcomes[outcome] += 1
        self._seconds[case.cell] = self._seconds.get(case.cell, 0.0) + seconds
        done = sum(counter.total() for counter in self._outcomes.values())
        if self._reporter.isatty:
            self._reporter.rewrite("", erase=True)
        if outcome != "pass":
            self._reporter.write_line(f"{outcome}  {case.id}  ({seconds:.1f} s)")
        planned = sum(one.case.cell == case.cell for one in self.plan)
        if outcomes.total() == planned:
            counts = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
            self._reporter.write_line(f"{case.cell}: {counts} in {self._seconds[case.cell]:.1f} s")
        elif self._reporter.isatty:
            self._reporter.rewrite(f"{done}/{len(self.plan)}  {case.id}")


def _case_of(item: pytest.Function) -> Case:
    case: Case = item.callspec.params["case"]  # type: ignore[assignment]
    return case


def _outcome_of(call: pytest.CallInfo[None], file: Path) -> tuple[Outcome, str]:
    """What became of a test, and why; errors with their way from the check's `file` on."""
    if call.excinfo is None:
        return "pass", ""
    if isinstance(call.excinfo.value, Mismatch):
        return "fail", str(call.excinfo.value)
    if isinstance(call.excinfo.value, TimingError):
        return call.excinfo.value.outcome, str(call.excinfo.value)
    message = call.excinfo.exconly(tryshort=True)
    if call.excinfo.errisinstance(pytest.fail.Exception) and _TIMEOUT in message:
        return "timeout", message.strip()
    way = call.excinfo.getrepr(style="short", tbfilter=lambda info: info.traceback.cut(file))
    return "error", f"{message}\n{way}"
