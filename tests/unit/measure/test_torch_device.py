"""The device of a row, refused on another machine, and the fingerprint of this one."""

import hashlib
import json
import platform
import re
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch
import triton

from kernelproof.errors import Exit, NotTheRowError
from kernelproof.measure import torch_device
from kernelproof.plan.repository import TOOLCHAINS
from kernelproof.plan.schema import Row


def row_of(backend: str, device: str, toolchain: str) -> Row:
    """Returns a row of the matrix."""
    facts: dict[str, Any] = {"backend": backend, "device": device, "toolchain": toolchain}
    return Row(arch="any", memory_gb=1, runner=["self-hosted"], **facts)


CPU = row_of("interpreter", "cpu", "cpu")
H200 = row_of("cuda", "NVIDIA H200", "cuda")
MI300X = row_of("hip", "AMD Instinct MI300X", "rocm")
B60 = row_of("xpu", "Intel(R) Arc(TM) Pro B60 Graphics", "xpu")


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes torch report another device."""

    def to_have(kind: str | None, name: str = "", hip: str | None = None) -> None:
        for module in ("cuda", "xpu"):
            monkeypatch.setattr(f"torch.{module}.is_available", lambda here=module: here == kind)
            monkeypatch.setattr(f"torch.{module}.get_device_name", lambda _: name)
        monkeypatch.setattr("torch.version.hip", hip)

    return to_have


def test_the_device_of_a_row_that_is_here(pretend: Any) -> None:
    """It is the first one of its kind; the row of the interpreter needs none."""
    for kind in (None, "cuda", "xpu"):
        pretend(kind, "NVIDIA H200")
        assert torch_device.device_of("cpu", CPU) == torch.device("cpu")
    for row, kind, hip in ((H200, "cuda", None), (MI300X, "cuda", "7.0"), (B60, "xpu", None)):
        pretend(kind, row.device, hip)
        assert torch_device.device_of("the_row", row) == torch.device(kind, 0)


# A row, the kind and name of another device, torch's version of HIP, and the words for the device.
OTHERS: list[tuple[Row, str | None, str, str | None, str]] = [
    (H200, None, "", None, "no cuda device"),
    (MI300X, None, "", None, "no hip device"),
    (B60, None, "", None, "no xpu device"),
    (H200, "cuda", "NVIDIA H200 NVL", None, "NVIDIA H200 NVL"),
    # CUDA and HIP are both torch.cuda, so that the name alone does not tell them apart.
    (H200, "cuda", H200.device, "7.0", H200.device),
    (MI300X, "cuda", MI300X.device, None, MI300X.device),
]


def test_a_machine_without_the_rows_device_is_refused(pretend: Any) -> None:
    """The message names the device, its backend and torch's version."""
    for row, kind, name, hip, device in OTHERS:
        pretend(kind, name, hip)
        with pytest.raises(NotTheRowError) as caught:
            torch_device.device_of("the_row", row)
        assert caught.value.exit == Exit.NOT_THE_ROW
        assert str(caught.value) == (
            f"row the_row: found {device} (torch {torch.__version__}), expected {row.device} with "
            f"{row.backend}; run it on that machine, or mend the row's device in matrix.yaml"
        )


def test_the_fingerprint_of_an_interpreted_row() -> None:
    """The fingerprint has Python, OS, processor, packages and toolchain, and is JSON."""
    facts = torch_device.fingerprint(CPU)
    requirements = TOOLCHAINS / "cpu.txt"
    assert json.loads(json.dumps(facts)) == facts
    packages = facts.pop("packages")
    assert packages.keys() >= {"torch", "triton", "numpy", "pytest", "pytest-benchmark"}
    assert (packages["torch"], packages["triton"]) == (torch.__version__, triton.__version__)
    assert isinstance(facts.pop("environment"), dict)
    assert facts == {
        "python": platform.python_version(),
        "os": platform.platform(),
        "processor": platform.machine(),
        "toolchain": "cpu",
        "toolchain_hash": hashlib.sha256(requirements.read_bytes()).hexdigest(),
        "device": {"name": "cpu"},
    }


def test_variables_that_change_numbers_or_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fingerprint has variables that change numbers or speed, UUIDs as hashes, no secrets."""
    variables = {
        "HIP_VISIBLE_DEVICES": "1",
        "NVIDIA_TF32_OVERRIDE": "0",
        "OMP_NUM_THREADS": "2",
        "TORCHINDUCTOR_CACHE_DIR": "here",
        "TRITON_INTERPRET": "1",
        "ZE_AFFINITY_MASK": "0",
    }
    for name, text in {**variables, "GITHUB_TOKEN": "secret", "HOME": "/home"}.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-0123abcd-4567-89ef-0123-456789abcdef,1")
    recorded = torch_device.fingerprint(CPU)["environment"]
    assert recorded.items() >= variables.items()
    assert list(recorded) == sorted(recorded)
    assert re.fullmatch(r"GPU-.{16},1", recorded["CUDA_VISIBLE_DEVICES"])
    assert "0123abcd" not in recorded["CUDA_VISIBLE_DEVICES"]
    assert not recorded.keys() & {"GITHUB_TOKEN", "HOME", "PATH"}


def test_the_fingerprint_of_an_nvidia_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's facts, its UUID as a hash; facts that the driver lacks are left out."""

    def without(*_: object) -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    closed: list[bool] = []
    answers: dict[str, Any] = {
        "Init": lambda: None,
        "Shutdown": lambda: closed.append(True),
        "SystemGetDriverVersion": lambda: "580.1",
        "DeviceGetHandleByUUID": lambda uuid: {"GPU-00ff": "gpu"}[uuid],
        "DeviceGetUUID": lambda gpu: {"gpu": "GPU-00ff"}[gpu],
        "DeviceGetName": lambda gpu: {"gpu": "NVIDIA H200"}[gpu],
        "DeviceGetClockInfo": lambda _, kind: {0: 1980, 1: 1980, 2: 3201}[kind],
        "DeviceGetCurrentClocksThrottleReasons": lambda _: 4,
        "DeviceGetTemperature": without,
        "DeviceGetEccMode": lambda _: [1, 0],
    }
    for name, answer in answers.items():
        monkeypatch.setattr(f"pynvml.nvml{name}", answer)
    device = SimpleNamespace(uuid="00ff")
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: device)
    assert torch_device.fingerprint(H200)["device"] == {
        "name": "NVIDIA H200",
        "uuid_hash": hashlib.sha256(b"GPU-00ff").hexdigest()[:16],
        "driver": "580.1",
        "sm_clock_mhz": 1980,
        "memory_clock_mhz": 3201,
        "throttle_reasons": 4,
        "ecc": 1,
    }
    assert closed == [True]
