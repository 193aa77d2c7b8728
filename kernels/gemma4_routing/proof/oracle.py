"""The fp64 oracle of `gemma4_routing`, and its distance from the plain torch formulation."""

import math

import torch
from torch import Tensor

from gemma4_routing.reference import FARTHEST, ranked


def gemma4_routing_oracle(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """The truth, word for word in fp64: softmax over all, top k, divide by their sum, scale.

    Takes and returns what the reference does, with weights in fp64.
    """
    logits = gating_output.to(torch.float64)
    ids = ranked(logits)[1][:, :topk]
    chosen = torch.softmax(logits, dim=1).gather(1, ids)
    scale = per_expert_scale.to(torch.float32).to(torch.float64)
    weights = chosen / chosen.sum(dim=1, keepdim=True) * scale[ids]
    return weights, ids.to(torch.int32)


def gemma4_routing_agreement(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, *, outputs: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Distance of `outputs` from the plain formulation in the input's dtype, and its bound.

    The plain formulation is softmax, top k, renormalize, each rounded to the input's dtype, as
    torch computes it. It is compared on the finite rows whose k-th and next logit differ: on the
    others `torch.topk` promises no choice. The bound, with u half the dtype's epsilon:

    - 5 u: a probability, the sum of the chosen ones, which has such an error too, and the
      quotient round once each, which makes 4 u; one more for products of u;
    - (d + 16) 2**-24, d the distance to the largest logit: torch computes in fp32 inside, where
      the subtraction rounds by d 2**-24, and exp, sums and our own weight by less than 16;
    - a probability in the dtype's denormal range is off by half a denormal instead, which
      dividing by the sum, at least topk / E, enlarges; twice, for the sum's own, and two more
      for what our weight loses there.

    Returns both as ``[rows, E]`` fp32, by expert; where the chosen experts differ, the distance
    is infinite.
    """
    num_experts = gating_output.shape[1]
    order, _ = ranked(gating_output.to(torch.float32))
    is_clear = order[:, 0].isfinite()
    if topk < num_experts:
        is_clear &= order[:, topk - 1] != order[:, topk]
    logits = gating_output[is_clear]
    weights, ids = (output[is_clear] for output in outputs)
    plain_ids = torch.topk(logits, topk, dim=1).indices
    chosen = torch.softmax(logits, dim=1).gather(1, plain_ids)
    chosen = (chosen / chosen.sum(dim=1, keepdim=True)).to(torch.float32)
    scale = per_expert_scale.to(torch.float32)
    nowhere = torch.full(logits.shape, math.inf, device=logits.device)
    plain = nowhere.scatter(1, plain_ids, chosen * scale[plain_ids])
    ours = nowhere.scatter(1, ids.to(torch.int64), weights)
    distance = torch.where(plain.isinf() & ours.isinf(), 0.0, (ours - plain).abs())
    limits = torch.finfo(gating_output.dtype)
    far = (order[is_clear, :1] - logits.to(torch.float32)).clamp(max=-FARTHEST)
    relative = 5 * limits.eps / 2 + (far + 16) * 2**-24
    absolute = (num_experts / topk + 2) * limits.smallest_normal * limits.eps
    bound = relative * torch.where(plain.isinf(), 0.0, plain.abs()) + absolute * scale.abs()
    return distance, bound
