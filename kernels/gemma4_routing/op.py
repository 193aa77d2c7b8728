"""The function `gemma4_routing` for eager calls, and two custom operators for torch's tracers.

`torch.compile` and tracers see `torch.ops.kernelproof.gemma4_routing` and `.gemma4_routing_out`. An
eager call does not go through them, because the dispatcher takes longer than the launch.
"""

import torch
from torch import Tensor

from gemma4_routing.arguments import IS_INTERPRETED, check_arguments, check_out
from gemma4_routing.launch import launch_checked
from gemma4_routing.reference import gemma4_routing_reference


def gemma4_routing(
    gating_output: Tensor,
    topk: int,
    per_expert_scale: Tensor,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns routing weights ``[T, topk]`` fp32 and expert ids ``[T, topk]`` int32 of each token.

    Takes logits ``[T, E]`` (fp32, fp16 or bf16, any row stride; T >= 0, 1 <= E <= 1024),
    ``1 <= topk <= min(E, 32)`` and scales ``[E]`` (floating, same device; used as fp32). The
    weights are softmax over all experts, top k, divided by their sum, times the expert's scale; the
    package's docstring has the whole contract. Writes into the two contiguous tensors of `out`, if
    given, and returns these.

    Launches on the current stream of the logits' device, without synchronizing. On a CPU it
    computes the reference, or the interpreted kernel if TRITON_INTERPRET=1. Not differentiable.

    Raises TypeError or ValueError that names the argument, before anything is launched.
    """
    if torch.compiler.is_compiling() or type(gating_output) is not Tensor:
        return _traced(gating_output, topk, per_expert_scale, out)
    return _eager(gating_output, topk, per_expert_scale, out)


def _traced(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, out: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Calls the custom operators, which a tracer sees as one node each."""
    # Checked here, because the dispatcher has other messages and takes a bool for `topk`.
    check_arguments(gating_output, topk, per_expert_scale)
    if out is None:
        return torch.ops.kernelproof.gemma4_routing(gating_output, topk, per_expert_scale)  # type: ignore[no-any-return]
    check_out(out, (gating_output.shape[0], topk), gating_output.device)
    torch.ops.kernelproof.gemma4_routing_out(gating_output, topk, per_expert_scale, *out)
    return out


def _eager(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, out: tuple[Tensor, Tensor] | None
) -> tuple[Tensor, Tensor]:
    """Checks the arguments, then launches the kernel, or computes the reference on a CPU."""
    check_arguments(gating_output, topk, per_expert_scale)
    num_tokens, num_experts = gating_output.shape
    if out is None:
        out = _empty(gating_output, topk)
    else:
        check_out(out, (num_tokens, topk), gating_output.device)
    if num_tokens == 0 or gating_output.is_meta:
        return out
    # A CPU without the interpreter computes the reference.
    if gating_output.device.type == "cpu" and not IS_INTERPRETED:
        with torch.no_grad():  # as on a GPU: the outputs have no gradient
            computed = gemma4_routing_reference(gating_output, topk, per_expert_scale)
            for tensor, values in zip(out, computed, strict=True):
                tensor.copy_(values)
        return out
    # The kernels take a contiguous last dimension and contiguous fp32 scales.
    if num_experts > 1 and gating_output.stride(1) != 1:
        gating_output = gating_output.contiguous()
    if per_expert_scale.dtype is not torch.float32 or not per_expert_scale.is_contiguous():
        per_expert_scale = per_expert_scale.to(torch.float32).contiguous()
    launch_checked(gating_output, topk, per_expert_scale, out)
    return out


def _empty(gating_output: Tensor, topk: int) -> tuple[Tensor, Tensor]:
    """Returns uninitialized outputs: weights fp32 and ids int32, ``[T, topk]`` each."""
    shape, device = (gating_output.shape[0], topk), gating_output.device
    weights = torch.empty(shape, dtype=torch.float32, device=device)
    return weights, torch.empty(shape, dtype=torch.int32, device=device)


# The names of these functions' parameters are the operators' schemas.


def _operator(gating_output: Tensor, topk: int, per_expert_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Computes `torch.ops.kernelproof.gemma4_routing`."""
    return _eager(gating_output, topk, per_expert_scale, None)


def _fake_operator(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns outputs of the right form for a tracer, which computes nothing."""
    check_arguments(gating_output, topk, per_expert_scale)
    return _empty(gating_output, topk)


def _out_operator(
    gating_output: Tensor,
    topk: int,
    per_expert_scale: Tensor,
    topk_weights: Tensor,
    topk_ids: Tensor,
) -> None:
    """Computes `torch.ops.kernelproof.gemma4_routing_out`."""
    _eager(gating_output, topk, per_expert_scale, (topk_weights, topk_ids))


def _fake_out_operator(
    gating_output: Tensor,
    topk: int,
    per_expert_scale: Tensor,
    topk_weights: Tensor,
    topk_ids: Tensor,
) -> None:
    """Checks all arguments for a tracer, which computes nothing."""
    check_arguments(gating_output, topk, per_expert_scale)
    shape = gating_output.shape[0], topk
    check_out((topk_weights, topk_ids), shape, gating_output.device)


torch.library.custom_op("kernelproof::gemma4_routing", _operator, mutates_args=()).register_fake(
    _fake_operator
)
torch.library.custom_op(
    "kernelproof::gemma4_routing_out",
    _out_operator,
    mutates_args=("topk_weights", "topk_ids"),
).register_fake(_fake_out_operator)
