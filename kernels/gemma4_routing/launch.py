"""The launch of the routing kernels: tables of measured settings, and the launcher.

`launch_settings` alone decides how a launch is cut into programs, for the launcher and for
`proof/builds.py`, so that the code that is compiled and locked without a GPU is the code that a GPU
runs.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
import triton
from torch import Tensor

from gemma4_routing.cuda.keys import CHOSEN, EXPERTS
from gemma4_routing.cuda.lanes import _gemma4_routing_lanes_kernel
from gemma4_routing.cuda.ptx import WARP
from gemma4_routing.cuda.tile import _gemma4_routing_tile_kernel
from gemma4_routing.kernel import _gemma4_routing_kernel

# Products and sums are rounded one by one, whatever Triton's default.
OPTIONS = {"enable_fp_fusion": False}
_MANY = float("inf")
_INT32 = 2**31
_ALIGNMENT = 16  # bytes, of the widest load and store


class Warp(NamedTuple):
    """A warp kernel and its lanes a row: a program has 32 / lanes rows."""

    function: Any
    lanes: int


class Block(NamedTuple):
    """The tile of the portable kernel: its most values and rows, and the warps of a program."""

    tile: int
    rows: int
    num_warps: int


# NVIDIA GPUs at E = 128, K = 8: settings by the bytes of a logit and the largest number of tokens.
# Measured on an H200 (driver 580.159.04, torch 2.11.0, Triton 3.6.0; graph replay, inputs beyond
# the L2 cache, median of 21 rounds), us for logits of 4 / 2 bytes:
#
#   tokens     lanes 16     lanes 8      tile 4       tile 2
#         1    1.55 / 1.49  1.62 / 1.52
#       512    2.40 / 2.32  2.49 / 2.35
#     1,024    2.50 / 2.41  2.57 / 2.40  2.65 / 2.49     2.59
#     2,048    2.71 / 2.56  2.72 / 2.52  2.75 / 2.57     2.72
#     4,096    3.34 / 3.13  3.15 / 2.74  3.04 / 2.72     2.84
#     8,192    4.96 / 4.45  4.19 / 3.47  3.80 / 3.14     3.14
#    65,536    22.6 / 21.8  15.5 / 13.3  11.8 / 8.75     8.34
#   262,144    82.1 / 81.1  52.4 / 45.7  37.6 / 27.0     23.4
_LANES, _TILE = _gemma4_routing_lanes_kernel, _gemma4_routing_tile_kernel
_WARPS: dict[int, tuple[tuple[float, Warp], ...]] = {
    4: ((1023, Warp(_LANES, 16)), (4095, Warp(_LANES, 8)), (_MANY, Warp(_TILE, 4))),
    2: (
        (1023, Warp(_LANES, 16)),
        (4095, Warp(_LANES, 8)),
        (8191, Warp(_TILE, 4)),
        (_MANY, Warp(_TILE, 2)),
    ),
}

# The portable kernel: settings by backend and the largest number of tokens.
# - interpreter: 262,144 fp32 rows take 2.0 s at 2**20 values a tile, the most that it holds, and
#   4.4 s at 2**17 (2 cores, Triton 3.6.0);
# - cuda (as above, us for fp32 / bf16 at 2,048, 8,192 and 262,144 tokens):
#     E = 64, K = 6, 1 row a program:  3.55 / 3.36, 7.31 / 7.16, 160 / 160
#                    2 rows:           3.56 / 3.09, 5.67 / 5.13, 104 / 85.0
#                    4 rows:           3.94 / 2.96, 5.89 / 4.01, 98.6 / 56.5
#     E = 256, K = 8, 1 row:           4.45 / 3.93, 10.6 / 9.43, 259 / 232
#                    2 rows:           4.49 / 4.01, 10.9 / 9.34, 257 / 220
#                    4 rows:           6.46 / 6.25, 12.5 / 11.2, 258 / 244
# - hip and xpu are not measured: a wave of 64 and a group of 16 lanes, with as many values a lane.
_BLOCKS: dict[str, tuple[tuple[float, Block], ...]] = {
    "interpreter": ((_MANY, Block(tile=2**20, rows=8192, num_warps=1)),),
    "cuda": (
        (8192, Block(tile=128, rows=2, num_warps=1)),
        (_MANY, Block(tile=512, rows=4, num_warps=1)),
    ),
    "hip": (
        (8192, Block(tile=1024, rows=1, num_warps=1)),
        (_MANY, Block(tile=1024, rows=8, num_warps=1)),
    ),
    "xpu": ((_MANY, Block(tile=2048, rows=16, num_warps=4)),),
}


@dataclass(frozen=True, kw_only=True)
class LaunchSettings:
    """Settings of one launch: the function, rows and warps a program, and its constants."""

    function: Any
    rows: int
    num_warps: int
    constants: dict[str, Any]

    @property
    def keywords(self) -> dict[str, Any]:
        """The keywords of a launch through Triton: constants, warps and options."""
        return {**self.constants, "num_warps": self.num_warps, **OPTIONS}


@lru_cache(maxsize=4096)
def launch_settings(
    dtype: torch.dtype, shape: tuple[int, int, int], backend: str, *, is_aligned: bool = True
) -> LaunchSettings:
    """Returns the settings for logits of a dtype and shape (T, E, K) on a backend.

    `is_aligned` says that every row and every argument begins at a multiple of 16 bytes, and that
    T and the row stride are below 2**31.
    """
    num_tokens, num_experts, topk = shape
    if backend == "cuda" and is_aligned and (num_experts, topk) == (EXPERTS.value, CHOSEN.value):
        function, lanes = next(w for most, w in _WARPS[dtype.itemsize] if num_tokens <= most)
        return LaunchSettings(
            function=function, rows=WARP.value // lanes, num_warps=1, constants={"LANES": lanes}
        )
    block = next(block for most, block in _BLOCKS[backend] if num_tokens <= most)
    block_e = triton.next_power_of_2(num_experts)
    most_rows = min(block.rows, max(1, block.tile // block_e))
    rows = min(most_rows, triton.next_power_of_2(num_tokens))
    constants = {
        "E": num_experts,
        "K": topk,
        "BLOCK_T": rows,
        "BLOCK_E": block_e,
        "BLOCK_K": triton.next_power_of_2(topk),
        "IS_WIDE": dtype == torch.float32,
    }
    return LaunchSettings(
        function=_gemma4_routing_kernel, rows=rows, num_warps=block.num_warps, constants=constants
    )


@cache
def backend_of(device_type: str) -> str:
    """Returns the backend that compiles for a type of device here, or the interpreter."""
    if device_type == "cpu":
        return "interpreter"
    return "hip" if device_type == "cuda" and torch.version.hip else device_type


@cache
def _module_of(device_type: str) -> Any:
    """Returns torch's module of a type of device, ``torch.cuda``."""
    return torch.get_device_module(device_type)


def launch_checked(
    gating_output: Tensor, topk: int, scale: Tensor, out: tuple[Tensor, Tensor]
) -> None:
    """Launches the kernel for checked arguments, on their device.

    Checked means T >= 1, and that the last dimension and the fp32 scales are contiguous.
    """
    device = gating_output.device
    if device.type == "cpu" or (module := _module_of(device.type)).current_device() == device.index:
        _launch_here(gating_output, topk, scale, out)
    else:
        with module.device(device):
            _launch_here(gating_output, topk, scale, out)


# Compiled kernels by everything that they depend on: Triton's own search takes longer than all the
# rest of a call. Triton makes a constant of an integer that is 1, and uses that 16 divides one.
_COMPILED: dict[tuple[Any, ...], Any] = {}


def _kind(size: int) -> int:
    """Returns a number that is the same for integer arguments that share a compiled kernel."""
    return (size == 1) | (size % _ALIGNMENT == 0) << 1 | (size >= _INT32) << 2


def _launch_here(
    gating_output: Tensor, topk: int, scale: Tensor, out: tuple[Tensor, Tensor]
) -> None:
    """Launches the kernel on the device of its arguments, which is the current one."""
    # Chooses the settings. An OR of addresses has a low bit if any of them has it.
    num_tokens, num_experts = gating_output.shape
    device, dtype, stride = gating_output.device, gating_output.dtype, gating_output.stride(0)
    backend, (weights, ids) = backend_of(device.type), out
    addresses = gating_output.data_ptr() | scale.data_ptr() | weights.data_ptr() | ids.data_ptr()
    is_aligned = (addresses | stride * dtype.itemsize) % _ALIGNMENT == 0
    is_aligned = is_aligned and num_tokens < _INT32 and stride < _INT32
    settings = launch_settings(
        dtype, (num_tokens, num_experts, topk), backend, is_aligned=is_aligned
    )
    grid = (num_tokens + settings.rows - 1) // settings.rows, 1, 1
    arguments = gating_output, scale, weights, ids, num_tokens, stride
    # Triton launches, and compiles if it has to, unless the compiled kernel is known.
    if backend != "cuda" or addresses % _ALIGNMENT:
        settings.function[grid](*arguments, **settings.keywords)
        return
    program = settings.function, settings.rows, settings.num_warps
    kinds = _kind(num_tokens), _kind(stride)
    key = program, num_experts, topk, dtype, device.index, kinds
    constants = settings.constants.values()  # in the order of the function's arguments
    if kernel := _COMPILED.get(key):
        kernel[grid](*arguments, *constants)
    else:
        _COMPILED[key] = settings.function[grid](*arguments, **settings.keywords)


def bare_launch(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns weights and ids by a launch as Triton's users write it, without any check.

    For aligned, contiguous logits and fp32 scales. Bench compares the launcher's host time with its
    time.
    """
    num_tokens, num_experts = gating_output.shape
    shape, device = (num_tokens, topk), gating_output.device
    weights = torch.empty(shape, dtype=torch.float32, device=device)
    ids = torch.empty(shape, dtype=torch.int32, device=device)
    settings = launch_settings(
        gating_output.dtype, (num_tokens, num_experts, topk), backend_of(device.type)
    )
    settings.function[(triton.cdiv(num_tokens, settings.rows),)](
        gating_output,
        per_expert_scale,
        weights,
        ids,
        num_tokens,
        gating_output.stride(0),
        **settings.keywords,
    )
    return weights, ids
