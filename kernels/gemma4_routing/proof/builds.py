"""Builds of the routing kernels: launches that are compiled for every architecture and locked."""

from typing import Any, Literal

import torch

from gemma4_routing.launch import OPTIONS, launch_settings
from kernelproof.spec import Build

Backend = Literal["cuda", "hip"]

_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# At Gemma 4's shape: one number of tokens for each launch setting, and a single token, of which
# Triton makes a constant. At the shapes of other models' routers: the settings for many tokens.
_GEMMA4_SHAPES: dict[Backend, tuple[dict[str, int], ...]] = {
    "cuda": tuple({"E": 128, "K": 8, "T": tokens} for tokens in (1, 2048, 4096, 262144)),
    "hip": tuple({"E": 128, "K": 8, "T": tokens} for tokens in (1, 2048, 262144)),
}
_OTHER_SHAPES = (
    {"E": 64, "K": 6, "T": 262144},
    {"E": 256, "K": 8, "T": 262144},
    {"E": 512, "K": 10, "T": 262144},
)


def _build(dtype: str, shape: dict[str, int], backend: Backend) -> Build:
    """Returns the build for contiguous, aligned logits of a shape on a GPU."""
    sizes = shape["T"], shape["E"], shape["K"]
    settings = launch_settings(_DTYPES[dtype], sizes, backend)
    pointers: dict[str, Any] = {
        "gating_ptr": dtype,
        "scale_ptr": "fp32",
        "weights_ptr": "fp32",
        "ids_ptr": "i32",
    }
    return Build(
        dtype=dtype,
        shape=shape,
        backend=backend,
        function=settings.function,
        pointers=pointers,
        integers={"num_tokens": shape["T"], "stride_gt": shape["E"]},
        constants=settings.constants,
        rows=settings.rows,
        num_warps=settings.num_warps,
        options=OPTIONS,
    )


BUILDS = tuple(
    _build(dtype, shape, backend)
    for backend, shapes in _GEMMA4_SHAPES.items()
    for shape in (*shapes, *_OTHER_SHAPES)
    for dtype in _DTYPES
)
