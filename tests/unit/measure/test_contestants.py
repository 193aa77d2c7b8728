"""The inputs and outputs that contestants are given."""

import pytest
import torch

from gemma4_routing.proof import SPEC
from kernelproof.measure import contestants
from kernelproof.measure.contestants import first_set

CPU = torch.device("cpu")


def test_ordinary_rows_alone_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of the first distribution, as made; beyond the most, the same ones again."""
    monkeypatch.setattr(contestants, "_MOST_ROWS", 256)
    few = first_set(SPEC, torch.float32, {"E": 8, "K": 2, "T": 40}, CPU)
    many = first_set(SPEC, torch.float32, {"E": 8, "K": 2, "T": 258}, CPU)
    logits = many.inputs["gating_output"]
    assert logits.isfinite().all()
    assert len(logits[:256].unique(dim=0)) > 250
    assert torch.equal(logits[256:], logits[:2])
    assert torch.equal(few.inputs["gating_output"], logits[:40])
    assert [tuple(output.shape) for output in few.out] == [(40, 2), (40, 2)]
    assert few.bytes == 40 * 8 * 4 + 8 * 4 + 40 * 2 * 8
    assert few.inputs["gating_output"].is_contiguous()


def test_a_copy_of_a_set_is_at_another_place() -> None:
    """It has the same values and settings."""
    first = first_set(SPEC, torch.bfloat16, {"E": 8, "K": 2, "T": 3}, CPU)
    copy = first.copy()
    assert copy.inputs["topk"] == 2
    assert torch.equal(copy.inputs["gating_output"], first.inputs["gating_output"])
    logits = [tensors.inputs["gating_output"] for tensors in (first, copy)]
    assert len({tensor.data_ptr() for tensor in (*first.out, *copy.out, *logits)}) == 6
