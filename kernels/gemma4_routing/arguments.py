"""Checks of the arguments of `gemma4_routing`, made before anything is launched."""

import torch
import triton
from torch import Tensor

# Read once, as Triton reads it when it decorates the kernels: later changes have no effect.
IS_INTERPRETED = triton.knobs.runtime.interpret
MAX_EXPERTS = 1024
MAX_TOPK = 32
LOGIT_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
DEVICE_TYPES = ("cpu", "cuda", "xpu", "meta")  # torch calls AMD GPUs cuda, too


def check_arguments(gating_output: Tensor, topk: int, per_expert_scale: Tensor) -> None:
    """Raises TypeError or ValueError if the kernel does not take these inputs."""
    _check_tensor("gating_output", gating_output)
    _check_tensor("per_expert_scale", per_expert_scale)
    if gating_output.dtype not in LOGIT_DTYPES:
        allowed = ", ".join(str(dtype) for dtype in LOGIT_DTYPES)
        message = f"gating_output: found {gating_output.dtype}, expected one of {allowed}"
        raise TypeError(message)
    if gating_output.dim() != 2 or not 1 <= gating_output.shape[1] <= MAX_EXPERTS:  # noqa: PLR2004
        shape = tuple(gating_output.shape)
        message = f"gating_output: found shape {shape}, expected [T, E], 1 <= E <= {MAX_EXPERTS}"
        raise ValueError(message)
    device = gating_output.device
    if IS_INTERPRETED:
        if device.type not in {"cpu", "meta"}:
            message = (
                f"gating_output: found device {device}, expected cpu, because TRITON_INTERPRET=1 "
                "is set; unset it to run on a GPU"
            )
            raise ValueError(message)
    elif device.type not in DEVICE_TYPES:
        message = f"gating_output: found device {device}, expected one of {', '.join(DEVICE_TYPES)}"
        raise ValueError(message)
    largest = min(gating_output.shape[1], MAX_TOPK)
    if not isinstance(topk, (int, torch.SymInt)) or isinstance(topk, bool):
        message = f"topk: found {type(topk).__name__}, expected an int"
        raise TypeError(message)
    if not 1 <= topk <= largest:
        message = f"topk: found {topk}, expected 1 <= topk <= {largest} (at most E and {MAX_TOPK})"
        raise ValueError(message)
    _check_scale(per_expert_scale, gating_output)


def _check_tensor(name: str, value: object) -> None:
    """Raises TypeError if a value is no strided tensor."""
    if not isinstance(value, Tensor):
        message = f"{name}: found {type(value).__name__}, expected a tensor"
        raise TypeError(message)
    if value.layout != torch.strided:
        message = f"{name}: found layout {value.layout}, expected {torch.strided}"
        raise TypeError(message)


def _check_scale(per_expert_scale: Tensor, gating_output: Tensor) -> None:
    """Raises TypeError or ValueError if the scales are not ``[E]``, floating, on one device."""
    if not per_expert_scale.is_floating_point():
        message = f"per_expert_scale: found {per_expert_scale.dtype}, expected a floating dtype"
        raise TypeError(message)
    if tuple(per_expert_scale.shape) != (num_experts := gating_output.shape[1],):
        shape = tuple(per_expert_scale.shape)
        message = f"per_expert_scale: found shape {shape}, expected ({num_experts},)"
        raise ValueError(message)
    if per_expert_scale.device != gating_output.device:
        message = (
            f"per_expert_scale: found device {per_expert_scale.device}, "
            f"expected that of gating_output, {gating_output.device}"
        )
        raise ValueError(message)


def check_out(out: tuple[Tensor, Tensor], shape: tuple[int, int], device: torch.device) -> None:
    """Raises TypeError or ValueError unless `out` can hold both outputs.

    It can if it has two contiguous tensors of `shape` on `device`, fp32 weights and int32 ids.
    """
    if len(out) != 2:  # noqa: PLR2004
        message = f"out: found {len(out)} tensors, expected 2: topk_weights and topk_ids"
        raise ValueError(message)
    for i, (tensor, dtype) in enumerate(zip(out, (torch.float32, torch.int32), strict=True)):
        if not isinstance(tensor, Tensor):
            message = f"out[{i}]: found {type(tensor).__name__}, expected a tensor"
            raise TypeError(message)
        found = (tuple(tensor.shape), tensor.dtype, tensor.device)
        if found != (shape, dtype, device) or not tensor.is_contiguous():
            message = (
                f"out[{i}]: found {found[0]} {found[1]} on {found[2]}, strides {tensor.stride()}, "
                f"expected {shape} {dtype} on {device}, contiguous"
            )
            raise ValueError(message)
