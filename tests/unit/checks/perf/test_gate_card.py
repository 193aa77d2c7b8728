"""The command of the gate card, with made-up processes: its requests, its files and its card."""

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from kernelproof.checks.perf import effect, gate_card
from kernelproof.checks.row_gpu import RowGpu
from kernelproof.errors import run_command
from kernelproof.machine import hardware
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.timing import FLOOR, KERNEL, REPEAT
from tests.unit.checks.perf.fake_processes import FLOORS, FakeReplicates, near

IDS = [f"gemma4_routing-h200-bf16-E128-K8-T{tokens}" for tokens in (1, 128)]
PLANTED = [f"planted {percent}" for percent in (1, 2, 3, 5, 10)]


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeReplicates:
    """Makes this machine pass for an H200 without baselines, whose card goes to a folder."""
    fake = FakeReplicates(us=lambda _, number: near(10.0, number, 0.1))
    monkeypatch.setattr(gate_card, "Replicates", fake)
    monkeypatch.setattr(effect, "_RESAMPLES", 20)
    monkeypatch.setattr(hardware, "require_gpu", lambda *_: None)
    gpu = RowGpu(device=None, fingerprint={"python": "3", "os": "Linux"}, lock="made up")
    monkeypatch.setattr(gate_card, "find_gpu", lambda *_: gpu)
    monkeypatch.setattr(gate_card, "exclusive_gpu", lambda _: nullcontext())
    monkeypatch.setattr(time_baseline, "load", lambda *_: None)
    monkeypatch.setattr(sensitivity, "write", partial(sensitivity.write, folder=tmp_path))
    return fake


def run_gate_card(folder: Path, *arguments: str) -> int:
    """Returns the exit code for the two cases, of few rows and trials."""
    cases = [f"--case={name}" for name in IDS]
    counts = ["--processes=8", "--rows=2", "--trials=2"]
    words = ["--row=h200", *cases, *counts, f"--results={folder}", *arguments]
    return run_command(lambda: gate_card.main(words))


def test_a_card_is_measured_and_written(
    processes: FakeReplicates, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process chooses the floors, another one calibrates, and 8 time everything."""
    assert run_gate_card(tmp_path) == 0
    assert processes.cases() == [IDS] * 10
    assert processes.is_last == [False] * 9 + [True]
    floors, calibration, *timing = processes.requests
    assert (floors.task, floors.rounds) == ("time", 1)
    assert calibration.task == "calibrate"
    assert [case.slower_by for case in calibration.cases] == [gate_card.PLANTED] * 2
    assert [request.seed for request in timing] == [*range(1, 9)]
    for case in timing[0].cases:
        assert (case.floor, case.is_repeated, list(case.planted)) == (FLOORS[0], True, PLANTED)
    card = sensitivity.load("h200", tmp_path)
    assert card is not None
    assert (card.processes, list(card.cases), card.machine) == (8, IDS, {"python": "3"})
    assert (card.alarms.rows, card.alarms.blamed) == (2, 0)
    times = card.times_us[IDS[0]]
    assert sorted(times) == sorted([KERNEL, FLOOR, REPEAT, *PLANTED])
    assert len(times[KERNEL]) == 8
    sizes = [(size.percent, size.found, size.trials) for size in card.cases[IDS[0]].planted]
    assert sizes == [(1, 0, 2), (2, 2, 2), (3, 2, 2), (5, 2, 2), (10, 2, 2)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{sensitivity.path_of('h200', tmp_path)}: written; commit it"

    # A card is counted again from stored times; a file that holds none is refused.
    file = tmp_path / "perf" / "h200.planted.json"
    assert list(json.loads(file.read_bytes())["times_us"]) == IDS
    assert run_gate_card(tmp_path, f"--times={file}") == 0
    assert len(processes.requests) == 10
    assert sensitivity.load("h200", tmp_path) == card
    capsys.readouterr()
    file.write_text("{}")
    assert run_gate_card(tmp_path, f"--times={file}") == 3
    assert capsys.readouterr().err.endswith("expected times that gate-card wrote\n")
    assert run_gate_card(tmp_path, f"--times={tmp_path}/none") == 3
    # An error ends the card: rates of some cases would say nothing of the others.
    capsys.readouterr()
    processes.requests.clear()
    processes.errors = {IDS[1]: "TypeError: no"}
    assert run_gate_card(tmp_path) == 1
    assert capsys.readouterr().err == f"{IDS[1]}: TypeError: no\n"
    assert (len(processes.requests), processes.entered) == (1, 0)
    assert run_gate_card(tmp_path, "--dtype=fp64") == 2
