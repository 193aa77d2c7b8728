"""What the doctor reads of AMD's and Intel's GPUs, as people recorded it of theirs.

Each recording is an excerpt, and its source stands above it. What a source does not show is made
up, and said to be.
"""

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelproof.doctor import amd_gpus, intel_gpus
from kernelproof.doctor.facts import GpuFacts
from kernelproof.machine import hardware
from kernelproof.machine.hardware import Accelerator

NODES = "class/kfd/kfd/topology/nodes"
# https://github.com/makodevai/gpuq, tests/test_hip_runtime.py: nodes 0 and 1 of a host of MI300X
# are processors, 2 is the first GPU, and the render minors of the GPUs are 8 apart.
PROCESSOR = "cpu_cores_count 96\nsimd_count 0\ngfx_target_version 0\ndrm_render_minor 0\n"
MI300X = (
    "cpu_cores_count 0\nsimd_count 1216\ngfx_target_version 90402\nvendor_id 4098\n"
    "device_id 29857\nlocation_id 18176\ndomain 0\ndrm_render_minor {}\n"
    "hive_id 10631624818852212319\nunique_id 4376936076086227261\nnum_xcc 8\n"
)


def made(root: Path, files: dict[str, str]) -> Path:
    """A folder with these files."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def nodes(processors: int, gpus: int) -> dict[str, str]:
    """The topology of a host."""
    told = {f"{NODES}/{n}/properties": PROCESSOR for n in range(processors)}
    for n in range(gpus):
        told[f"{NODES}/{processors + n}/properties"] = MI300X.format(128 + 8 * n)
    return told


def device(minor: int, files: dict[str, str]) -> dict[str, str]:
    """What one GPU shows."""
    return {f"class/drm/renderD{minor}/device/{name}": text for name, text in files.items()}


@pytest.mark.parametrize(
    ("steps", "clock"),
    [
        ("S: 132Mhz *\n0: 500Mhz\n1: 2100Mhz\n", 132),
        ("0: 500Mhz\n1: 142Mhz *\n2: 2100Mhz\n", 142),
        ("unavailable\n", None),
    ],
    ids=["asleep", "between", "after an error"],
)
def test_an_mi300x(tmp_path: Path, steps: str, clock: int | None) -> None:
    """Asleep, idle, and as its driver says after a fatal memory error.

    Steps, heat and power limit: https://github.com/thamada/nvidia-smi, nvsim/MI300X_x4_smi.py.
    That it has no first sensor: hwmon_attributes_visible in Linux's amdgpu_pm.c, for gc 9.4.3; and
    https://github.com/Syllo/nvtop/issues/514, of an MI300A. Its limits of heat are made up.
    """
    shown = {
        "pp_dpm_sclk": steps,
        "hwmon/hwmon7/power1_cap": "750000000\n",
        "hwmon/hwmon7/temp2_label": "junction\n",
        "hwmon/hwmon7/temp2_input": "35000\n",
        "hwmon/hwmon7/temp2_crit": "100000\n",
        "hwmon/hwmon7/temp3_label": "mem\n",
        "hwmon/hwmon7/temp3_input": "33000\n",
        "hwmon/hwmon7/temp3_crit": "105000\n",
    }
    (gpu,) = amd_gpus.read([0], made(tmp_path, nodes(2, 1) | device(128, shown)))
    assert (gpu.clock_mhz, gpu.max_clock_mhz) == (clock, 2100 if clock else None)
    assert (gpu.power_limit_w, gpu.usual_power_limit_w) == (750.0, None)
    assert (gpu.temperature_c, gpu.slows_at_c) == (35, 100)


@pytest.mark.parametrize(
    ("sensors", "told"),
    [
        # https://github.com/ilya-zlobintsev/LACT/issues/563: an RX 7900 XT.
        (((37000, 100000), (39000, 110000), (60000, 108000)), (60, 108)),
        # A virtual MI300X: smu_v13_0_6_get_thermal_temperature_range of Linux leaves limits 0.
        ((None, (39000, 0), (37000, 0)), (39, None)),
    ],
    ids=["RX 7900 XT", "virtual"],
)
def test_heat(
    tmp_path: Path, sensors: tuple[tuple[int, int] | None, ...], told: tuple[int, int | None]
) -> None:
    """Of the sensor that will slow the GPU down first; no limit is not a limit of 0."""
    shown = {}
    for number, sensor in enumerate(sensors, start=1):
        for word, value in zip(("input", "crit"), sensor or (), strict=False):
            shown[f"hwmon/hwmon4/temp{number}_{word}"] = f"{value}\n"
    (gpu,) = amd_gpus.read([0], made(tmp_path, nodes(1, 1) | device(128, shown)))
    assert (gpu.temperature_c, gpu.slows_at_c) == told


def test_the_second_die_of_an_mi250_tells_no_power_limit(tmp_path: Path) -> None:
    """It shows 0 W: aldebaran_get_power_limit of Linux.

    https://github.com/ROCm/rocm_smi_lib/issues/160 has AMD's command call it N/A.
    """
    shown = {"hwmon/hwmon4/power1_cap": "0\n", "hwmon/hwmon4/power1_cap_default": "0\n"}
    root = made(tmp_path, nodes(1, 1) | device(128, shown))
    assert amd_gpus.read([0], root) == [GpuFacts(number=0)]


def test_gpus_are_numbered_by_node(tmp_path: Path) -> None:
    """And 8 is before 10. The last GPU of a host of MI250 is node 15.

    https://github.com/ROCm/aiter/issues/179, where the sixteenth agent is that node. Here each
    GPU is as busy as its number says.
    """
    files = nodes(8, 8)
    for n in range(8):
        files |= device(128 + 8 * n, {"gpu_busy_percent": f"{n}\n"})
    facts = amd_gpus.read(range(8), made(tmp_path, files))
    assert [gpu.busy_percent for gpu in facts] == list(range(8))


def test_a_container_sees_the_gpus_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes of the others refuse to be read: node_show of Linux's kfd_topology.c.

    https://github.com/AIwork4me/Qwen3-TTS-ROCm, docs/development/multiarch-design.md, saw it on a
    host of eight W7900D.
    """
    root = made(tmp_path, nodes(1, 2) | device(136, {"gpu_busy_percent": "7\n"}))
    read_text = Path.read_text

    def refused(file: Path) -> str:
        if file == root / NODES / "1/properties":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return read_text(file)

    monkeypatch.setattr(Path, "read_text", refused)
    assert hardware.amd_nodes(root / NODES)[0]["drm_render_minor"] == "136"
    assert amd_gpus.read([0], root) == [GpuFacts(number=0, busy_percent=7)]


def test_a_part_of_an_mi300x_tells_nothing_of_the_whole(tmp_path: Path) -> None:
    """Its device is a stand-in of the kernel's, without the GPU's files.

    https://github.com/ROCm/k8s-device-plugin/issues/157 lists all of them.
    """
    shown = {"driver_override": "(null)\n", "modalias": "platform:amdgpu_xcp\n"}
    assert amd_gpus.read([1], made(tmp_path, nodes(2, 2) | device(136, shown))) == [
        GpuFacts(number=1)
    ]


@pytest.fixture
def xpu_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """Makes Intel's command print this, and the machine one without other GPUs."""
    monkeypatch.setattr(hardware, "_nvidia", list)
    monkeypatch.setattr(hardware, "_KFD", tmp_path / "nodes")
    monkeypatch.setenv("PATH", str(tmp_path))

    def prints(told: object) -> None:
        command = tmp_path / "xpu-smi"
        command.write_text(f"#!/bin/sh\necho '{json.dumps(told)}'\n")
        command.chmod(0o755)

    return prints


# https://github.com/intel/xpumanager/issues/127: an Arc Pro B60, xpu-smi of 2026-03. Its driver's
# runtime did not know the card's name yet.
RECORDED_1 = {
    "core_clock_rate_mhz": "2400",
    "device_id": 0,
    "device_name": "Intel(R) Graphics [0xe211]",
    "driver_version": "7B7A46009E666C4D10E1134",
    "memory_ecc_state": "disabled",
    "memory_free_size_byte": "25447600128",
    "memory_physical_size_byte": "25669140480",
    "pci_device_id": "0xe211",
}
# What xpu-smi 2 calls the clock, and says of memory that it cannot tell: cmdDiscovery in
# https://github.com/intel/xpumanager, ial/cmn/cmd_discovery.cpp. The name is the one that torch
# tells, too: https://github.com/intel/torch-xpu-ops/issues/5258.
WRITTEN_2 = {
    "device_id": "0",
    "device_name": "Intel(R) Arc(TM) Pro B60 Graphics",
    "driver_version": "7B7A46009E666C4D10E1134",
    "memory_physical_size": "24480.00 MiB",
    "memory_physical_size_byte": "25669140480",
    "memory_free_size_byte": "0",
    "core_clock_rate": "2400 MHz",
}


@pytest.mark.parametrize(("told", "free"), [(RECORDED_1, 25.447600128), (WRITTEN_2, None)])
def test_a_b60(
    xpu_smi: Callable[[object], None], told: dict[str, object], free: float | None
) -> None:
    """By either version of the command."""
    xpu_smi(told)
    assert intel_gpus.read([0]) == [
        GpuFacts(
            number=0,
            name=str(told["device_name"]),
            driver="7B7A46009E666C4D10E1134",
            max_clock_mhz=2400,
            total_gb=25.66914048,
            free_gb=free,
        )
    ]


def test_a_gpu_whose_firmware_is_to_be_mended_hides_no_other(
    xpu_smi: Callable[[object], None],
) -> None:
    """It is listed without a name: https://github.com/intel/xpumanager/issues/158, of 2.1.0."""
    name = str(WRITTEN_2["device_name"])
    broken = {"device_id": 0, "device_state": "survivability mode"}
    xpu_smi({"device_list": [broken, {"device_id": 1, "device_name": name}]})
    found = (Accelerator(backend="xpu"), Accelerator(backend="xpu", name=name))
    assert hardware.accelerators() == found


@pytest.mark.parametrize("told", [{"device_list": None}, {"device_list": ["none"]}, ["none"]])
def test_intel_s_command_lists_nothing(xpu_smi: Callable[[object], None], told: object) -> None:
    """``null`` is what it says without a GPU; the others would be another program's."""
    xpu_smi(told)
    assert hardware.accelerators() == ()
