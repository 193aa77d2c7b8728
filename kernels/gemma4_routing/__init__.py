"""Expert routing of Gemma 4, fused: logits to the top k experts and their weights, in one launch.

The contract of ``gemma4_routing(gating_output, topk, per_expert_scale)``:

================ ================================================================================
gating_output    ``[T, E]`` fp32, fp16 or bf16; any row stride; a strided last axis is copied
per_expert_scale ``[E]`` floating, same device; used as fp32
topk             ``1 <= topk <= min(E, 32)``; ``1 <= E <= 1024``; ``T >= 0``; any ``T * E``
topk_weights     ``[T, topk]`` fp32: softmax over all experts, top k, divided by their sum, times
                 ``scale[id]``. The softmax over all cancels: it is the softmax over the chosen.
topk_ids         ``[T, topk]`` int32, unique, in range whatever the input, by descending logit
ties             equal logits: the lower id first; -0.0 equals +0.0
NaN              above +inf, as in torch.topk; a row with a NaN or a +inf: NaN weights, valid ids
-inf             chosen if there are fewer than k others, in id order, weight 0; a row of -inf
                 alone: ids 0 to k - 1, NaN weights
bad arguments    TypeError or ValueError with the argument's name, its value and what is allowed
purity           inputs unchanged, nothing written beside the outputs, each row on its own
================ ================================================================================

The weights are a sequence of correctly rounded fp32 operations, which `reference.py` defines: the
same bits on a CPU, in Triton's interpreter and compiled. They are at most 6 units in the last place
from the fp64 truth if the scale is at most 4 or the weight is no denormal: a larger scale also
multiplies the rounding of a denormal.

`gemma4_fused_routing_kernel_triton` and `gemma4_routing_function_torch` are the names of the kernel
and of its reference in vLLM (pull request 39083); callers of those change an import.
"""

from torch import Tensor

from gemma4_routing.op import gemma4_routing
from gemma4_routing.reference import gemma4_routing_reference

__all__ = [
    "gemma4_fused_routing_kernel_triton",
    "gemma4_routing",
    "gemma4_routing_function_torch",
    "gemma4_routing_reference",
]

gemma4_routing_function_torch = gemma4_routing_reference


def gemma4_fused_routing_kernel_triton(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, num_warps: int = 1
) -> tuple[Tensor, Tensor]:
    """Calls `gemma4_routing` by its name in vLLM; `num_warps` has no effect here."""
    del num_warps
    return gemma4_routing(gating_output, topk, per_expert_scale)
