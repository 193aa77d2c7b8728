"""The pytest plugin of a worker: collects its cases, writes a record of each, shows progress."""

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
from kernelproof.records.record_files import Outcome
from kernelproof.records.timing import CaseTiming
from kernelproof.run.device_pulse import pulse
from kernelproof.run.run_plan import record_of
from kernelproof.run.virtual_clock import TimedCase, TimingError, VirtualClock
from kernelproof.run.worker_messages import MessagePipe, WorkerMessage

_EVIDENCE = pytest.StashKey[Evidence]()
_TIMEOUT = "Timeout (>"  # how pytest-timeout's failure begins


@dataclass(kw_only=True)
class CasePlugin:
    """Parametrizes the check's one test function by the worker's cases, and records each.

    After the run, `is_lost` is True if the device computes no more, `is_collected` False if the
    check's file cannot be imported, and `failure` is the error of a record that cannot be written.
    """

    cases: Sequence[Planned]
    matrix: Matrix
    device: torch.device
    machine: dict[str, Any]
    revision: Revision
    folder: Path
    messages: MessagePipe
    timed: Mapping[str, TimedCase] = field(default_factory=dict)
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
        """Makes a test of each case, with the seconds that matrix.yaml gives its kernel."""
        tests = [
            pytest.param(
                planned.case,
                id=planned.case.id,
                marks=[
                    pytest.mark.timeout(self._limit(planned.case)),
                    pytest.mark.benchmark(timer=self.clock, group=planned.case.cell),
                ],
            )
            for planned in self.cases
        ]
        metafunc.parametrize("case", tests)

    def _limit(self, case: Case) -> int:
        return self.matrix.kernels[case.kernel].seconds_per_case

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Function) -> Generator[None, bool, bool]:
        """Sends the supervisor a message before a case and after it."""
        case = _case_of(item)
        self.messages.send(WorkerMessage(case=case.id, seconds=self._limit(case)))
        is_run = yield
        self.messages.send(WorkerMessage())
        return is_run

    @pytest.fixture
    def evidence(self, case: Case, request: pytest.FixtureRequest) -> Evidence:
        """Returns the evidence that a test fills with its numbers and digests."""
        promise = self.matrix.kernels[case.kernel].promise(case.dtype)
        evidence = Evidence(case=case, device=self.device, promise=promise)
        request.node.stash[_EVIDENCE] = evidence
        return evidence

    @pytest.fixture
    def virtual_clock(self) -> VirtualClock:
        """Returns the clock of pytest-benchmark, to be moved on by the measured times."""
        return self.clock

    @pytest.fixture
    def timing(self, case: Case) -> CaseTiming:
        """Returns the times that were measured of the case; raises TimingError if it has none."""
        timed = self.timed[case.id]
        if timed.error:
            raise TimingError(timed.error, timed.outcome)
        return timed.timing

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Writes the record as soon as the test, or its failed setup, is over."""
        report = yield
        if report.when == "call" or report.failed:
            case = _case_of(item)
            planned = next(planned for planned in self.cases if planned.case == case)
            outcome, reason = _outcome_of(call, item.path)
            if outcome in {"error", "timeout"} and not self.timed and (words := pulse(self.device)):
                # Nothing can be asked of the device in this process any more.
                self.is_lost, item.session.shouldstop = True, words
                outcome = "crash" if outcome == "error" else outcome
            values: dict[str, Any] = {"outcome": outcome, "reason": reason}
            values |= {"seconds": call.duration, **_values_of(item.stash.get(_EVIDENCE, None))}
            record = record_of(planned, self.revision, self.machine, **values)
            try:
                record_files.write(self.folder, planned, record)
            except ResultsError as error:
                self.failure, item.session.shouldstop = error, "no record can be written"
            else:
                self._show(case, outcome, call.duration)
        return report

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Shows why a check's file cannot be collected: no case of it gets a record."""
        if report.failed:
            self.is_collected = False
            self._reporter.write_line(report.longreprtext)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        """Keeps pytest's dots away: `_show` shows progress, the report shows causes."""
        return report.outcome if report.when == "call" else "", "", ""

    def _show(self, case: Case, outcome: str, seconds: float) -> None:
        """Writes a line for a red case and for a cell that is done; on a terminal, a count."""
        outcomes = self._outcomes.setdefault(case.cell, Counter())
        outcomes[outcome] += 1
        self._seconds[case.cell] = self._seconds.get(case.cell, 0.0) + seconds
        num_done = sum(counter.total() for counter in self._outcomes.values())
        if self._reporter.isatty:
            self._reporter.rewrite("", erase=True)
        if outcome != "pass":
            self._reporter.write_line(f"{outcome}  {case.id}  ({seconds:.1f} s)")
        num_planned = sum(planned.case.cell == case.cell for planned in self.cases)
        if outcomes.total() == num_planned:
            counts = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
            self._reporter.write_line(f"{case.cell}: {counts} in {self._seconds[case.cell]:.1f} s")
        elif self._reporter.isatty:
            self._reporter.rewrite(f"{num_done}/{len(self.cases)}  {case.id}")


def _case_of(item: pytest.Function) -> Case:
    case: Case = item.callspec.params["case"]  # type: ignore[assignment]
    return case


def _values_of(evidence: Evidence | None) -> dict[str, Any]:
    """Returns the fields of a record that hold the evidence of a test; none if it has none."""
    if evidence is None:
        return {}
    values = {name: getattr(evidence, name) for name in ("numbers", "distributions", "timing")}
    if not evidence.timing:
        values["digest"] = evidence.outputs_digest.hexdigest()
        values["input_digest"] = evidence.inputs_digest.hexdigest()
        values["seed"] = evidence.seed
    return values


def _outcome_of(call: pytest.CallInfo[None], file: Path) -> tuple[Outcome, str]:
    """Returns the outcome of a test and its reason; an error's traceback starts at `file`."""
    if call.excinfo is None:
        return "pass", ""
    if isinstance(call.excinfo.value, Mismatch):
        return "fail", str(call.excinfo.value)
    if isinstance(call.excinfo.value, TimingError):
        return call.excinfo.value.outcome, str(call.excinfo.value)
    message = call.excinfo.exconly(tryshort=True)
    if call.excinfo.errisinstance(pytest.fail.Exception) and _TIMEOUT in message:
        return "timeout", message.strip()
    traceback = call.excinfo.getrepr(style="short", tbfilter=lambda info: info.traceback.cut(file))
    return "error", f"{message}\n{traceback}"
