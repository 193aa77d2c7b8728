"""Injected faults: what is expected of them, what they get, and what the README says of both."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import UsageError
from kernelproof.plan.repository import ROOT
from kernelproof.records.verdict import Verdict
from kernelproof.selftest.faults import __main__ as command
from kernelproof.selftest.faults import fault_tables
from kernelproof.selftest.faults.fault_kinds import KINDS, kinds_on
from kernelproof.selftest.faults.fault_tables import Seen
from kernelproof.selftest.faults.run_events import EVENTS, Event
from kernelproof.selftest.faults.scratch_copy import Scratch

GOOD = Seen(name="a", words="x", expected="pass; then pass", observed="pass; then pass", seconds=1)
BAD = Seen(name="bb", words="y", expected="crash", observed="pass", seconds=2, reason="a\nb")


# A file system of its own, to be filled, takes a name space of its own.
NAME_SPACES = ["unshare", "--user", "--map-root-user", "--mount", "true"]
CAN_MOUNT = bool(shutil.which("unshare")) and not subprocess.call(
    NAME_SPACES, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)


def _injected(folder: Path, *named: str) -> tuple[dict[str, dict[str, Any]], str]:
    """What each got on the cpu row, and the last line that was said; all have to be good."""
    options = ["--row", "cpu", "--results", str(folder), *(f"--fault={name}" for name in named)]
    done = subprocess.run(
        [sys.executable, "-m", "kernelproof.selftest.faults", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    seen = json.loads((folder / "faults.json").read_text())["faults"]
    found = {one["name"]: one for one in seen}
    assert set(found) == set(named)
    assert all(one["is_good"] for one in seen), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    return found, done.stdout.splitlines()[-1]


def test_real_faults_get_their_verdicts(tmp_path: Path) -> None:
    """Each costs its own case, with a reason; a run whose first process is killed is resumed."""
    costly = {
        "segfault": "crash; then pass",
        "exit": "crash; then pass",
        "exception": "error; then pass",
    }
    found, last = _injected(tmp_path, *costly, "supervisor-killed")
    assert {name: found[name]["observed"] for name in costly} == costly
    assert all(found[name]["reason"] for name in costly)
    assert last.startswith("GOOD: 4 of 4 faults got what is expected, in ")


@pytest.mark.skipif(not CAN_MOUNT, reason="nothing can be mounted here to be filled")
def test_a_full_disk_is_told_and_resumed(tmp_path: Path) -> None:
    """By a file system of its own, of a few records' size."""
    _, last = _injected(tmp_path, "disk-full")
    assert last.startswith("GOOD: 1 of 1 faults got what is expected, in ")


def test_what_is_not_as_expected_blocks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or what cannot be injected here: silence is no proof."""
    event = Event(name="odd", expected="a", words="w", happens=lambda _: "b")
    monkeypatch.setattr(command, "EVENTS", (event,))
    options = ["--row", "cpu", "--results", str(tmp_path), "--fault", "odd"]
    assert command.main(options) == 1
    said = capsys.readouterr().out
    assert "BAD   odd  b" in said
    assert "BLOCKED: 0 of 1 faults" in said


def test_names_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A row, a fault, or one that this row cannot have; each names what there is."""
    for options, said in (
        (["--row", "cpus"], "--row: found 'cpus', expected one of cpu, "),
        (["--row", "cpu", "--fault", "trap"], "--fault: found 'trap', expected one of none, "),
        (["--row", "cpu", "--fault", "exit", "--fault", "exti"], "; did you mean 'exit'?"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            command.main(options)
    assert capsys.readouterr().out == ""


def test_the_table() -> None:
    """One that is not as expected tells what was, and the last words."""
    assert list(fault_tables.table([GOOD, BAD])) == [
        "good  a   pass; then pass  (1.0 s)",
        "BAD   bb  pass  (2.0 s)",
        "      expected crash",
        "      a",
        "      b",
    ]
    assert list(fault_tables.markdown([GOOD, BAD]))[2:] == [
        "| `a` | x | pass; then pass | the same |",
        "| `bb` | y | crash | **pass** |",
    ]


def test_faults_are_of_a_row() -> None:
    """Those of a GPU's alone are not asked of a CPU; names and verdicts are those there are."""
    assert kinds_on("cuda") == KINDS
    assert {kind.name for kind in KINDS} - {kind.name for kind in kinds_on("interpreter")} == {
        "illegal-address",
        "misaligned-address",
        "device-assert",
        "trap",
    }
    names = [one.name for one in (*KINDS, *EVENTS)]
    assert len(names) == len(set(names))
    assert {kind.verdict for kind in KINDS} <= {*map(str, Verdict)}


def test_the_scratch_copy_is_of_one_kernel(tmp_path: Path) -> None:
    """And one row; it holds no baseline of anything."""
    scratch = Scratch.at(tmp_path, "cpu", [1, 2])
    assert scratch.case(2, 3) == "faulty-cpu-fp32-F2-T3"
    assert sorted(one.name for one in (tmp_path / "kernels").iterdir()) == ["faulty"]
    assert not (tmp_path / "pipeline" / "baselines").exists()


def test_the_readme_has_every_fault() -> None:
    """With what is expected of it, in the words of the table."""
    readme = (Path(command.__file__).with_name("README.md")).read_text()
    for kind in KINDS:
        assert f"| `{kind.name}` | {kind.words} | {kind.verdict}; then pass | the same |" in readme
    for event in EVENTS:
        assert f"| `{event.name}` | {event.words} | {event.expected} | the same |" in readme
