"""What the doctor reads of GPUs: stand-in drivers and commands, files of a made-up /sys."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from kernelproof.doctor import amd_gpus, intel_gpus, nvidia_gpus
from kernelproof.doctor.facts import GpuFacts
from tests.unit.doctor.doctored import GPU


def _refuse(*_: object) -> None:
    raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """NVIDIA's library with the GPU of `doctored` as its second; `changed` are other answers."""

    def made(**changed: Callable[..., Any]) -> None:
        clocks = {pynvml.NVML_CLOCK_SM: 345, pynvml.NVML_CLOCK_MEM: 3201}
        most = {pynvml.NVML_CLOCK_SM: 1980, pynvml.NVML_CLOCK_MEM: 3201}
        answers: dict[str, Callable[..., Any]] = {
            "Init": lambda: None,
            "Shutdown": lambda: None,
            "SystemGetDriverVersion": lambda: "580.159.04",
            "DeviceGetHandleByIndex": {1: "gpu"}.__getitem__,
            "DeviceGetUUID": lambda _: "GPU-12ab",
            "DeviceGetName": lambda _: "NVIDIA H200",
            "DeviceGetClockInfo": lambda _, kind: clocks[kind],
            "DeviceGetMaxClockInfo": lambda _, kind: most[kind],
            "DeviceGetApplicationsClock": lambda _, kind: most[kind],
            "DeviceGetPersistenceMode": lambda _: 1,
            "DeviceGetEnforcedPowerLimit": lambda _: 700_000,
            "DeviceGetPowerManagementDefaultLimit": lambda _: 700_000,
            "DeviceGetCurrentClocksThrottleReasons": lambda _: 1,  # idle
            "DeviceGetTemperature": lambda *_: 34,
            "DeviceGetTemperatureThreshold": lambda *_: 87,
            "DeviceGetEccMode": lambda _: [1, 1],
            "DeviceGetTotalEccErrors": lambda *_: 0,
            "DeviceGetRemappedRows": lambda _: (2, 0, 0, 0),
            "DeviceGetMemoryInfo": lambda _: SimpleNamespace(total=150.7e9, free=150e9),
            "DeviceGetComputeRunningProcesses": lambda _: [],
        }
        for name, answer in (answers | changed).items():
            monkeypatch.setattr(f"pynvml.nvml{name}", answer)

    return made


def test_nvidia(driver: Callable[..., None]) -> None:
    """Every fact that is judged, in the judge's units."""
    driver()
    assert nvidia_gpus.read([1]) == [GPU]
    assert nvidia_gpus.uuid_of(1) == "12ab"
    assert nvidia_gpus.complaint() == ""


@pytest.mark.parametrize(
    ("answers", "fact", "value"),
    [
        (
            {"DeviceGetCurrentClocksThrottleReasons": lambda _: 0x4 | 0x20 | 0x1},
            "held_back_by",
            ("power limit", "heat"),
        ),
        (
            {
                "DeviceGetComputeRunningProcesses": lambda _: [
                    SimpleNamespace(pid=n) for n in (9, 3)
                ]
            },
            "processes",
            (3, 9),
        ),
        ({"DeviceGetRemappedRows": lambda _: (0, 0, 1, 0)}, "is_repair_pending", True),
        ({"DeviceGetRemappedRows": lambda _: (0, 0, 0, 1)}, "is_repair_pending", True),
        ({"DeviceGetEccMode": lambda _: [0, 1]}, "is_ecc", False),
        ({"DeviceGetPersistenceMode": lambda _: 0}, "is_persistent", False),
        ({"DeviceGetTotalEccErrors": lambda *_: 4}, "uncorrected_errors", 4),
    ],
)
def test_what_nvidia_s_driver_says(
    driver: Callable[..., None], answers: dict[str, Any], fact: str, value: object
) -> None:
    """Each in words."""
    driver(**answers)
    assert getattr(nvidia_gpus.read([1])[0], fact) == value


def test_what_nvidia_s_driver_refuses_is_none(driver: Callable[..., None]) -> None:
    """Every single answer; the GPU is still there."""
    asked = [name for name in dir(pynvml) if name.startswith("nvmlDeviceGet")]
    refused = {name[4:]: _refuse for name in asked if "Handle" not in name}
    driver(**refused, SystemGetDriverVersion=_refuse)
    assert nvidia_gpus.read([1]) == [GpuFacts(number=1)]


def test_a_library_without_a_driver_says_why(driver: Callable[..., None]) -> None:
    """In its own words."""
    driver(Init=_refuse)
    assert nvidia_gpus.complaint() == "NVML says not supported"


@pytest.fixture
def sys_folder(tmp_path: Path) -> Path:
    """A /sys with a processor, then an MI300X."""
    files = {
        "class/kfd/kfd/topology/nodes/0/properties": "gfx_target_version 0\n",
        "class/kfd/kfd/topology/nodes/1/properties": (
            "gfx_target_version 90402\ndrm_render_minor 128\n"
        ),
        "module/amdgpu/version": "6.12.12\n",
    }
    device = {
        "mem_info_vram_total": "205822885888\n",
        "mem_info_vram_used": "822885888\n",
        "gpu_busy_percent": "3\n",
        "pp_dpm_sclk": "0: 132Mhz *\n1: 2100Mhz\n",
        "ras/umc_err_count": "ue: 0\nce: 5\n",
        "hwmon/hwmon4/power1_cap": "750000000\n",
        "hwmon/hwmon4/power1_cap_default": "750000000\n",
        "hwmon/hwmon4/temp1_input": "41000\n",
        "hwmon/hwmon4/temp1_crit": "100000\n",
    }
    files |= {f"class/drm/renderD128/device/{name}": text for name, text in device.items()}
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_amd(sys_folder: Path) -> None:
    """By the kernel driver's files; clocks of the star and of the greatest step."""
    assert amd_gpus.read([0], sys_folder) == [
        GpuFacts(
            number=0,
            driver="6.12.12",
            clock_mhz=132,
            max_clock_mhz=2100,
            power_limit_w=750.0,
            usual_power_limit_w=750.0,
            temperature_c=41,
            slows_at_c=100,
            is_ecc=True,
            uncorrected_errors=0,
            total_gb=205.822885888,
            free_gb=205.0,
            busy_percent=3,
        )
    ]


def test_what_amd_s_driver_does_not_show_is_none(sys_folder: Path) -> None:
    """A file that is not there, or no number."""
    device = sys_folder / "class/drm/renderD128/device"
    for file in [*device.rglob("*"), sys_folder / "module/amdgpu/version"]:
        if file.is_file():
            file.unlink()
    (device / "gpu_busy_percent").write_text("n/a\n")
    assert amd_gpus.read([0], sys_folder) == [GpuFacts(number=0)]


@pytest.fixture
def xpu_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes Intel's command print something, whatever it is asked."""

    def prints(text: str) -> None:
        command = tmp_path / "xpu-smi"
        command.write_text(f"#!/bin/sh\necho '{text}'\n")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))

    return prints


def test_intel(xpu_smi: Callable[[str], None]) -> None:
    """Numbers that are numbers, and those that are text."""
    told = {
        "device_name": "Intel(R) Arc(TM) Pro B60 Graphics",
        "driver_version": "17010844",
        "core_clock_rate_mhz": "2400",
        "memory_physical_size_byte": "24000000000",
        "memory_free_size_byte": 23000000000,
    }
    xpu_smi(json.dumps(told))
    name = told["device_name"]
    assert intel_gpus.read([0]) == [
        GpuFacts(
            number=0,
            name=str(name),
            driver="17010844",
            max_clock_mhz=2400,
            total_gb=24.0,
            free_gb=23.0,
        )
    ]


@pytest.mark.parametrize("text", ["cannot load libze", "[]", "{}"])
def test_what_intel_s_command_does_not_say_is_none(
    xpu_smi: Callable[[str], None], text: str
) -> None:
    """An error of its own, or an answer without an entry."""
    xpu_smi(text)
    assert intel_gpus.read([0]) == [GpuFacts(number=0)]


def test_without_intel_s_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert intel_gpus.read([0]) == [GpuFacts(number=0)]
