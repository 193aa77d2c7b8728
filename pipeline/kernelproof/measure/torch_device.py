"""The device of a row as torch sees it, and the fingerprint of this machine."""

import hashlib
import os
import platform
import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pynvml
import torch

from kernelproof.errors import NotTheRowError
from kernelproof.plan.repository import TOOLCHAINS
from kernelproof.plan.schema import Row

_PACKAGES = ("torch", "triton", "numpy", "pytest", "pytest-benchmark")
# Environment variables that change a kernel's numbers or speed.
_VARIABLES = ("TRITON_", "TORCH", "PYTORCH_", "CUDA_", "NVIDIA_TF32", "HIP_", "HSA_", "OMP_", "ZE_")
# The UUID of a GPU, which variables may contain: recorded as a hash.
_UUID = re.compile(r"(GPU|MIG)-[0-9a-f-]+")


def device_of(name: str, row: Row) -> torch.device:
    """Returns the device that the cells of a row run on; raises NotTheRowError if it is another."""
    if row.backend == "interpreter":
        return torch.device("cpu")
    kind = "xpu" if row.backend == "xpu" else "cuda"
    found = _reported_name(kind)
    is_backend = (torch.version.hip is not None) == (row.backend == "hip")
    if found != row.device or not is_backend:
        message = (
            f"row {name}: found {found or f'no {row.backend} device'} (torch {torch.__version__}), "
            f"expected {row.device} with {row.backend}; run it on that machine, "
            f"or mend the row's device in matrix.yaml"
        )
        raise NotTheRowError(message)
    return torch.device(kind, 0)


def _reported_name(kind: str) -> str | None:
    """Returns torch's name of the first device of a kind, None if there is none."""
    module = torch.cuda if kind == "cuda" else torch.xpu
    return str(module.get_device_name(0)) if module.is_available() else None


def _hash(uuid: str) -> str:
    """Returns 16 digits of the sha256 of a UUID."""
    return hashlib.sha256(uuid.encode()).hexdigest()[:16]


def _hide(uuid: re.Match[str]) -> str:
    """Returns the text that replaces a UUID: ``GPU-`` and its hash."""
    return f"{uuid[1]}-{_hash(uuid[0])}"


def fingerprint(row: Row) -> dict[str, Any]:
    """Returns the facts that could explain a different result on another machine."""
    return {
        "os": platform.platform(),
        "processor": platform.machine(),
        "python": platform.python_version(),
        # torch's own version names its build, too: 2.11.0+cu130.
        "packages": {name: release for name in _PACKAGES if (release := _version(name))}
        | {"torch": torch.__version__},
        "toolchain": row.toolchain,
        "toolchain_hash": _toolchain_hash(row),
        "environment": {
            name: _UUID.sub(_hide, value)
            for name, value in sorted(os.environ.items())
            if name.startswith(_VARIABLES)
        },
        "device": _nvidia() if row.backend == "cuda" else {"name": row.device},
    }


def _version(package: str) -> str | None:
    """Returns the version of an installed package, else None."""
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def _toolchain_hash(row: Row) -> str:
    """Returns the sha256 of the requirements of the row's toolchain."""
    file = TOOLCHAINS / f"{row.toolchain}.txt"
    return hashlib.sha256(file.read_bytes()).hexdigest()


def uuid_of(device: torch.device) -> str | None:
    """Returns the UUID of an NVIDIA GPU, without ``GPU-``; None for any other device."""
    if device.type != "cuda" or torch.version.hip:
        return None
    return str(torch.cuda.get_device_properties(device).uuid)


def _nvidia() -> dict[str, Any]:
    """Returns facts of the first NVIDIA GPU, without those that its driver does not tell.

    Name, hash of the UUID, driver, clocks in MHz, power limit in mW, throttle reasons,
    temperature in degrees Celsius, ECC.
    """
    pynvml.nvmlInit()
    try:
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid_of(torch.device('cuda', 0))}")
        uuid = pynvml.nvmlDeviceGetUUID(handle)
        queries = {
            "name": pynvml.nvmlDeviceGetName,
            "sm_clock_mhz": lambda gpu: pynvml.nvmlDeviceGetClockInfo(gpu, pynvml.NVML_CLOCK_SM),
            "memory_clock_mhz": lambda gpu: pynvml.nvmlDeviceGetClockInfo(
                gpu, pynvml.NVML_CLOCK_MEM
            ),
            # Limits of the clocks and the power: under others, a run is another measurement.
            "max_sm_clock_mhz": lambda gpu: pynvml.nvmlDeviceGetMaxClockInfo(
                gpu, pynvml.NVML_CLOCK_SM
            ),
            "max_memory_clock_mhz": lambda gpu: pynvml.nvmlDeviceGetMaxClockInfo(
                gpu, pynvml.NVML_CLOCK_MEM
            ),
            "power_limit_mw": pynvml.nvmlDeviceGetEnforcedPowerLimit,
            "throttle_reasons": pynvml.nvmlDeviceGetCurrentClocksThrottleReasons,
            "temperature_c": lambda gpu: pynvml.nvmlDeviceGetTemperature(
                gpu, pynvml.NVML_TEMPERATURE_GPU
            ),
            "ecc": lambda gpu: pynvml.nvmlDeviceGetEccMode(gpu)[0],
        }
        facts: dict[str, Any] = {"uuid_hash": _hash(uuid)}
        facts["driver"] = pynvml.nvmlSystemGetDriverVersion()
        for name, query in queries.items():
            with suppress(pynvml.NVMLError):
                facts[name] = query(handle)
        return facts
    finally:
        pynvml.nvmlShutdown()
