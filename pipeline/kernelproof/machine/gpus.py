"""The GPUs of a row in this host, and the shares of its cases: one a GPU.

A process sees its own GPU alone, by the variable that its runtime reads, and takes every n-th case:
its share. Asked of the drivers, without torch.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pynvml

from kernelproof.machine import hardware
from kernelproof.plan.schema import Row

# The variable that makes GPUs visible, and the ones that number them anew beneath it.
_VARIABLES = {
    "cuda": ("CUDA_VISIBLE_DEVICES", ()),
    "hip": ("HIP_VISIBLE_DEVICES", ("ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")),
    "xpu": ("ZE_AFFINITY_MASK", ("ONEAPI_DEVICE_SELECTOR",)),
}


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU by its driver's number, and the variable that makes it the only one to be seen."""

    number: int
    variable: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Share:
    """Every `of`-th case, from the `number`-th on."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Share":
        """``2/3``, for argparse."""
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            message = f"found {text!r}, expected a share such as 2/3"
            raise argparse.ArgumentTypeError(message)
        return cls(number=int(number), of=int(of))

    def take(self, plan: Sequence[Any]) -> tuple[Any, ...]:
        """Its part of a plan: all shares together are the plan, and no case is in two.

        Each begins at another place of it: what one compiles the others find in Triton's cache.
        """
        part = plan[self.number - 1 :: self.of]
        first = len(part) * (self.number - 1) // self.of
        return (*part[first:], *part[:first])

    def __str__(self) -> str:
        """``2/3``."""
        return f"{self.number}/{self.of}"


def gpus_of(row: Row, environment: Mapping[str, str] = os.environ) -> tuple[Gpu, ...]:
    """The visible GPUs that are this row, where it matters: none on a host that shows one alone.

    None, too, where the environment shows GPUs in a way that is not understood here: then the
    cells run in one process, on the GPU that torch sees first.
    """
    variable, others = _VARIABLES.get(row.backend, ("", ()))
    if not variable or any(name in environment for name in others):
        return ()
    found = [gpu for gpu in hardware.accelerators() if gpu.backend == row.backend]
    names = _uuids() if row.backend == "cuda" else [str(number) for number in range(len(found))]
    if len(names) != len(found):
        return ()
    is_ordered = len(set(found)) <= 1 or environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    shown = _shown(environment.get(variable), names, is_ordered=is_ordered)
    if len(shown) <= 1:
        return ()
    return tuple(
        Gpu(number=number, variable=variable, value=names[number])
        for number in shown
        if found[number].is_row(row)
    )


def _shown(wanted: str | None, names: Sequence[str], *, is_ordered: bool) -> list[int]:
    """The numbers of the GPUs that a variable shows; as a runtime does, up to the first wrong one.

    A number says which GPU only where the runtime counts as the driver does: `is_ordered`.
    """
    if wanted is None:
        return list(range(len(names)))
    shown: list[int] = []
    for word in (part.strip() for part in wanted.split(",")):
        if word.isdecimal():
            matching = [int(word)] if int(word) < len(names) and is_ordered else []
        else:
            is_uuid = word.startswith("GPU-") and len(word) > len("GPU-")
            matching = [i for i, name in enumerate(names) if is_uuid and name.startswith(word)]
        if len(matching) != 1 or matching[0] in shown:
            break
        shown += matching
    return shown


def _uuids() -> list[str]:
    """The UUIDs of NVIDIA's GPUs, by their numbers; none without a driver."""
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
    """The number of the GPU that a process sees first, as far as its environment says."""
    variable, _ = _VARIABLES.get(row.backend, ("", ()))
    first = environment.get(variable, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0
