"""Drivers: what each of them says of this machine's accelerators, without torch."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernelproof.machine import hardware
from kernelproof.machine.hardware import Accelerator

H200 = Accelerator(backend="cuda", name="NVIDIA H200", arch="sm_90")
RTX = Accelerator(backend="cuda", name="NVIDIA GeForce RTX 4090", arch="sm_89")
B60 = Accelerator(backend="xpu", name="Intel(R) Arc(TM) Pro B60 Graphics")


def _nvml(*, works: bool) -> SimpleNamespace:
    """The part of NVIDIA's library that is asked, on a machine with two GPUs."""
    gpus = [("NVIDIA H200", (9, 0)), ("NVIDIA GeForce RTX 4090", (8, 9))]

    def begin() -> None:
        if not works:
            raise RuntimeError

    return SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=begin,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(gpus),
        nvmlDeviceGetHandleByIndex=lambda index: gpus[index],
        nvmlDeviceGetName=lambda gpu: gpu[0],
        nvmlDeviceGetCudaComputeCapability=lambda gpu: gpu[1],
    )


@pytest.fixture
def drivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any driver, whatever this one has; returns a folder that is on its path."""
    monkeypatch.setattr(hardware, "pynvml", _nvml(works=False))
    monkeypatch.setattr(hardware, "_KFD", tmp_path / "nodes")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("drivers")
def test_without_a_driver_there_is_no_accelerator() -> None:
    """No library that works, no folder and no command is no error."""
    assert hardware.accelerators() == ()


@pytest.mark.usefixtures("drivers")
@pytest.mark.parametrize(
    ("works", "found"), [(True, (H200, RTX)), (False, ())], ids=["two", "no driver"]
)
def test_nvidia(
    monkeypatch: pytest.MonkeyPatch, *, works: bool, found: tuple[Accelerator, ...]
) -> None:
    """Name and architecture of each GPU; a library without a driver finds none."""
    monkeypatch.setattr(hardware, "pynvml", _nvml(works=works))
    assert hardware.accelerators() == found


@pytest.mark.parametrize(
    ("version", "archs"),
    [("90402", ["gfx942"]), ("90010", ["gfx90a"]), ("100100", ["gfx1010"]), ("0", [])],
    ids=["mi300x", "mi250", "rdna", "a processor"],
)
def test_amd(drivers: Path, version: str, archs: list[str]) -> None:
    """The architecture, from the number in the kernel driver's topology; processors have none."""
    node = drivers / "nodes" / "0"
    node.mkdir(parents=True)
    (node / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {version}\n")
    assert hardware.accelerators() == tuple(Accelerator(backend="hip", arch=arch) for arch in archs)


@pytest.mark.parametrize(
    ("printed", "found"),
    [
        (json.dumps({"device_list": [{"device_name": B60.name, "device_id": 0}]}), (B60,)),
        (json.dumps({"device_list": []}), ()),
        (json.dumps({"error": "no level zero"}), ()),
        ("cannot load libze", ()),
    ],
    ids=["b60", "none", "an error", "no json"],
)
def test_intel(drivers: Path, printed: str, found: tuple[Accelerator, ...]) -> None:
    """The names that Intel's own command prints; one that fails finds none."""
    command = drivers / "xpu-smi"
    command.write_text(f"#!/bin/sh\necho '{printed}'\n")
    command.chmod(0o755)
    assert hardware.accelerators() == found
