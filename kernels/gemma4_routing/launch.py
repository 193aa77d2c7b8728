"""The launcher of the routing kernel: its launch table, and the builds that are locked.

`launch_of` alone decides how a launch is cut, for the launcher and for `BUILDS` alike, so that
what is compiled and locked without a GPU is what a GPU is given.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from kernels import Build
from kernels.gemma4_routing.arguments import check_arguments, check_out
from kernels.gemma4_routing.kernel import _gemma4_routing_kernel

# A product and a sum are rounded each, whatever Triton's default for fusing them.
_OPTIONS = {"enable_fp_fusion": False}


class LaunchSettings(NamedTuple):
    """How a launch is cut: values and rows of a tile at most, warps a program."""

    tile: int
    rows: int
    num_warps: int


# By device type and largest number of tokens. Measured at E = 128, K = 8:
# - cpu, interpreted: 262,144 fp32 rows take 2.0 s at 2**20 values a tile, the most that it holds,
#   and 4.4 s at 2**17 (2 cores, Triton 3.6.0);
# - cuda, H200, Triton 3.6.0, graph replay, us for fp32 / bf16: 1 row a program takes 2.1 / 1.6 at
#   T = 1, 4.1 / 2.9 at 2048, 277 / 160 at 262,144; 4 rows take 6.5 / 3.1 at 2048, 274 / 127 at
#   262,144; 32 rows on 4 warps 377 / 151 there. hip and xpu are not measured.
_SETTINGS: dict[str, tuple[tuple[float, LaunchSettings], ...]] = {
    "cpu": ((float("inf"), LaunchSettings(tile=2**20, rows=8192, num_warps=1)),),
    "cuda": (
        (8192, LaunchSettings(tile=1024, rows=1, num_warps=1)),
        (float("inf"), LaunchSettings(tile=512, rows=4, num_warps=1)),
    ),
    "xpu": ((float("inf"), LaunchSettings(tile=2048, rows=16, num_warps=4)),),
}


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How one launch is cut: rows a program, warps a program, and the kernel's constants."""

    rows: int
    num_warps: int
    constants: dict[str, Any]


def launch_of(
    dtype: torch.dtype, num_experts: int, topk: int, num_tokens: int, device_type: str
) -> Launch:
    """How logits ``[num_tokens, num_experts]`` of this dtype are cut on this type of device."""
    table = _SETTINGS[device_type]
    settings = next(settings for most_tokens, settings in table if num_tokens <= most_tokens)
    block_e = triton.next_power_of_2(num_experts)
    most_rows = min(settings.rows, max(1, settings.tile // block_e))
    rows = min(most_rows, triton.next_power_of_2(num_tokens))
    constants = {
        "E": num_experts,
        "K": topk,
        "BLOCK_T": rows,
        "BLOCK_E": block_e,
        "BLOCK_K": triton.next_power_of_2(topk),
        "IS_WIDE": dtype == torch.float32,
    }
    return Launch(rows=rows, num_warps=settings.num_warps, constants=constants)


def gemma4_routing(
    gating_output: Tensor,
    topk: int,
    per_expert_scale: Tensor,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Routing weights ``[T, topk]`` fp32 and expert ids ``[T, topk]`` int32 of each token.

    Takes logits ``[T, E]`` (fp32, fp16 or bf16, any row stride; T >= 0, 1 <= E <= 1024),
    ``1 <= topk <= min(E, 32)`` and scales ``[E]`` (floating, same device; used as fp32). The
    weights are softmax over all experts, top k, divided by their sum, times the expert's scale; the
    package's docstring has the whole contract. `out` takes both outputs, contiguous.

    Raises TypeError or ValueError, naming the argument, before anything is launched.
    """
    check_arguments(gating_output, topk, per_expert_scale)
    num_tokens, num_experts = gating_output.shape
    if out is None:
        empty = partial(torch.empty, (num_tokens, topk), device=gating_output.device)
        out = empty(dtype=torch.float32), empty(dtype=torch.int32)
    else:
        check_out(out, (num_tokens, topk), gating_output.device)
    if num_tokens == 0:
        return out
    if num_experts > 1 and gating_output.stride(1) != 1:
        gating_output = gating_output.contiguous()
    _launch(gating_output, topk, per_expert_scale.to(torch.float32).contiguous(), out)
    return out


def _launch(gating_output: Tensor, topk: int, scale: Tensor, out: tuple[Tensor, Tensor]) -> None:
    num_tokens, num_experts = gating_output.shape
    device = gating_output.device
    launch = launch_of(gating_output.dtype, num_experts, topk, num_tokens, device.type)
    with _current(device):
        _gemma4_routing_kernel[(triton.cdiv(num_tokens, launch.rows),)](
            gating_output,
            scale,
            *out,
            num_tokens,
            gating_output.stride(0),
            **launch.constants,
            num_warps=launch.num_warps,
            **_OPTIONS,
        )


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Makes `device` the current one, where its kind knows of a current one."""
    if device.type == "cpu":
        return nullcontext()
    return torch.get_device_module(device).device(device)  # type: ignore[no-any-return]


# Both launch settings of cuda at Gemma 4's shape, the first also for one token, of which Triton
# makes a constant; and the second at the shapes of other models' routers.
_BUILT = (
    {"E": 128, "K": 8, "T": 1},
    {"E": 128, "K": 8, "T": 2048},
    {"E": 128, "K": 8, "T": 262144},
    {"E": 64, "K": 6, "T": 262144},
    {"E": 256, "K": 8, "T": 262144},
    {"E": 512, "K": 10, "T": 262144},
)
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def _build(dtype: str, shape: dict[str, int]) -> Build:
    """What is compiled for contiguous logits of this shape on a GPU."""
    launch = launch_of(_DTYPES[dtype], shape["E"], shape["K"], shape["T"], "cuda")
    return Build(
        dtype=dtype,
        shape=shape,
        function=_gemma4_routing_kernel,
        pointers={
            "gating_ptr": dtype,
            "scale_ptr": "fp32",
            "weights_ptr": "fp32",
            "ids_ptr": "i32",
        },
        integers={"num_tokens": shape["T"], "stride_gt": shape["E"]},
        constants=launch.constants,
        rows=launch.rows,
        num_warps=launch.num_warps,
        options=_OPTIONS,
    )


BUILDS = tuple(_build(dtype, shape) for shape in _BUILT for dtype in _DTYPES)
