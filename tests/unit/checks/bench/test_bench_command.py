"""The command: what it times, what it leaves, its exit codes, and an earlier run shown again.

The clock's device is a stand-in, and the kernels are interpreted: the times mean nothing.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gemma4_routing import proof as package
from kernelproof.checks.bench.__main__ import main
from kernelproof.errors import run_command
from kernelproof.machine import hardware
from kernelproof.measure import clock, torch_device
from kernelproof.plan import repository
from kernelproof.plan.schema import Row
from kernelproof.records import bench_run
from tests.unit.checks.bench.test_bench_tables import RUN, TERMINAL

MACHINE = {"packages": {"torch": "2.11.0"}, "device": {"name": "NVIDIA H200"}}
SMALL = ("--row", "h200", "--dtype", "fp32", "--case", "*-E60-K4-T1")
QUICK = ("--peer", "eager", "--rounds", "2")


class StandIn:
    """A device that runs one launch of a recording, and says that each took 2 us."""

    l2_bytes = 1000
    is_graph = True

    def __init__(self, launches: Any) -> None:
        self.launches = launches if isinstance(launches, Sequence) else ()

    def record(self, launches: Sequence[Callable[[], object]]) -> "StandIn":
        """The launches, the last of which runs."""
        launches[-1]()
        return StandIn(launches)

    def replay(self) -> float:
        """Two microseconds a launch."""
        return 2.0 * len(self.launches)

    def synchronize(self) -> None:
        """Has nothing to wait for."""

    def free(self) -> None:
        """Has nothing to give back."""


@pytest.fixture
def h200(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this machine pass for an H200 that interprets."""
    monkeypatch.setattr(clock, "GpuClock", StandIn)
    monkeypatch.setattr(torch_device, "device_of", lambda *_: torch.device("cpu"))
    monkeypatch.setattr(torch_device, "fingerprint", lambda _: MACHINE)
    monkeypatch.setattr(Row, "environment", {"TRITON_INTERPRET": "1"})
    monkeypatch.setattr(package, "SPEC", replace(package.SPEC, floors=package.SPEC.floors[:2]))


def _with(monkeypatch: pytest.MonkeyPatch, **fields: Any) -> None:
    """Changes the kernel's SPEC."""
    monkeypatch.setattr(package, "SPEC", replace(package.SPEC, **fields))


def _bench(*arguments: object) -> int:
    return run_command(lambda: main([*map(str, arguments)]))


@pytest.mark.usefixtures("h200")
def test_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """JSON and Markdown of the same run, a line a shape on stderr, the tables on stdout."""
    _with(monkeypatch, bare=package.SPEC.launch)
    assert _bench(*SMALL, *QUICK, "--peer", "vllm", "--out", tmp_path) == 0
    assert sorted(file.name for file in tmp_path.iterdir()) == ["h200.json", "h200.md"]
    run = bench_run.read(tmp_path / "h200.json")
    (one,) = run.measured
    assert run.machine == MACHINE
    assert run.command.startswith(
        "python -m kernelproof.checks.bench --row h200 --dtype fp32 --case '*-E6"
    )
    assert (one.case, one.shape) == (
        "gemma4_routing-h200-fp32-E60-K4-T1",
        {"E": 60, "K": 4, "T": 1},
    )
    assert one.least_bytes == 60 * 4 + 60 * 4 + 4 * 8
    assert one.ours.timing == bench_run.ContestantTimes(
        samples_us=[2.0] * 2, launches=500, is_graph=True
    )
    states = {name: entry.state for name, entry in one.results.items()}
    assert states == {
        "kernel": "timed",
        "floor (1 row, 1 warp)": "timed",
        "floor (2 rows, 1 warp)": "unsupported",
        "eager": "timed",
        "vllm": "not installed",
    }
    hosts = [one.ours.host_us, one.bare_host_us, one.peers["eager"].host_us]
    assert all(host and host > 0 for host in hosts)
    printed = capsys.readouterr()
    told = r"\[1/1\] gemma4_routing-h200-fp32-E60-K4-T1: 2\.000 us, floor 2\.000 us  \([\d.]+ s\)\n"
    assert re.fullmatch(told, printed.err)
    assert "E60 K4 T1   2.000  0.0     0  2.000    1.00  2.000 x1.00\n" in printed.out
    assert "| E60 K4 T1 | 2.000 | 0.0 |" in (tmp_path / "h200.md").read_text()


@pytest.mark.usefixtures("h200")
def test_a_peer_that_raises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is an error in the tables and a line on stderr; the others are timed; exit code 1."""

    def failing(**_: Any) -> Any:
        raise OverflowError("too much\nof it")

    def unsupported(**_: Any) -> Any:
        raise NotImplementedError

    def unreadable() -> Any:
        raise OSError(5, "no library")

    peers = {
        "failing": lambda: failing,
        "narrow": lambda: unsupported,
        "broken": unreadable,
        "absent": lambda: None,
        "eager": package.SPEC.peers["eager"],
    }
    _with(monkeypatch, peers=peers)
    assert _bench(*SMALL, "--out", tmp_path) == 1
    (one,) = bench_run.read(tmp_path / "h200.json").measured
    found = {name: entry.state for name, entry in one.peers.items()}
    assert found == {
        "failing": "error",
        "narrow": "unsupported",
        "broken": "error",
        "absent": "not installed",
        "eager": "timed",
    }
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"error {one.case}: failing: OverflowError: too much",
        f"error {one.case}: broken: OSError: [Errno 5] no library",
    ]


@pytest.mark.usefixtures("h200")
def test_a_kernel_without_floors_and_peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is timed alone."""
    _with(monkeypatch, floors=(), peers={}, least_bytes=None)
    assert _bench(*SMALL, "--out", tmp_path) == 0
    (one,) = bench_run.read(tmp_path / "h200.json").measured
    assert (one.floors, one.peers, one.least_bytes, one.floor) == ({}, {}, None, None)
    assert "| E60 K4 T1 | 2.000 | 0.0 |  |  |  |" in (tmp_path / "h200.md").read_text()


@pytest.mark.usefixtures("h200")
def test_an_interrupted_run_leaves_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written before everything is measured; exit code 130."""
    (tmp_path / "h200.json").write_text("the last one")

    def interrupted() -> Any:
        raise KeyboardInterrupt

    _with(monkeypatch, peers={"eager": interrupted})
    assert _bench(*SMALL, "--out", tmp_path) == 130
    assert [file.name for file in tmp_path.iterdir()] == ["h200.json"]
    assert (tmp_path / "h200.json").read_text() == "the last one"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--row", "cpu"], 4, "bench needs a GPU: found row cpu, which is interpreted, expected "),
        ([], 4, "bench needs a GPU: found row cpu, which is interpreted, expected one of a100, "),
        (["--row", "h200"], 4, "row h200: found no cuda device"),
        (["--row", "h20"], 2, "--row: found 'h20', expected a row of matrix.yaml; did you mean "),
        (["--dtype", "bf61"], 2, "--dtype: found 'bf61', expected a dtype of matrix.yaml; did "),
        (["--kernel", "x"], 2, "--kernel: found 'x', expected a kernel of matrix.yaml; known: g"),
        (["--case", "*-T3"], 2, "--case: found '*-T3', expected a case of matrix.yaml; such as g"),
        (["--dtype", "bf16", "--case", "*-fp32-*"], 2, "no case is within --dtype bf16 --case "),
        (["--show", "nothing.json"], 3, "nothing.json: no such file or directory; expected a "),
    ],
    ids=lambda it: " ".join(it) or "nothing" if isinstance(it, list) else "",
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    """In one line, with the exit code of the mistake."""
    monkeypatch.setattr(hardware, "accelerators", lambda: ())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("TRITON_INTERPRET", "1")  # the command sets what the row needs
    assert _bench(*arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(said)
    assert printed.err.count("\n") == 1


@pytest.mark.usefixtures("h200")
def test_an_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is timed."""
    assert _bench(*SMALL, "--peer", "eagre") == 2
    said = "--peer: found 'eagre', expected a peer of a kernel; did you mean 'eager'?\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("rounds", ["0", "-1", "x", "1.5"])
def test_rounds_are_counted(capsys: pytest.CaptureFixture[str], rounds: str) -> None:
    """From one on."""
    with pytest.raises(SystemExit) as caught:
        main(["--rounds", rounds])
    assert caught.value.code == 2
    assert f"found {rounds!r}, expected a whole number from 1 on" in capsys.readouterr().err


def test_an_earlier_run_is_shown_again(tmp_path: Path) -> None:
    """Its tables, from its JSON, and without torch."""
    file = tmp_path / "h200.json"
    file.write_text(RUN.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "kernelproof.checks.bench", "--show", str(file)],
        cwd=repository.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == TERMINAL
    assert re.search(r"\| +kernelproof\.checks\.bench\.bench_tables$", done.stderr, re.MULTILINE)
    assert not re.search(r"\| +(torch|triton|numpy)$", done.stderr, re.MULTILINE)
