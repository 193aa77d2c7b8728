"""The GPU of a row, for commands that plan without torch and then measure with it."""

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from kernelproof.machine.gpu_lock import lock_name
from kernelproof.plan.schema import Row


@dataclass(frozen=True, kw_only=True)
class RowGpu:
    """This machine's GPU of a row: its torch device, its fingerprint, and the name of its lock."""

    device: Any
    fingerprint: dict[str, Any]
    lock: str


def find_gpu(name: str, row: Row) -> RowGpu:
    """Returns the GPU of the row `name`, and sets the row's environment in this process.

    Raises NotTheRowError if this machine has another GPU, or none.
    """
    os.environ.update(row.environment)  # Triton reads it as it is imported
    torch_device = import_module("kernelproof.measure.torch_device")
    device = torch_device.device_of(name, row)
    return RowGpu(
        device=device,
        fingerprint=torch_device.fingerprint(row),
        lock=lock_name(torch_device.uuid_of(device), row),
    )
