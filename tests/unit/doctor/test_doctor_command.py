"""``python -m kernelproof.doctor``: what it prints, its exit codes, and how little it waits."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.doctor import __main__ as doctor
from kernelproof.doctor import nvidia_gpus, toolchain_facts
from kernelproof.doctor.facts import GpuFacts, ToolchainFacts
from kernelproof.errors import BaselineError, run_command
from kernelproof.machine import hardware
from kernelproof.machine.gpu_monitor import turn_on
from kernelproof.machine.hardware import Accelerator
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from kernelproof.records import time_baseline
from tests.unit.doctor.doctored import GPU, TOOLCHAIN

H200 = Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
RTX = Accelerator(backend="cuda", name="NVIDIA GeForce RTX 4090", arch="sm_89")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes this machine one with these accelerators, and a driver and a torch to go with them."""

    def become(*found: Accelerator) -> None:
        def gpus(numbers: list[int]) -> list[GpuFacts]:
            return [replace(GPU, number=number) for number in numbers]

        def tools(*_: object, is_own: bool) -> ToolchainFacts:
            return replace(TOOLCHAIN, is_own=is_own)

        monkeypatch.setattr(hardware, "accelerators", lambda: found)
        monkeypatch.setitem(doctor.READERS, "cuda", gpus)
        monkeypatch.setattr(nvidia_gpus, "uuid_of", lambda number: f"uuid of {number}")
        monkeypatch.setattr(toolchain_facts, "read", tools)

    return become


def _run(*arguments: str) -> int:
    return run_command(lambda: doctor.main(arguments))


def test_a_healthy_row(host: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """A line a check, then a summary."""
    host(RTX, H200)
    assert _run() == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2) == ["ok", "row", "h200: NVIDIA H200, GPU 1"]
    assert {line.split()[0] for line in lines} <= {"ok", "warn", "unknown"}
    assert summary.startswith(f"HEALTHY: h200: {sum(line.startswith('ok') for line in lines)} ok")


def test_json_is_one_object(host: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    """With everything that the lines say."""
    host(H200)
    assert _run("--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["exit"]) == (1, 0)
    (row,) = told["rows"]
    assert row["row"] == "h200"
    assert row["findings"][0] == {
        "check": "row",
        "level": "ok",
        "found": "h200: NVIDIA H200, GPU 0",
        "expected": "",
        "do": "",
    }


def test_a_machine_that_is_no_row(
    host: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4, what it is, and the block that would make it a row."""
    host(RTX)
    assert _run() == 4
    line, *block, summary = capsys.readouterr().out.splitlines()
    assert line.startswith(
        "fix      row              found NVIDIA GeForce RTX 4090 (cuda, sm_89), "
    )
    assert line.endswith("; add a row to matrix.yaml:")
    assert block[:2] == ["  my_row:", "    backend: cuda"]
    assert summary == "UNFIT: no row: 1 fix"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--row", "h200"], 4, "found no cuda device that is h200, expected NVIDIA H200"),
        (["--row", "cpu"], 0, "cpu: no GPU is needed"),
        (["--row", "h20"], 2, "--row: found 'h20', expected one of cpu, "),
        (["--row", "zzz"], 2, "--row: found 'zzz', expected one of cpu, "),
    ],
)
def test_a_row_by_name(
    host: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    """Whatever this machine is."""
    host(RTX)
    assert _run(*arguments) == code
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
    assert ("did you mean 'h200'?" in printed.err) == (arguments[1] == "h20")
    assert not printed.err.endswith("; \n")


def test_something_to_fix_is_exit_code_1(
    host: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here the folder of results."""
    host(H200)
    (tmp_path / "file").touch()
    assert _run("--results", str(tmp_path / "file" / "results")) == 1
    assert "UNFIT: h200: " in capsys.readouterr().out


def test_a_gpu_whose_turn_another_run_has(
    host: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By the lock that runs take; one that is left behind by a dead run is free."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    host(H200, H200)
    with turn_on("uuid of 1"):
        assert _run() == 0
    said = capsys.readouterr().out
    assert "GPU 1 users      found another run of this project timing on it" in said
    assert "GPU 0 users      nobody else is on it" in said
    assert _run() == 0
    assert "another run" not in capsys.readouterr().out


def test_the_largest_case_is_what_matrix_yaml_says() -> None:
    """Of the cases that are planned on the row."""
    plan = matrix.load()
    assert doctor.needs_gb(plan, "h200") == 80
    assert doctor.needs_gb(plan, "b60") is None


def test_an_unreadable_baseline_is_to_be_fixed(
    host: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In the words of the one who read it."""

    def load(*_: object) -> None:
        raise BaselineError("h200/k.json: cut")

    monkeypatch.setattr(time_baseline, "load", load)
    host(H200)
    assert _run() == 1
    assert "fix      baseline         found h200/k.json: cut" in capsys.readouterr().out


def test_it_takes_a_blink_and_no_torch() -> None:
    """On a laptop: well under a second where nothing else runs, so that nobody minds to ask."""
    code = (
        "import sys; from kernelproof.doctor.__main__ import main; main(['--row', 'cpu']); "
        "print(sorted({'torch', 'triton', 'numpy'} & set(sys.modules)))"
    )
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert time.monotonic() - start < 3
