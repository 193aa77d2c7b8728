"""Peers: other kernels and formulations of the routing, which bench times beside the kernel.

Each entry of `PEERS` returns a launch that is called as the kernel's is, or None if its package is
not installed. No peer keeps the kernel's contract: on distinct, finite logits they choose the same
experts, with weights that are close.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma4_routing import reference

Outputs = tuple[Tensor, ...]

_LOG2_E = tl.constexpr(reference.LOG2_E)
_MAGNITUDE_MASK = tl.constexpr(0x7FFFFFFF)


@triton.jit
def _ordered(bits):
    """Returns the order of fp32 bits, an int32 that is larger if the number is. Its own inverse."""
    return bits ^ ((bits >> 31) & _MAGNITUDE_MASK)


@triton.jit
def _packed_sort_kernel(
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    stride_gt,
    E: tl.constexpr,
    K: tl.constexpr,
    BLOCK_E: tl.constexpr,
):
    """Routes a token a program, by a sort of the row's BLOCK_E keys."""
    row = tl.program_id(0).to(tl.int64)
    offs_e = tl.arange(0, BLOCK_E)  # [BLOCK_E]
    mask_e = offs_e < E
    logits = tl.load(gating_ptr + row * stride_gt + offs_e, mask=mask_e, other=float("-inf"))
    logits = logits.to(tl.float32)

    # A 64-bit key: the order of the logit above the inverted expert, so that of equal logits the
    # lower expert sorts first.
    high = _ordered(logits.to(tl.int32, bitcast=True)).to(tl.int64) << 32
    keys = tl.where(mask_e, high | (BLOCK_E - 1 - offs_e), -(2**63))
    keys = tl.sort(keys, descending=True)
    ids = BLOCK_E - 1 - (keys & (BLOCK_E - 1)).to(tl.int32)
    values = _ordered((keys >> 32).to(tl.int32)).to(tl.float32, bitcast=True)

    # The chosen experts stand first.
    mask_k = offs_e < K
    exps = tl.math.exp2((values - tl.max(logits, axis=0)) * _LOG2_E)
    total = tl.sum(tl.where(mask_k, exps, 0.0), axis=0)
    weights = exps / total * tl.load(scale_ptr + ids, mask=mask_k).to(tl.float32)
    tl.store(weights_ptr + row * K + offs_e, weights, mask=mask_k)
    tl.store(ids_ptr + row * K + offs_e, ids, mask=mask_k)


def packed_sort(
    gating_output: Tensor,
    topk: int,
    per_expert_scale: Tensor,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """Returns weights and ids by a full sort of each row, in a program of one warp a token.

    It is the algorithm of vLLM's kernel (pull request 39083), written anew from its description.
    """
    num_tokens, num_experts = gating_output.shape
    if out is None:
        weights = gating_output.new_empty((num_tokens, topk), dtype=torch.float32)
        out = weights, torch.empty_like(weights, dtype=torch.int32)
    _packed_sort_kernel[(num_tokens,)](
        gating_output,
        per_expert_scale,
        *out,
        gating_output.stride(0),
        E=num_experts,
        K=topk,
        BLOCK_E=triton.next_power_of_2(num_experts),
        num_warps=1,
    )
    return out


def eager(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, out: Outputs | None = None
) -> Outputs:
    """Returns weights and ids by plain torch, as a model's code has it; leaves `out` as it is."""
    del out
    probabilities = torch.softmax(gating_output, dim=-1, dtype=torch.float32)
    weights, ids = torch.topk(probabilities, topk, dim=-1)
    weights = weights / weights.sum(dim=-1, keepdim=True)
    return weights * per_expert_scale[ids], ids.to(torch.int32)


@lru_cache(maxsize=1)
def _compiled_for(dtype: torch.dtype, num_experts: int, topk: int) -> Callable[..., Outputs]:
    """Returns `eager`, compiled anew: for one token, and for any other number of them.

    Forgets the code of other shapes, because after a number of these torch falls back to eager.
    `fullgraph` makes that, and any break of the graph, an error.
    """
    del dtype, num_experts
    torch._dynamo.reset()  # noqa: SLF001  (as torch's own documentation calls it)
    compiled: Callable[..., Outputs] = torch.compile(partial(eager, topk=topk), fullgraph=True)
    return compiled


def _compiled(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, out: Outputs | None = None
) -> Outputs:
    """Returns weights and ids by `eager` through torch.compile; leaves `out` as it is."""
    del out
    num_tokens, num_experts = gating_output.shape
    if num_tokens > 1:
        torch._dynamo.mark_dynamic(gating_output, 0)  # noqa: SLF001
    compiled = _compiled_for(gating_output.dtype, num_experts, topk)
    return compiled(gating_output, per_expert_scale=per_expert_scale)


def _vllm() -> Callable[..., Outputs] | None:
    """Returns the kernel of vLLM (pull request 39083), None if its Gemma 4 is not installed."""
    try:
        from vllm.model_executor.models.gemma4 import gemma4_fused_routing_kernel_triton  # noqa: PLC0415
    except ImportError:
        return None

    def launch(
        gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, out: Outputs | None = None
    ) -> Outputs:
        del out
        outputs: Outputs = gemma4_fused_routing_kernel_triton(gating_output, topk, per_expert_scale)
        return outputs

    return launch


def _sglang() -> Callable[..., Outputs] | None:
    """Returns the kernel of SGLang (pull request 26502), None if neither place has it."""
    try:
        from sglang.kernels.ops.layernorm.gemma4_fused_ops import gemma4_fused_routing  # noqa: PLC0415
    except ImportError:
        try:
            from sglang.srt.layers.gemma4_fused_ops import gemma4_fused_routing  # noqa: PLC0415
        except ImportError:
            return None

    def launch(
        gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, out: Outputs | None = None
    ) -> Outputs:
        del out
        outputs: Outputs = gemma4_fused_routing(gating_output, per_expert_scale, topk)
        return outputs

    return launch


PEERS: Mapping[str, Callable[[], Callable[..., Outputs] | None]] = {
    "packed sort": lambda: packed_sort,
    "eager": lambda: eager,
    "torch.compile": lambda: _compiled,
    "vllm": _vllm,
    "sglang": _sglang,
}
