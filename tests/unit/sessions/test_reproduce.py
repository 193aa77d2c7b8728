"""Reproducing: a recorded case is run again, and its bits and conditions are compared."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import ResultsError, UsageError
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.records.record_files import Record
from kernelproof.sessions import reproduce
from tests.unit.records.made_records import record_of

PLANNED = cases.plan(matrix.load(), Selection(row=("cpu",)), [Check.PARITY])[0]
CASE = PLANNED.case.id
Capture = pytest.CaptureFixture[str]


@dataclass
class Rerun:
    """Stands in for the process that runs a case again, and keeps how it was called."""

    folder: Path
    record: Record = field(default_factory=lambda: record_of(PLANNED))
    roots: list[Path] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(
        self, planned: Planned, _: list[str], environment: dict[str, str], root: Path
    ) -> Record:
        """Returns the planted record."""
        assert planned.case.id == CASE
        self.environment = environment
        self.roots.append(root)
        return self.record

    def main(self, *arguments: str) -> int:
        """Runs the command on the cpu row, with this Python."""
        options = ["--this-python", "--row=cpu", "--results", str(self.folder)]
        return reproduce.main([*options, *arguments])

    def keep(self, **changes: Any) -> Path:
        """Writes the recorded run, with some fields changed, and returns its file."""
        record_files.write(self.folder, PLANNED, record_of(PLANNED, **changes))
        return record_files.path_of(self.folder, PLANNED)


@pytest.fixture
def rerun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rerun:
    """A run that gives the same bits at the same conditions."""
    made = Rerun(folder=tmp_path)
    monkeypatch.setattr(reproduce, "_run_again", made)
    return made


def test_a_case_is_run_again_in_a_process(tmp_path: Path, capsys: Capture) -> None:
    """The record claims other bits of another machine: the real ones are told beside them.

    The process is the one that ran the case first: only it has the row's environment.
    """
    made = Rerun(folder=tmp_path)
    made.keep(digest="f" * 64)
    assert made.main(CASE) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [f"{CASE}: running it here", "here      pass", "recorded  pass"]
    assert lines[4].startswith(f"outputs   other bits: {'f' * 64} -> ")
    assert any(line.startswith("  machine.packages.torch: nothing -> ") for line in lines)


def test_the_same_bits(rerun: Rerun, capsys: Capture) -> None:
    """A record is named by its file or by its id; the exit code is 0.

    A case without a record, or with a broken one, is run all the same.
    """
    assert rerun.main(CASE) == 0
    assert "there is no record of it to compare with" in capsys.readouterr().out
    file = rerun.keep()
    for name in (str(file), CASE):
        assert rerun.main(name) == 0
        assert capsys.readouterr().out.splitlines() == [
            "here      pass",
            "recorded  pass",
            "inputs    same bits, 222222222222",
            "outputs   same bits, 111111111111",
            "same conditions",
        ]
    file.write_text("{")
    assert rerun.main(CASE) == 0
    assert rerun.roots == [ROOT] * 4


def test_other_bits_and_conditions(rerun: Rerun, capsys: Capture) -> None:
    """Both digests are shown, and the conditions that differ, the most telling first."""
    machine = {"python": "2.7", "packages": {"torch": "9"}, "environment": {"TRITON_F": "1"}}
    rerun.keep(digest="f" * 64, commit="a" * 40, machine=machine)
    assert rerun.main(CASE) == 1
    output = capsys.readouterr().out
    assert f"outputs   other bits: {'f' * 64} -> {'1' * 64}" in output
    head, *conditions = output.splitlines()[4:]
    assert head == "conditions that differ, the most telling first:"
    names = [condition.split(":")[0].strip() for condition in conditions]
    assert names == [
        "commit",
        "machine.device.name",
        "machine.packages.torch",
        "machine.environment.TRITON_F",
        "machine.python",
        "machine.os",
    ]
    assert conditions[-2] == "  machine.python: 2.7 -> nothing"


def test_the_same_bits_of_a_failure_are_exit_code_1(rerun: Rerun, capsys: Capture) -> None:
    """Its reason is shown for both runs."""
    rerun.record = record_of(PLANNED, outcome="fail", reason="9 differ\nat 3")
    rerun.keep(outcome="fail", reason="9 differ")
    assert rerun.main(CASE) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == ["here      fail", "  9 differ", "  at 3", "recorded  fail", "  9 differ"]


def test_variables_of_the_record(rerun: Rerun) -> None:
    """Switches that change numbers are set as they were; paths and more than a word are not."""
    taken = {"TRITON_F": "1", "NVIDIA_TF32_OVERRIDE": "0"}
    environment = {**taken, "TRITON_CACHE_DIR": "x", "TRITON_G": "a b", "LD_PRELOAD": "evil"}
    rerun.keep(machine={"environment": environment})
    rerun.main(CASE)
    assert {pair for pair in rerun.environment.items() if pair in environment.items()} == {
        *taken.items()
    }


def test_the_record_s_own_commit(
    rerun: Rerun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """--at-commit runs in a worktree of it, with the sources there; without a record it cannot."""
    with pytest.raises(UsageError, match="--at-commit: found no record"):
        rerun.main("--at-commit", CASE)
    commits = []

    @contextmanager
    def worktree(commit: str) -> Iterator[Path]:
        commits.append(commit)
        yield tmp_path / "tree"

    monkeypatch.setattr(reproduce, "require_commit", lambda _, name: name)
    monkeypatch.setattr(reproduce, "worktree", worktree)
    rerun.keep(commit="a" * 40)
    rerun.main("--at-commit", CASE)
    assert (commits, rerun.roots) == (["a" * 40], [tmp_path / "tree"])
    assert rerun.environment["PYTHONPATH"].startswith(str(tmp_path / "tree"))


def test_a_wrong_name(rerun: Rerun) -> None:
    """The message names what was expected, in a line."""
    expected = "expected a record's file or the id of a case"
    for name in (f"{CASE}0", "pyproject.toml"):
        with pytest.raises(UsageError, match=f"^result: found '{name}', {expected}"):
            rerun.main(name)
    with pytest.raises(ResultsError, match=r"^result: .*none\.json"):
        rerun.main(str(rerun.folder / "none.json"))
    stranger = rerun.keep()
    stranger.write_text(stranger.read_text().replace(CASE, CASE.replace("cpu", "moon")))
    with pytest.raises(UsageError, match=r"found a case that matrix\.yaml does not plan"):
        rerun.main(str(stranger))
