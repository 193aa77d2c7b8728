"""The SPEC of the planted kernel: its builds alone, one for each backend."""

from types import SimpleNamespace
from typing import Any, Literal

from kernelproof.spec import Build

from .kernel import _planted_kernel

SETTINGS: dict[str, Any] = {"block": 256, "stride": 256, "num_warps": 1, "fusion": False}


def _build(backend: Literal["cuda", "hip"]) -> Build:
    return Build(
        dtype="fp32",
        shape={"N": 256},
        backend=backend,
        function=_planted_kernel,
        pointers={"values_ptr": "fp32", "sums_ptr": "fp32"},
        integers={"num_rows": 7, "stride_v": SETTINGS["stride"]},
        constants={"BLOCK": SETTINGS["block"]},
        rows=1,
        num_warps=SETTINGS["num_warps"],
        options={"enable_fp_fusion": SETTINGS["fusion"]},
    )


SPEC = SimpleNamespace(builds=(_build("cuda"), _build("hip")))
