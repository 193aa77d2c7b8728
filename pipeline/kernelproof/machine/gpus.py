"""The GPUs of this host that are a row, and the shares of the row's cases, one for each GPU.

A process sees its own GPU alone, by the variable that its runtime reads, and takes every n-th case:
its share. The drivers are asked, without torch.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pynvml

from kernelproof.machine import hardware
from kernelproof.plan.schema import Row

# By backend: the variable that makes GPUs visible, and others that number the GPUs beneath it anew.
_VARIABLES = {
    "cuda": ("CUDA_VISIBLE_DEVICES", ()),
    "hip": ("HIP_VISIBLE_DEVICES", ("ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")),
    "xpu": ("ZE_AFFINITY_MASK", ("ONEAPI_DEVICE_SELECTOR",)),
}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU by its driver's number, and the variable that makes it the only visible one."""

    number: int
    variable: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of a plan: every `of`-th case, from the `number`-th on."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """Returns the share that ``2/3`` stands for; a type for argparse."""
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            message = f"found {text!r}, expected a share such as 2/3"
            raise argparse.ArgumentTypeError(message)
        return cls(number=int(number), of=int(of))

    def take(self, plan: Sequence[Any]) -> tuple[Any, ...]:
        """Returns the share's part of a plan; all shares are the plan, and no case is in two.

        Each share begins at another place of the plan, so that processes compile different kernels
        at first, and find those of the others in Triton's cache later.
        """
        part = plan[self.number - 1 :: self.of]
        first = len(part) * (self.number - 1) // self.of
        return (*part[first:], *part[:first])

    def __str__(self) -> str:
        """Returns the share as `parse` reads it: ``2/3``."""
        return f"{self.number}/{self.of}"


def gpus_of(row: Row, environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """Returns the visible GPUs that are this row, if several GPUs are visible; otherwise none.

    Returns none, too, if the environment shows GPUs in a way that is not understood here: then the
    cells run in one process, on the GPU that torch sees first.
    """
    # 1. The GPUs of the backend as its driver numbers them, unless another variable renumbers them.
    variable, renumbering = _VARIABLES.get(row.backend, ("", ()))
    if not variable or any(name in environment for name in renumbering):
        return ()
    accelerators = [gpu for gpu in hardware.accelerators() if gpu.backend == row.backend]
    numbers = [str(number) for number in range(len(accelerators))]
    names = _uuids() if row.backend == "cuda" else numbers
    if len(names) != len(accelerators):
        return ()
    # 2. Those that the variable shows. CUDA numbers unequal GPUs by speed, unless told otherwise.
    is_ordered = len(set(accelerators)) <= 1
    is_ordered |= environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    visible = _visible(environment.get(variable), names, is_ordered=is_ordered)
    if len(visible) <= 1:
        return ()
    # 3. Those of them that are the row.
    return tuple(
        Gpu(number=number, variable=variable, value=names[number])
        for number in visible
        if accelerators[number].is_row(row)
    )


def _visible(value: str | None, names: Sequence[str], *, is_ordered: bool) -> list[int]:
    """Returns the numbers of the GPUs that a variable shows, up to its first wrong word.

    A runtime stops there, too. Numbers count only if the runtime numbers GPUs as the driver does:
    `is_ordered`.
    """
    if value is None:
        return list(range(len(names)))
    visible: list[int] = []
    for word in (part.strip() for part in value.split(",")):
        if word.isdecimal():
            matching = [int(word)] if int(word) < len(names) and is_ordered else []
        else:
            is_uuid = word.startswith("GPU-") and len(word) > len("GPU-")
            matching = [i for i, name in enumerate(names) if is_uuid and name.startswith(word)]
        if len(matching) != 1 or matching[0] in visible:
            break
        visible += matching
    return visible


def _uuids() -> list[str]:
    """Returns the UUIDs of NVIDIA's GPUs, by their numbers; none without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        count = pynvml.nvmlDeviceGetCount()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
        return [str(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    finally:
        pynvml.nvmlShutdown()


def first_number(row: Row, environment: Mapping[str, str] = os.environ) -> int:
    """Returns the number of the GPU that a process sees first; 0 if its environment names none."""
    variable, _ = _VARIABLES.get(row.backend, ("", ()))
    first = environment.get(variable, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0
