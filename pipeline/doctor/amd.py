"""Facts of AMD's GPUs, by what their kernel driver shows under /sys; not measured on one yet."""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.doctor.facts import GpuFacts

SYS = Path("/sys")
_GIGA, _MICRO, _MILLI = 1e9, 1e-6, 1e-3


def read(numbers: Sequence[int], root: Path = SYS) -> list[GpuFacts]:
    """The facts of these GPUs, numbered as the driver's topology is; a file not there is None."""
    nodes = []
    for node in sorted((root / "class/kfd/kfd/topology/nodes").glob("*/properties")):
        properties = dict(line.split(maxsplit=1) for line in node.read_text().splitlines())
        if int(properties.get("gfx_target_version", "0")):
            nodes.append(properties)
    return [_read(number, nodes[number], root) for number in numbers]


def _read(number: int, node: dict[str, str], root: Path) -> GpuFacts:
    device = root / f"class/drm/renderD{node.get('drm_render_minor', '')}/device"
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device / "hwmon")
    total, used = (_number(device / f"mem_info_vram_{word}") for word in ("total", "used"))
    clock, most = _clocks(device / "pp_dpm_sclk")
    limit, usual = (_number(sensors / name) for name in ("power1_cap", "power1_cap_default"))
    critical = _number(sensors / "temp1_crit")
    heat = _number(sensors / "temp1_input")
    errors = re.search(r"ue: *(\d+)", _text(device / "ras/umc_err_count") or "")
    free = None if total is None or used is None else (total - used) / _GIGA
    return GpuFacts(
        number=number,
        driver=_text(root / "module/amdgpu/version"),
        clock_mhz=clock,
        max_clock_mhz=most,
        power_limit_w=None if limit is None else limit * _MICRO,
        usual_power_limit_w=None if usual is None else usual * _MICRO,
        temperature_c=None if heat is None else round(heat * _MILLI),
        slows_at_c=None if critical is None else round(critical * _MILLI),
        is_ecc=True if errors else None,
        uncorrected_errors=int(errors[1]) if errors else None,
        total_gb=None if total is None else total / _GIGA,
        free_gb=free,
        busy_percent=_number(device / "gpu_busy_percent"),
    )


def _clocks(file: Path) -> tuple[int | None, int | None]:
    """The clock of now, which is starred, and the greatest: ``1: 2100Mhz *``."""
    steps = re.findall(r"^\d+: *(\d+)Mhz *(\*?)", _text(file) or "", re.MULTILINE | re.IGNORECASE)
    now = next((int(mhz) for mhz, star in steps if star), None)
    return now, max((int(mhz) for mhz, _ in steps), default=None)


def _text(file: Path) -> str | None:
    with suppress(OSError):
        return file.read_text().strip()
    return None


def _number(file: Path) -> int | None:
    with suppress(ValueError):
        return int(_text(file) or "")
    return None
