"""Facts of AMD's GPUs, from the files of their kernel driver under /sys.

It was not run on such a GPU yet; the tests read files that other people recorded of theirs.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kernelproof.doctor.facts import GpuFacts
from kernelproof.machine.hardware import amd_nodes

SYS = Path("/sys")
_GIGA, _MICRO, _MILLI = 1e9, 1e-6, 1e-3


def read(numbers: Sequence[int], root: Path = SYS) -> list[GpuFacts]:
    """Returns the facts of these GPUs, numbered as in the driver's topology; no file is None."""
    nodes = amd_nodes(root / "class/kfd/kfd/topology/nodes")
    return [_read(number, nodes[number], root) for number in numbers]


def _read(number: int, node: dict[str, str], root: Path) -> GpuFacts:
    device = root / f"class/drm/renderD{node.get('drm_render_minor', '')}/device"
    sensors = next(iter(sorted(device.glob("hwmon/hwmon*"))), device / "hwmon")
    total, used = (_number(device / f"mem_info_vram_{name}") for name in ("total", "used"))
    clock, most = _clocks(device / "pp_dpm_sclk")
    limit, usual = (_number(sensors / name) for name in ("power1_cap", "power1_cap_default"))
    heat, critical = _heat(sensors)
    errors = re.search(r"ue: *(\d+)", _text(device / "ras/umc_err_count") or "")
    free = None if total is None or used is None else (total - used) / _GIGA
    return GpuFacts(
        number=number,
        driver=_text(root / "module/amdgpu/version"),
        clock_mhz=clock,
        max_clock_mhz=most,
        # The second die of an MI250 shows 0 W: the first die shows the limit of both.
        power_limit_w=limit * _MICRO if limit else None,
        usual_power_limit_w=usual * _MICRO if usual else None,
        temperature_c=None if heat is None else round(heat * _MILLI),
        slows_at_c=None if critical is None else round(critical * _MILLI),
        is_ecc=True if errors else None,
        uncorrected_errors=int(errors[1]) if errors else None,
        total_gb=None if total is None else total / _GIGA,
        free_gb=free,
        busy_percent=_number(device / "gpu_busy_percent"),
    )


def _heat(sensors: Path) -> tuple[int | None, int | None]:
    """Returns the heat and the limit of the sensor that is nearest to its limit, in millidegrees.

    The sensors are the edge, which an MI300X has none of, the junction and the memory. A virtual
    GPU shows limits of 0, since its host keeps them: then the limit is None.
    """
    readings = [
        [_number(sensors / f"temp{sensor}_{name}") for name in ("input", "crit")]
        for sensor in (1, 2, 3)
    ]
    limited = [(heat, limit) for heat, limit in readings if heat is not None and limit]
    if limited:
        return min(limited, key=lambda pair: pair[1] - pair[0])
    return next((heat for heat, _ in readings if heat is not None), None), None


def _clocks(file: Path) -> tuple[int | None, int | None]:
    """Returns the present clock, which has a star (``1: 2100Mhz *``), and the greatest."""
    step = re.compile(r"^(?:\d+|S): *(\d+)Mhz *(\*?)", re.MULTILINE | re.IGNORECASE)
    steps = step.findall(_text(file) or "")
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
