"""Fusing a product and a sum, which compilers do by default, is seen by the golden digests."""

import hashlib
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from gemma4_routing import reference
from gemma4_routing.proof import SPEC
from kernelproof.measure.digest import Digest
from kernelproof.plan import cases, matrix
from kernelproof.records import golden
from kernelproof.spec import InputRows
from tests.unit.records.made_records import PLANNED, record_of

CASE = "gemma4_routing-cpu-fp32-E128-K8-T2049"


def _fused(p: Tensor, r: Tensor, coefficient: float) -> Tensor:
    """``p * r + coefficient`` rounded once: both are exact in fp64 but for the last rounding."""
    return (p.double() * r.double() + coefficient).to(torch.float32)


def _apart(p: Tensor, r: Tensor, coefficient: float) -> Tensor:
    return p * r + coefficient


@pytest.mark.parametrize(("step", "told"), [(_apart, ""), (_fused, "golden: the definition moved")])
def test_fusion_moves_the_digest(step: object, told: str) -> None:
    """One rounding less in each step of the polynomial; apart, the digest is the blessed one."""
    case = next(case for case in cases.cases_of(matrix.load()) if case.id == CASE)
    seed = int.from_bytes(hashlib.sha256(case.key.encode()).digest()[:8], "big")
    cpu, shape = torch.device("cpu"), dict(case.shape)
    rows = InputRows(
        seed=seed, shape=shape, dtype=torch.float32, device=cpu, first=0, count=shape["T"]
    )
    inputs = SPEC.make_inputs(rows)
    with patch.object(reference, "_step", step):
        outputs = SPEC.reference(**inputs)
    fed, given = Digest(), Digest()
    for tensors, digest in (
        ((inputs["gating_output"], inputs["per_expert_scale"]), fed),
        (outputs, given),
    ):
        for tensor in tensors:
            digest.add(tensor)
    record = record_of(PLANNED, input_digest=fed.hexdigest(), digest=given.hexdigest())
    objection = golden.objection(case, record)
    assert objection.startswith(told)
    assert bool(objection) == bool(told)
