"""What the doctor reads of a host: its toolchain, disk, clone, caches and device files."""

import sys
from pathlib import Path
from typing import Any

import pynvml
import pytest

from kernelproof.doctor import host_facts, toolchain_facts
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Row

ROWS = matrix.load().rows


def _row(**changed: Any) -> Row:
    return ROWS["cpu"].model_copy(update=changed)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """The folder of environments, with the cpu toolchain's in it, whose torch is another."""
    folder = tmp_path / "toolchain-cpu"
    packages_ = folder / "lib" / "python3.12" / "site-packages"
    for name, version in {"torch": "9.9.9+cpu", "Py_YAML": "6.0.3", "pyyaml": "6.0.3"}.items():
        info = packages_ / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    (folder / "bin").mkdir()
    (folder / "bin" / "python").write_text("#!/bin/sh\necho 'no such library' >&2; exit 1\n")
    (folder / "bin" / "python").chmod(0o755)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.3\n")
    (folder / "installed.sha256").write_text("0")
    return tmp_path


def test_a_toolchain_s_environment(environment: Path) -> None:
    """Its Python and what it holds of what is pinned; torch is not asked for an interpreter."""
    found = toolchain_facts.read(_row(), is_own=True, root=environment)
    assert (found.is_made, found.python) == (True, "3.12.3")
    assert (found.sees, found.complaint) == (None, "")
    assert found.installed == {"torch": "9.9.9+cpu", "pyyaml": "6.0.3"}
    assert found.pinned["torch"] == "2.13.0"


@pytest.mark.parametrize("gone", ["bin/python", "installed.sha256"])
def test_an_environment_that_is_not_made(environment: Path, gone: str) -> None:
    """Or was interrupted as it was."""
    (environment / "toolchain-cpu" / gone).unlink()
    assert not toolchain_facts.read(_row(), is_own=True, root=environment).is_made


def test_torch_that_cannot_be_asked(environment: Path) -> None:
    """Its last words are kept."""
    row = _row(backend="cuda")
    found = toolchain_facts.read(row, is_own=True, root=environment)
    assert (found.sees, found.complaint) == (None, "no such library")


def test_torch_of_this_python_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, of every device that it sees: none is visible to it here."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    found = toolchain_facts.read(_row(backend="cuda"), is_own=False)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.sees == ()
    assert found.complaint.startswith("torch ")
    assert found.complaint.endswith(" has no cuda device")


def test_this_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Space, memory, git, and the folders that have to be writable."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    found = host_facts.read(tmp_path / "results" / "deep", has_gpu=False, dev=tmp_path)
    assert (found.results_free_gb or 0) > 0
    assert (found.memory_gb or 0) > 0
    assert (found.cache, found.is_cache_writable) == (str(tmp_path / "cache"), True)
    assert found.is_results_writable
    assert found.device_files == ()
    assert (found.git or "").split(".")[0].isdecimal()


def test_a_file_in_place_of_a_folder_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be made within it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "file" / "cache"))
    found = host_facts.read(tmp_path / "file", has_gpu=False, dev=tmp_path)
    assert (found.is_results_writable, found.is_cache_writable) == (False, False)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("nvidiactl", "NVML says not supported"), ("kfd", "no driver reports a GPU")],
)
def test_a_device_file_whose_driver_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, complaint: str
) -> None:
    """Such a host would else pass for one without a GPU."""

    def refuse() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlInit", refuse)
    (tmp_path / name).touch()
    found = host_facts.read(tmp_path, has_gpu=False, dev=tmp_path)
    assert found.device_files == (str(tmp_path / name),)
    assert found.driver_complaint == complaint
    assert host_facts.read(tmp_path, has_gpu=True, dev=tmp_path).driver_complaint == ""


def test_triton_s_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """By Triton's own variables, in their order."""
    monkeypatch.setenv("HOME", "/h")
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    monkeypatch.delenv("TRITON_HOME", raising=False)
    assert host_facts.cache_folder() == Path("/h/.triton/cache")
    monkeypatch.setenv("TRITON_HOME", "/t")
    assert host_facts.cache_folder() == Path("/t/.triton/cache")
    monkeypatch.setenv("TRITON_CACHE_DIR", "/c")
    assert host_facts.cache_folder() == Path("/c")


def test_the_version_of_nox_is_the_noxfile_s() -> None:
    """It stands there once."""
    assert f'nox.needs_version = ">={host_facts.needed_nox()}"' in (ROOT / "noxfile.py").read_text()
