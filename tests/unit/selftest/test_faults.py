"""Injected faults: the outcome that each has to have, the one it has, and the README's table."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import UsageError
from kernelproof.records.verdict import Verdict
from kernelproof.selftest.faults import __main__ as command
from kernelproof.selftest.faults import fault_outcomes, run_events
from kernelproof.selftest.faults.fault_kinds import KINDS, kinds_on
from kernelproof.selftest.faults.fault_outcomes import FaultOutcome
from kernelproof.selftest.faults.run_events import EVENTS, RunEvent
from kernelproof.selftest.faults.scratch_copy import ScratchCopy

GOOD = FaultOutcome(
    name="a", description="x", expected="pass; then pass", observed="pass; then pass", seconds=1
)
BAD = FaultOutcome(
    name="bb", description="y", expected="crash", observed="pass", seconds=2, reason="a\nb"
)
# Stands for a worker: every case passes, without torch, whose import takes seconds.
WORKER = """\
import sys, time
from kernelproof.errors import run_command
from kernelproof.records import record_files
from kernelproof.run import run_plan
from kernelproof.run.run_plan import record_of
from kernelproof.run.worker_messages import Assignment, MessagePipe, WorkerMessage
def main():
    plan, assignment = run_plan.parse(sys.argv[1:]), Assignment.from_line(sys.stdin.readline())
    messages = MessagePipe(plan.messages)
    machine = {"device": {"name": "cpu"}}
    messages.send(WorkerMessage(machine=machine))
    passed = {"outcome": "pass", "reason": "", "seconds": 0.1, "seed": 1, "distributions": ["x"]}
    passed |= {"digest": "1" * 64, "input_digest": "2" * 64}
    for planned in plan.cases:
        if planned.case.id in assignment.cases:
            messages.send(WorkerMessage(case=planned.case.id, seconds=30))
            time.sleep(0.02)
            record = record_of(planned, assignment.revision, machine, **passed)
            try:
                record_files.write(plan.folder, planned, record)
            finally:
                messages.send(WorkerMessage())
    return 0
sys.exit(run_command(main))
"""
# A file system of its own, to be filled, takes a name space of its own.
NAME_SPACES = ["unshare", "--user", "--map-root-user", "--mount", "true"]
CAN_MOUNT = bool(shutil.which("unshare")) and not subprocess.call(
    NAME_SPACES, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)


def _inject(folder: Path, *names: str) -> list[dict[str, Any]]:
    """Injects faults on the cpu row; returns what faults.json holds, all of it good."""
    options = ["--row", "cpu", "--results", str(folder), *(f"--fault={name}" for name in names)]
    code = command.main(options)
    faults: list[dict[str, Any]] = json.loads((folder / "faults.json").read_text())["faults"]
    assert [fault["name"] for fault in faults] == [*names]
    assert [fault for fault in faults if not fault["is_good"]] == []
    assert code == 0
    return faults


def test_faults_of_cases_get_their_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each costs its own case, with a reason; real workers run in processes, since one dies."""
    exception, death = _inject(tmp_path, "exception", "exit")
    assert (exception["observed"], death["observed"]) == ("error; then pass", "crash; then pass")
    assert "planted" in exception["reason"]
    assert "exit code 0" in death["reason"]
    summary = capsys.readouterr().out.splitlines()[-1]
    assert summary.startswith("GOOD: 2 of 2 faults got what is expected, in ")


def test_events_of_runs_get_their_outcomes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's first process is killed, its disk is full, its folder goes: each run is resumed.

    Runs are real processes, since they are killed; their workers are stand-ins.
    """
    make = ScratchCopy.at

    def make_light(*arguments: Any) -> ScratchCopy:
        scratch = make(*arguments)
        (scratch.root / "pipeline/kernelproof/checks/worker.py").write_text(WORKER)
        return scratch

    monkeypatch.setattr(ScratchCopy, "at", make_light)
    disk_full = ["disk-full"] if CAN_MOUNT else []
    _inject(tmp_path, "supervisor-killed", *disk_full, "folder-gone", "half-written")


def test_an_outcome_that_is_not_as_expected_blocks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table and the last line say so; some machines allow no file system of one's own."""
    odd = RunEvent(name="odd", expected="a", description="w", bring_about=lambda _: "b")
    disk_full = next(event for event in EVENTS if event.name == "disk-full")
    monkeypatch.setattr(command, "EVENTS", (odd, disk_full))
    monkeypatch.setattr(run_events, "_OWN_NAME_SPACE", ("sh", "-c", "echo denied >&2; exit 1"))
    names = ["--fault", "odd", "--fault", "disk-full"]
    assert command.main(["--row", "cpu", "--results", str(tmp_path), *names]) == 1
    printed = capsys.readouterr().out
    assert "BAD   odd        " in printed
    assert re.search("BAD   disk-full  not possible here: .*unshare: denied", printed)
    assert "BLOCKED: 0 of 2 faults" in printed


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A row, a fault, or a fault that this row cannot have: the message lists what there is."""
    for options, message in (
        (["--row", "cpus"], "--row: found 'cpus', expected one of cpu, "),
        (["--row", "cpu", "--fault", "trap"], "--fault: found 'trap', expected one of none, "),
        (["--row", "cpu", "--fault", "exit", "--fault", "exti"], "; did you mean 'exit'?"),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            command.main(options)
    assert capsys.readouterr().out == ""


def test_the_table() -> None:
    """A bad outcome comes with the expected one and the reason."""
    assert list(fault_outcomes.table([GOOD, BAD])) == [
        "good  a   pass; then pass  (1.0 s)",
        "BAD   bb  pass  (2.0 s)",
        "      expected crash",
        "      a",
        "      b",
    ]
    assert fault_outcomes.markdown([GOOD, BAD])[2:] == [
        "| `a` | x | pass; then pass | the same |",
        "| `bb` | y | crash | **pass** |",
    ]


def test_a_cpu_is_asked_for_what_it_can_have() -> None:
    """Faults of GPUs are left out; names are there once, and verdicts are those of the records."""
    assert kinds_on("cuda") == KINDS
    of_gpus = {"illegal-address", "misaligned-address", "device-assert", "trap"}
    assert {kind.name for kind in {*KINDS} - {*kinds_on("interpreter")}} == of_gpus
    names = [fault.name for fault in (*KINDS, *EVENTS)]
    assert len(names) == len(set(names))
    assert {kind.verdict for kind in KINDS} <= {*map(str, Verdict)}


def test_the_scratch_copy_is_of_one_kernel(tmp_path: Path) -> None:
    """The copy has the faulty kernel alone, and no baseline."""
    scratch = ScratchCopy.at(tmp_path, "cpu", [1, 2])
    assert scratch.case_id(2, 3) == "faulty-cpu-fp32-F2-T3"
    assert [file.name for file in (tmp_path / "kernels").iterdir()] == ["faulty"]
    assert not (tmp_path / "pipeline" / "baselines").exists()


def test_the_readme_has_every_fault() -> None:
    """Each fault stands there with its expected outcome, in the words of the table."""
    readme = Path(command.__file__).with_name("README.md").read_text()
    faults = [(kind.name, kind.description, f"{kind.verdict}; then pass") for kind in KINDS]
    faults += [(event.name, event.description, event.expected) for event in EVENTS]
    rows = [f"| `{name}` | {text} | {outcome} | the same |" for name, text, outcome in faults]
    assert [row for row in rows if row not in readme] == []
