"""The inputs that contestants are given."""

import torch

from gemma4_routing.proof import SPEC
from kernelproof.measure.contestants import first_set

CPU = torch.device("cpu")


def test_ordinary_rows_alone_are_timed() -> None:
    """Those of the first distribution, as they are made; beyond the most, the same ones again."""
    few = first_set(SPEC, torch.float32, {"E": 8, "K": 2, "T": 40}, CPU)
    many = first_set(SPEC, torch.float32, {"E": 8, "K": 2, "T": 32_770}, CPU)
    logits = many.inputs["gating_output"]
    assert logits.isfinite().all()
    assert len(logits[:32_768].unique(dim=0)) > 32_000
    assert torch.equal(logits[32_768:], logits[:2])
    assert torch.equal(few.inputs["gating_output"], logits[:40])
    assert [tuple(one.shape) for one in few.out] == [(40, 2), (40, 2)]
    assert few.bytes == 40 * 8 * 4 + 8 * 4 + 40 * 2 * 8
    assert few.inputs["gating_output"].is_contiguous()


def test_a_copy_of_a_set_is_at_another_place() -> None:
    """With the same values and settings."""
    one = first_set(SPEC, torch.bfloat16, {"E": 8, "K": 2, "T": 3}, CPU)
    other = one.copy()
    assert other.inputs["topk"] == 2
    assert torch.equal(other.inputs["gating_output"], one.inputs["gating_output"])
    places = [
        part.data_ptr() for it in (one, other) for part in (*it.out, it.inputs["gating_output"])
    ]
    assert len(set(places)) == 6
