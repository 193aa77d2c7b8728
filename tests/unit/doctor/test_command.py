"""``python -m kernelproof.doctor``: its output, its exit codes, and its cost."""

import json
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
from kernelproof.machine.gpu_lock import exclusive_gpu
from kernelproof.machine.hardware import Accelerator
from kernelproof.plan import matrix
from kernelproof.records import time_baseline
from tests.unit.doctor.doctored import GPU, TOOLCHAIN
from tests.unit.python_process import lines_of

H200 = Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
RTX = Accelerator(backend="cuda", name="NVIDIA GeForce RTX 4090", arch="sm_89")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that gives this machine accelerators, with a driver and a torch to match."""

    def set_up(*gpus_here: Accelerator) -> None:
        def gpus(numbers: list[int]) -> list[GpuFacts]:
            return [replace(GPU, number=number) for number in numbers]

        def tools(*_: object, is_own: bool) -> ToolchainFacts:
            return replace(TOOLCHAIN, is_own=is_own)

        monkeypatch.setattr(hardware, "accelerators", lambda: gpus_here)
        monkeypatch.setitem(doctor.READERS, "cuda", gpus)
        monkeypatch.setattr(nvidia_gpus, "uuid_of", lambda number: f"uuid of {number}")
        monkeypatch.setattr(toolchain_facts, "read", tools)

    return set_up


def _run(*arguments: str) -> int:
    return run_command(lambda: doctor.main(arguments))


def test_a_healthy_row(host: Callable[..., None], capsys: Capture) -> None:
    """A line for each check, then a summary; as JSON the same is one object."""
    host(RTX, H200)
    assert _run() == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines[0].split(maxsplit=2) == ["ok", "row", "h200: NVIDIA H200, GPU 1"]
    assert {line.split()[0] for line in lines} <= {"ok", "warn", "unknown"}
    assert summary.startswith(f"HEALTHY: h200: {sum(line.startswith('ok') for line in lines)} ok")
    assert _run("--json") == 0
    written = json.loads(capsys.readouterr().out)
    first = {"check": "row", "level": "ok", "found": "h200: NVIDIA H200, GPU 1"}
    assert written["rows"][0]["findings"][0] == {**first, "expected": "", "do": ""}
    written["rows"][0]["findings"].clear()
    assert written == {"version": 1, "rows": [{"row": "h200", "findings": []}], "exit": 0}


def test_a_machine_that_is_no_row(host: Callable[..., None], capsys: Capture) -> None:
    """Exit code 4, the GPU that is here, and the block that would make it a row."""
    host(RTX)
    assert _run() == 4
    line, *block, summary = capsys.readouterr().out.splitlines()
    assert line.split()[:2] == ["fix", "row"]
    assert "found NVIDIA GeForce RTX 4090 (cuda, sm_89), " in line
    assert block[:2] == ["  my_row:", "    backend: cuda"]
    assert summary == "UNFIT: no row: 1 fix"


def test_a_named_row(host: Callable[..., None], capsys: Capture) -> None:
    """It is checked whatever this machine is; a wrong name gets a suggestion if there is one."""
    host(RTX)
    for row, code, words in (
        ("h200", 4, "found no cuda device that is h200, expected NVIDIA H200"),
        ("cpu", 0, "cpu: needs no GPU"),
        ("h20", 2, "--row: found 'h20', expected one of cpu, "),
        ("zzz", 2, "--row: found 'zzz', expected one of cpu, "),
    ):
        assert _run("--row", row) == code
        printed = capsys.readouterr()
        assert words in printed.out + printed.err
        assert ("did you mean 'h200'?" in printed.err) == (row == "h20")
        assert not printed.err.endswith("; \n")


def test_a_gpu_that_another_run_holds(
    host: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The lock that runs take tells; a lock that a dead run left behind is free."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    host(H200, H200)
    with exclusive_gpu("uuid of 1"):
        assert _run() == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "GPU 1 users found another run of this project timing on it" in output
    assert "GPU 0 users nobody else is on it" in output
    assert _run() == 0
    assert "another run" not in capsys.readouterr().out


def test_the_largest_case_is_that_of_matrix_yaml() -> None:
    """Only cases that are planned on the row count."""
    plan = matrix.load()
    assert doctor.needs_gb(plan, "h200") == 80
    assert doctor.needs_gb(plan, "b60") is None


def test_something_to_fix_is_exit_code_1(
    host: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A baseline that cannot be read has the reader's message; or results cannot be made."""

    def load(*_: object) -> None:
        raise BaselineError("h200/k.json: cut")

    host(H200)
    (tmp_path / "file").touch()
    assert _run("--results", str(tmp_path / "file" / "results")) == 1
    assert "UNFIT: h200: " in capsys.readouterr().out
    monkeypatch.setattr(time_baseline, "load", load)
    assert _run() == 1
    assert "fix baseline found h200/k.json: cut" in " ".join(capsys.readouterr().out.split())


def test_it_is_quick_and_imports_no_torch() -> None:
    """On a laptop it takes well under a second, so that nobody minds to run it.

    In a process of its own, since this one has imported torch.
    """
    code = (
        "import sys; from kernelproof.doctor.__main__ import main; main(['--row', 'cpu']); "
        "print(sorted({'torch', 'triton', 'numpy'} & set(sys.modules)))"
    )
    start = time.monotonic()
    assert lines_of(code, CUDA_VISIBLE_DEVICES="")[-1] == "[]"
    assert time.monotonic() - start < 3
