"""Inputs in the other forms that the contract takes, for which the bits must be the same."""

import math
from collections.abc import Iterator

import torch

from gemma4_routing.cuda.keys import EXPERTS
from kernelproof.spec import Inputs

# Makes of an fp32 scale an fp64 number between two fp32 numbers, nearer to the old one.
_BETWEEN = 1 + 2.0**-26
# The rows of a warp go the same way (`cuda/finish.py`). Of eight neighbours with eight different
# distributions one always forces the long way on all. Repeated rows can go the short way. There are
# two numbers of rows, of different launch settings, made of at least `_MIN_ROWS` rows each. A row
# is repeated an odd number of times, so that runs of it begin at every place of a warp.
_MANY_ROWS, _MIN_ROWS = (4096, 8192), 64


def other_forms(inputs: Inputs) -> Iterator[tuple[str, Inputs]]:
    """Yields a name and the inputs of each form: strides, addresses, dtypes of scales, experts."""
    logits, scale = inputs["gating_output"], inputs["per_expert_scale"]
    num_tokens, num_experts = logits.shape
    spread = logits.repeat_interleave(2, dim=1)[:, ::2]
    yield "a strided last axis", {**inputs, "gating_output": spread}
    two = {"topk": min(2, num_experts), "per_expert_scale": scale[:2]}
    yield "two experts of a strided axis", {"gating_output": spread[:, :2], **two}
    shifted = logits.new_empty(num_tokens * (num_experts + 1) + 1)[1:]
    shifted = shifted.view(num_tokens, num_experts + 1)[:, :num_experts]
    yield "an odd address and row stride", {**inputs, "gating_output": shifted.copy_(logits)}
    # A kernel compiled for a stride that 16 divides must not be taken for this one. A stride of 158
    # also reveals 158 + 2 in place of 158 * 2 as bytes: only the wrong one is aligned.
    wider = logits.new_empty(num_tokens, num_experts + 30)[:, :num_experts]
    yield "a row stride of 30 more", {**inputs, "gating_output": wider.copy_(logits)}
    yield "scales of fp64", {**inputs, "per_expert_scale": scale.double() * _BETWEEN}
    yield "scales of fp16", {**inputs, "per_expert_scale": scale.to(torch.float16)}
    yield "strided scales", {**inputs, "per_expert_scale": scale.repeat_interleave(2)[::2]}
    mixed = logits.clone()
    mixed[:, 0], mixed[:, -1] = math.inf, math.nan
    yield "an infinity and a NaN", {**inputs, "gating_output": mixed}
    if num_experts == EXPERTS.value and num_tokens >= _MIN_ROWS:
        for count in _MANY_ROWS:
            equal = logits.repeat_interleave(count // num_tokens | 1, dim=0)
            yield f"each row many times, {len(equal):,} in all", {**inputs, "gating_output": equal}
