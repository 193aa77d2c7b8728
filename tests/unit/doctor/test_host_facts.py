"""Facts of a host: disk, memory, clone, caches and device files."""

from pathlib import Path

import pynvml
import pytest

from kernelproof.doctor import host_facts
from kernelproof.plan.repository import ROOT


def test_this_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Free space, memory, git, and the folders that have to be writable.

    Nothing can be made within a file.
    """
    (tmp_path / "file").touch()
    for folder, is_writable in ((tmp_path / "new", True), (tmp_path / "file", False)):
        monkeypatch.setenv("TRITON_CACHE_DIR", str(folder / "cache"))
        facts = host_facts.read(folder / "results", has_gpu=False, dev=tmp_path)
        assert (facts.is_results_writable, facts.is_cache_writable) == (is_writable, is_writable)
        assert facts.cache == str(folder / "cache")
    assert (facts.results_free_gb or 0) > 0
    assert (facts.memory_gb or 0) > 0
    assert facts.device_files == ()
    assert (facts.git or "").split(".")[0].isdecimal()


def test_a_device_file_whose_driver_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The facts tell a device file without a driver, lest the host pass for one without a GPU."""

    def refuse() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlInit", refuse)
    complaints = {"nvidiactl": "NVML says not supported", "kfd": "no driver reports a GPU"}
    for name, complaint in complaints.items():
        (tmp_path / name).touch()
        facts = host_facts.read(tmp_path, has_gpu=False, dev=tmp_path)
        assert facts.device_files == (str(tmp_path / name),)
        assert facts.driver_complaint == complaint
        assert host_facts.read(tmp_path, has_gpu=True, dev=tmp_path).driver_complaint == ""
        (tmp_path / name).unlink()


def test_the_folder_of_triton_s_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Triton's own variables name it, in their order; a container's user may have no home."""

    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("HOME", "/h")
    monkeypatch.delenv("TRITON_CACHE_DIR", raising=False)
    monkeypatch.delenv("TRITON_HOME", raising=False)
    assert host_facts.cache_folder() == Path("/h/.triton/cache")
    monkeypatch.setattr(Path, "home", home)
    facts = host_facts.read(tmp_path, has_gpu=False, dev=tmp_path)
    assert (facts.cache, facts.is_cache_writable) == (None, False)
    monkeypatch.setenv("TRITON_HOME", "/t")
    assert host_facts.cache_folder() == Path("/t/.triton/cache")
    monkeypatch.setenv("TRITON_CACHE_DIR", "/c")
    assert host_facts.cache_folder() == Path("/c")


def test_the_version_of_nox_is_the_noxfile_s() -> None:
    """The noxfile is the one place that says it."""
    assert f'nox.needs_version = ">={host_facts.needed_nox()}"' in (ROOT / "noxfile.py").read_text()
