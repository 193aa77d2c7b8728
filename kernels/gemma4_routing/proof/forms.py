"""Inputs in the other forms that the contract takes, for parity to ask the same bits of."""

import math
from collections.abc import Iterator

import torch

from gemma4_routing.cuda.keys import EXPERTS
from kernelproof.spec import Inputs

# Of fp64 scales: not a whole fp32 number any more, nearer to the one that it was of.
_BETWEEN = 1 + 2.0**-26
# Rows of a warp share its way (`cuda/finish.py`), and of eight neighbours with eight distributions
# one always takes them all the long way. Numbers of rows for which there are two launch settings,
# made of no fewer than so many; an odd number of each, so that runs begin at every place of a warp.
_MANY, _FEWEST = (4096, 8192), 64


def other_forms(inputs: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Each form with a word for it: other strides, addresses, dtypes of scales, fewer experts."""
    logits, scale = inputs["gating_output"], inputs["per_expert_scale"]
    num_tokens, num_experts = logits.shape
    spread = logits.repeat_interleave(2, dim=1)[:, ::2]
    yield "a strided last axis", {**inputs, "gating_output": spread}
    two = {"topk": min(2, num_experts), "per_expert_scale": scale[:2]}
    yield "two experts of a strided axis", {"gating_output": spread[:, :2], **two}
    shifted = logits.new_empty(num_tokens * (num_experts + 1) + 1)[1:]
    shifted = shifted.view(num_tokens, num_experts + 1)[:, :num_experts]
    yield "an odd address and row stride", {**inputs, "gating_output": shifted.copy_(logits)}
    # The kernel compiled for the first form's stride, which 16 may divide, must not be taken; and
    # of 128 16-bit logits a stride of 158 is aligned in the wrong sum alone: 158 + 2, not 158 * 2.
    wider = logits.new_empty(num_tokens, num_experts + 30)[:, :num_experts]
    yield "a row stride of 30 more", {**inputs, "gating_output": wider.copy_(logits)}
    yield "scales of fp64", {**inputs, "per_expert_scale": scale.double() * _BETWEEN}
    yield "scales of fp16", {**inputs, "per_expert_scale": scale.to(torch.float16)}
    yield "strided scales", {**inputs, "per_expert_scale": scale.repeat_interleave(2)[::2]}
    mixed = logits.clone()
    mixed[:, 0], mixed[:, -1] = math.inf, math.nan
    yield "an infinity and a NaN", {**inputs, "gating_output": mixed}
    if num_experts == EXPERTS.value and num_tokens >= _FEWEST:
        for count in _MANY:
            equal = logits.repeat_interleave(count // num_tokens | 1, dim=0)
            yield f"each row many times, {len(equal):,} in all", {**inputs, "gating_output": equal}
