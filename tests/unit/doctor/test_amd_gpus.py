"""Facts of AMD's GPUs, from files of a /sys as people recorded it of theirs.

Each recording is an excerpt with its source above it. Parts that are made up are said to be.
"""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.doctor import amd_gpus
from kernelproof.doctor.facts import GpuFacts
from kernelproof.machine import hardware

NODES = "class/kfd/kfd/topology/nodes"
# https://github.com/makodevai/gpuq, tests/test_hip_runtime.py: nodes 0 and 1 of a host of MI300X
# are processors, 2 is the first GPU, and the render minors of the GPUs are 8 apart.
PROCESSOR = "cpu_cores_count 96\nsimd_count 0\ngfx_target_version 0\ndrm_render_minor 0\n"
MI300X = (
    "cpu_cores_count 0\nsimd_count 1216\ngfx_target_version 90402\nvendor_id 4098\n"
    "device_id 29857\nlocation_id 18176\ndomain 0\ndrm_render_minor {}\n"
    "hive_id 10631624818852212319\nunique_id 4376936076086227261\nnum_xcc 8\n"
)


def folder_of(root: Path, files: dict[str, str]) -> Path:
    """Returns `root` with these files in it."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


def nodes(processors: int, gpus: int) -> dict[str, str]:
    """Returns the topology of a host: the properties of its nodes, by file."""
    files = {f"{NODES}/{node}/properties": PROCESSOR for node in range(processors)}
    for gpu in range(gpus):
        files[f"{NODES}/{processors + gpu}/properties"] = MI300X.format(128 + 8 * gpu)
    return files


def device(minor: int, files: dict[str, str]) -> dict[str, str]:
    """Returns the files of one GPU, by their paths."""
    return {f"class/drm/renderD{minor}/device/{name}": text for name, text in files.items()}


def facts_of(root: Path, shown: dict[str, str]) -> GpuFacts:
    """Returns the facts of the only GPU of a host, whose device shows these files."""
    (gpu,) = amd_gpus.read([0], folder_of(root, nodes(2, 1) | device(128, shown)))
    return gpu


def test_an_mi300x(tmp_path: Path) -> None:
    """Three states: asleep, idle, and after a fatal memory error.

    Steps, heat and power limit: https://github.com/thamada/nvidia-smi, nvsim/MI300X_x4_smi.py.
    It has no first sensor: hwmon_attributes_visible in Linux's amdgpu_pm.c, for gc 9.4.3; and
    https://github.com/Syllo/nvtop/issues/514, of an MI300A. Its thermal limits are made up.
    """
    shown = {
        "hwmon/hwmon7/power1_cap": "750000000\n",
        **heat(None, (35000, 100000), (33000, 105000)),
    }
    facts = GpuFacts(number=0, power_limit_w=750.0, temperature_c=35, slows_at_c=100)
    for steps, clock, most in (
        ("S: 132Mhz *\n0: 500Mhz\n1: 2100Mhz\n", 132, 2100),
        ("0: 500Mhz\n1: 142Mhz *\n2: 2100Mhz\n", 142, 2100),
        ("unavailable\n", None, None),
    ):
        gpu = facts_of(tmp_path, {**shown, "pp_dpm_sclk": steps})
        assert gpu == replace(facts, clock_mhz=clock, max_clock_mhz=most)


def heat(*sensors: tuple[int, int] | None) -> dict[str, str]:
    """Returns the files of sensors: heat and limit in millidegrees, None for one that lacks."""
    return {
        f"hwmon/hwmon7/temp{number}_{name}": f"{value}\n"
        for number, sensor in enumerate(sensors, start=1)
        for name, value in zip(("input", "crit"), sensor or (), strict=False)
    }


def test_heat(tmp_path: Path) -> None:
    """The sensor nearest to its limit counts; a limit of 0 is none."""
    # https://github.com/ilya-zlobintsev/LACT/issues/563: an RX 7900 XT.
    gpu = facts_of(tmp_path / "0", heat((37000, 100000), (39000, 110000), (60000, 108000)))
    assert (gpu.temperature_c, gpu.slows_at_c) == (60, 108)
    # A virtual MI300X: smu_v13_0_6_get_thermal_temperature_range of Linux leaves limits 0.
    gpu = facts_of(tmp_path / "1", heat(None, (39000, 0), (37000, 0)))
    assert (gpu.temperature_c, gpu.slows_at_c) == (39, None)


def test_a_missing_fact_is_none(tmp_path: Path) -> None:
    """A fact is missing if its file is, or has no number in it, or has 0 for a power limit."""
    for place, shown in enumerate(
        (
            # The second die of an MI250 shows 0 W: aldebaran_get_power_limit of Linux.
            # https://github.com/ROCm/rocm_smi_lib/issues/160 has AMD's command call it N/A.
            {"hwmon/hwmon4/power1_cap": "0\n", "hwmon/hwmon4/power1_cap_default": "0\n"},
            # The device of a partition of an MI300X is a stand-in, without the files of the GPU;
            # https://github.com/ROCm/k8s-device-plugin/issues/157 lists them all.
            {"driver_override": "(null)\n", "modalias": "platform:amdgpu_xcp\n"},
            {"gpu_busy_percent": "n/a\n"},
        )
    ):
        assert facts_of(tmp_path / str(place), shown) == GpuFacts(number=0)


def test_gpus_are_numbered_by_node(tmp_path: Path) -> None:
    """Node 8 comes before node 10: the last GPU of a host of MI250 is node 15.

    https://github.com/ROCm/aiter/issues/179, in which the sixteenth agent is that node. Here the
    busy percent of each GPU is its number.
    """
    files = nodes(8, 8)
    for gpu in range(8):
        files |= device(128 + 8 * gpu, {"gpu_busy_percent": f"{gpu}\n"})
    facts = amd_gpus.read(range(8), folder_of(tmp_path, files))
    assert [gpu.busy_percent for gpu in facts] == [*range(8)]


def test_a_container_sees_the_gpus_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes of all other GPUs refuse to be read: node_show of Linux's kfd_topology.c.

    https://github.com/AIwork4me/Qwen3-TTS-ROCm, docs/development/multiarch-design.md, saw it on a
    host of eight W7900D.
    """
    root = folder_of(tmp_path, nodes(1, 2) | device(136, {"gpu_busy_percent": "7\n"}))
    read_text = Path.read_text

    def refused(file: Path) -> str:
        if file == root / NODES / "1/properties":
            raise PermissionError(errno.EPERM, "Operation not permitted")
        return read_text(file)

    monkeypatch.setattr(Path, "read_text", refused)
    assert hardware.amd_nodes(root / NODES)[0]["drm_render_minor"] == "136"
    assert amd_gpus.read([0], root) == [GpuFacts(number=0, busy_percent=7)]


def test_a_gpu(tmp_path: Path) -> None:
    """All its facts; the clocks are that with a star and the greatest. Its files are made up."""
    shown = {
        "mem_info_vram_total": "205822885888\n",
        "mem_info_vram_used": "822885888\n",
        "gpu_busy_percent": "3\n",
        "pp_dpm_sclk": "0: 132Mhz *\n1: 2100Mhz\n",
        "ras/umc_err_count": "ue: 0\nce: 5\n",
        "hwmon/hwmon7/power1_cap": "750000000\n",
        "hwmon/hwmon7/power1_cap_default": "750000000\n",
        **heat((41000, 100000)),
    }
    folder_of(tmp_path, {"module/amdgpu/version": "6.12.12\n"})
    assert facts_of(tmp_path, shown) == GpuFacts(
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
