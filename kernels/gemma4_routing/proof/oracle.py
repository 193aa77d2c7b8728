"""The fp64 oracle of `gemma4_routing`, and its agreement with the plain torch formulation."""

import math

import torch
from torch import Tensor

from gemma4_routing.reference import FARTHEST, ranked


def gemma4_routing_oracle(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor
) -> tuple[Tensor, Tensor]:
    """Returns the true weights and ids: softmax over all experts, top k, divide by sum, scale.

    Takes and returns tensors as the reference does, but computes in fp64 and returns fp64 weights.
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
    """Returns the distance of `outputs` from the plain formulation, and the bound of that distance.

    The plain formulation is softmax, top k, renormalize in torch, each rounded to the input's
    dtype. Compared are the finite rows whose k-th and next logit differ, because on the others
    `torch.topk` promises no choice. Both results are ``[rows, E]`` fp32, by expert; an expert that
    only one of the two has chosen has an infinite distance. The bound is the sum of three parts,
    with u half the epsilon of the dtype:

    - 5 u of the weight. The probability, the sum of the chosen ones and the quotient are rounded
      once each, and the sum has the error of a probability as well: 4 u, and 1 u for products of u.
    - (d + 16) 2**-24 of the weight, d being the distance to the largest logit. torch computes in
      fp32, where the subtraction is rounded by d 2**-24, and exp, sums and our own weight by less
      than 16 units of 2**-24.
    - (E / topk + 2) denormals. A probability that is a denormal of the dtype is off by half of the
      smallest one, which the division by the sum, at least topk / E, enlarges; twice that, because
      the sum is off, too, and 2 more for the loss of our own weight.
    """
    # The rows to compare.
    num_experts = gating_output.shape[1]
    order, _ = ranked(gating_output.to(torch.float32))
    is_clear = order[:, 0].isfinite()
    if topk < num_experts:
        is_clear &= order[:, topk - 1] != order[:, topk]
    logits = gating_output[is_clear]
    weights, ids = (output[is_clear] for output in outputs)
    # Both weights by expert, infinite if not chosen.
    plain_ids = torch.topk(logits, topk, dim=1).indices
    chosen = torch.softmax(logits, dim=1).gather(1, plain_ids)
    chosen = (chosen / chosen.sum(dim=1, keepdim=True)).to(torch.float32)
    scale = per_expert_scale.to(torch.float32)
    nowhere = torch.full(logits.shape, math.inf, device=logits.device)
    plain = nowhere.scatter(1, plain_ids, chosen * scale[plain_ids])
    ours = nowhere.scatter(1, ids.to(torch.int64), weights)
    distance = torch.where(plain.isinf() & ours.isinf(), 0.0, (ours - plain).abs())
    # The bound; the weight of an expert that is not chosen is 0 there.
    limits = torch.finfo(gating_output.dtype)
    far = (order[is_clear, :1] - logits.to(torch.float32)).clamp(max=-FARTHEST)
    relative = 5 * limits.eps / 2 + (far + 16) * 2**-24
    absolute = (num_experts / topk + 2) * limits.smallest_normal * limits.eps
    bound = relative * torch.where(plain.isinf(), 0.0, plain.abs()) + absolute * scale.abs()
    return distance, bound
