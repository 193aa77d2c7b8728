"""The command of bench: what it times, what it leaves, its exit codes, and an earlier run shown.

The clock is a stand-in, and the kernels are interpreted: the times mean nothing.
"""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from gemma4_routing import proof as package
from kernelproof.checks.bench import race
from kernelproof.checks.bench.__main__ import main
from kernelproof.errors import run_command
from kernelproof.machine import hardware
from kernelproof.measure import clock, torch_device
from kernelproof.plan import repository
from kernelproof.plan.schema import Row
from kernelproof.records import bench_run
from kernelproof.records.bench_run import BenchCase, ContestantTimes
from tests.unit.checks.bench.test_bench_tables import RUN, TERMINAL
from tests.unit.measure.fake_clock import FakeClock

MACHINE = {"packages": {"torch": "2.11.0"}, "device": {"name": "NVIDIA H200"}}
CASE = "gemma4_routing-h200-fp32-E60-K4-T1"
SMALL = ("--row", "h200", "--dtype", "fp32", "--case", "*-E60-K4-T1", "--rounds", "2")


@pytest.fixture
def h200(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this machine pass for an H200 that interprets, and times few calls on the host."""
    monkeypatch.setattr(clock, "GpuClock", lambda _: FakeClock())
    monkeypatch.setattr(race, "_MOST_CALLS", 1)
    monkeypatch.setattr(clock, "_HOST_BATCH", 1)
    monkeypatch.setattr(torch_device, "device_of", lambda *_: torch.device("cpu"))
    monkeypatch.setattr(torch_device, "fingerprint", lambda _: MACHINE)
    monkeypatch.setattr(Row, "environment", {"TRITON_INTERPRET": "1"})
    change_spec(monkeypatch, floors=package.SPEC.floors[:2])


def change_spec(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Changes the kernel's SPEC."""
    monkeypatch.setattr(package, "SPEC", replace(package.SPEC, **fields))


def run_bench(*arguments: object) -> int:
    """Returns the exit code of the command."""
    return run_command(lambda: main([*map(str, arguments)]))


def case_in(folder: Path) -> BenchCase:
    """Returns the only case of the run in a folder."""
    (case,) = bench_run.read(folder / "h200.json").measured
    return case


@pytest.mark.usefixtures("h200")
def test_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON and Markdown of the same run, a line a shape on stderr, the tables on stdout."""
    change_spec(monkeypatch, bare=package.SPEC.launch)
    assert run_bench(*SMALL, "--peer", "eager", "--peer", "vllm", "--out", tmp_path) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["h200.json", "h200.md"]
    run, case = bench_run.read(tmp_path / "h200.json"), case_in(tmp_path)
    assert run.machine == MACHINE
    assert run.command.startswith(
        "python -m kernelproof.checks.bench --row h200 --dtype fp32 --case '*-E6"
    )
    assert (case.case, case.shape) == (CASE, {"E": 60, "K": 4, "T": 1})
    assert case.least_bytes == 60 * 4 + 60 * 4 + 4 * 8
    assert case.ours.timing == ContestantTimes(samples_us=[2.0] * 2, launches=500, is_graph=True)
    assert {name: result.state for name, result in case.results.items()} == {
        "kernel": "timed",
        "floor (1 row, 1 warp)": "timed",
        "floor (2 rows, 1 warp)": "unsupported",
        "eager": "timed",
        "vllm": "not installed",
    }
    hosts = [case.ours.host_us, case.bare_host_us, case.peers["eager"].host_us]
    assert all(host and host > 0 for host in hosts)
    printed = capsys.readouterr()
    progress = rf"\[1/1\] {CASE}: 2\.000 us, floor 2\.000 us  \([\d.]+ s\)\n"
    assert re.fullmatch(progress, printed.err)
    assert "E60 K4 T1   2.000  0.0     0  2.000    1.00  2.000 x1.00\n" in printed.out
    assert "| E60 K4 T1 | 2.000 | 0.0 |" in (tmp_path / "h200.md").read_text()


@pytest.mark.usefixtures("h200")
def test_a_peer_that_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an error in the tables and a line on stderr; the others are timed; exit code 1."""
    failing = mock.Mock(side_effect=OverflowError("too much\nof it"))
    peers = {
        "failing": (lambda: failing, "error"),
        "narrow": (lambda: mock.Mock(side_effect=NotImplementedError), "unsupported"),
        "broken": (mock.Mock(side_effect=OSError(5, "no library")), "error"),
        "absent": (lambda: None, "not installed"),
        "eager": (package.SPEC.peers["eager"], "timed"),
    }
    change_spec(monkeypatch, peers={name: peer for name, (peer, _) in peers.items()})
    assert run_bench(*SMALL, "--out", tmp_path) == 1
    for name, result in case_in(tmp_path).peers.items():
        assert result.state == peers[name][1], name
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"error {CASE}: failing: OverflowError: too much",
        f"error {CASE}: broken: OSError: [Errno 5] no library",
    ]


@pytest.mark.usefixtures("h200")
def test_an_interrupted_run_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bench interrupted before any shape is measured exits with 130 and writes nothing.

    A kernel without floors and peers is timed alone.
    """
    (tmp_path / "h200.json").write_text("the last one")
    change_spec(monkeypatch, peers={"eager": mock.Mock(side_effect=KeyboardInterrupt)})
    assert run_bench(*SMALL, "--out", tmp_path) == 130
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the last one"]
    change_spec(monkeypatch, floors=(), peers={}, least_bytes=None)
    assert run_bench(*SMALL, "--out", tmp_path) == 0
    case = case_in(tmp_path)
    assert (case.floors, case.peers, case.least_bytes, case.floor) == ({}, {}, None, None)
    assert "| E60 K4 T1 | 2.000 | 0.0 |  |  |  |" in (tmp_path / "h200.md").read_text()


NO_GPU = "bench needs a GPU: found row cpu, which is interpreted, expected one of a100, "


def test_a_mistake_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what was found and expected, with the exit code of the mistake."""
    monkeypatch.setattr(hardware, "accelerators", lambda: ())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for arguments, code, message in (
        ("--row cpu", 4, NO_GPU),
        ("", 4, NO_GPU),
        ("--row h200", 4, "row h200: found no cuda device"),
        ("--row h20", 2, "--row: found 'h20', expected a row of matrix.yaml; did you mean "),
        ("--dtype bf61", 2, "--dtype: found 'bf61', expected a dtype of matrix.yaml; did "),
        ("--kernel x", 2, "--kernel: found 'x', expected a kernel of matrix.yaml; known: g"),
        ("--case *-T3", 2, "--case: found '*-T3', expected a case of matrix.yaml; such as g"),
        ("--dtype bf16 --case *-fp32-*", 2, "no case is within --dtype bf16 --case "),
        ("--show nothing.json", 3, "nothing.json: no such file or directory; expected a "),
    ):
        monkeypatch.setenv("TRITON_INTERPRET", "1")  # the command sets what the row needs
        assert run_bench(*arguments.split()) == code
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(message)
        assert printed.err.count("\n") == 1


@pytest.mark.usefixtures("h200")
def test_options_are_checked_before_anything_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    """A peer must be known, and rounds are counted from one on."""
    assert run_bench(*SMALL, "--peer", "eagre") == 2
    message = "--peer: found 'eagre', expected a peer of a kernel; did you mean 'eager'?\n"
    assert capsys.readouterr().err == message
    for rounds in ("0", "-1", "x", "1.5"):
        with pytest.raises(SystemExit) as caught:
            main(["--rounds", rounds])
        assert caught.value.code == 2
        assert f"found {rounds!r}, expected a whole number from 1 on" in capsys.readouterr().err


def test_an_earlier_run_is_shown_again(tmp_path: Path) -> None:
    """It needs no torch: a process, since this one has imported it."""
    file = tmp_path / "h200.json"
    file.write_text(RUN.model_dump_json())
    script = (
        "import sys; from kernelproof.checks.bench.__main__ import main; main(sys.argv[1:]); "
        "sys.exit(' '.join({'torch', 'triton', 'numpy'} & sys.modules.keys()) or 0)"
    )
    command = [sys.executable, "-c", script, "--show", str(file)]
    settings: dict[str, Any] = {"cwd": repository.ROOT, "capture_output": True, "text": True}
    done = subprocess.run(command, **settings, timeout=60, check=False)
    assert (done.stdout, done.stderr, done.returncode) == (TERMINAL, "", 0)
