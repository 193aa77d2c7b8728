"""Facts of a toolchain: its environment, its packages, and the GPUs that its torch sees."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kernelproof.doctor import toolchain_facts
from kernelproof.plan import matrix
from kernelproof.plan.schema import Row

ROWS = matrix.load().rows


def _row(**changes: Any) -> Row:
    return ROWS["cpu"].model_copy(update=changes)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """Folder of environments, with that of the cpu toolchain, with another torch."""
    folder = tmp_path / "toolchain-cpu"
    packages = folder / "lib" / "python3.12" / "site-packages"
    for name, version in {"torch": "9.9.9+cpu", "Py_YAML": "6.0.3", "pyyaml": "6.0.3"}.items():
        info = packages / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text("#!/bin/sh\necho 'no such library' >&2; exit 1\n")
    (folder / "bin" / "python").chmod(0o755)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.3\n")
    (folder / "installed.sha256").write_text("0")
    return tmp_path


def test_an_environment(environment: Path) -> None:
    """Its Python and its pinned packages; on an interpreter's row torch is not asked."""
    facts = toolchain_facts.read(_row(), is_own=True, root=environment)
    assert (facts.is_made, facts.python) == (True, "3.12.3")
    assert (facts.sees, facts.complaint) == (None, "")
    assert facts.installed == {"torch": "9.9.9+cpu", "pyyaml": "6.0.3"}
    assert facts.pinned["torch"] == "2.13.0"


def test_an_environment_that_is_not_made(environment: Path) -> None:
    """Neither is one whose making was interrupted."""
    for missing in ("installed.sha256", "bin/python"):
        (environment / "toolchain-cpu" / missing).unlink()
        assert not toolchain_facts.read(_row(), is_own=True, root=environment).is_made
        (environment / "toolchain-cpu" / "installed.sha256").touch()


def test_torch_that_does_not_answer(environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The complaint is the last line of its error; it is given up after a while."""

    def run(command: list[str], *, timeout: float, **_: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    for complaint in ("no such library", "no answer in 120 s"):
        facts = toolchain_facts.read(_row(backend="cuda"), is_own=True, root=environment)
        assert (facts.sees, facts.complaint) == (None, complaint)
        monkeypatch.setattr(subprocess, "run", run)


def test_torch_of_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for every device that it sees; its answer without any has a reason."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    facts = toolchain_facts.read(_row(backend="cuda"), is_own=False)
    assert facts.python == ".".join(map(str, sys.version_info[:3]))
    assert facts.sees == ()
    assert facts.complaint.startswith("torch ")
    assert facts.complaint.endswith(" has no cuda device")
