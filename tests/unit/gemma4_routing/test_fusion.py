"""Fusion of a product and a sum, which compilers do by default: the golden digests reveal it."""

from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from gemma4_routing import reference
from gemma4_routing.proof import SPEC
from kernelproof.measure.evidence import Evidence
from kernelproof.plan import cases, matrix
from kernelproof.plan.schema import Promise
from kernelproof.records import golden
from kernelproof.spec import InputRows
from tests.unit.gemma4_routing.routing import CPU
from tests.unit.records.made_records import PLANNED, record_of

CASE = "gemma4_routing-cpu-fp32-E128-K8-T2049"


def _fused(p: Tensor, r: Tensor, coefficient: float) -> Tensor:
    """Returns ``p * r + coefficient`` rounded once, since the product is exact in fp64."""
    return (p.double() * r.double() + coefficient).to(torch.float32)


def _apart(p: Tensor, r: Tensor, coefficient: float) -> Tensor:
    """Returns ``p * r + coefficient`` rounded twice."""
    return p * r + coefficient


@pytest.mark.parametrize(
    ("step", "expected"), [(_apart, ""), (_fused, "golden: the definition moved")]
)
def test_fusion_moves_the_digest(step: object, expected: str) -> None:
    """The digest is the blessed one, but not with a rounding less in a step of the polynomial."""
    case = next(case for case in cases.cases_of(matrix.load()) if case.id == CASE)
    evidence = Evidence(case=case, device=CPU, promise=Promise(max_ulp=6))
    shape = dict(case.shape)
    rows = InputRows(
        seed=evidence.seed, shape=shape, dtype=torch.float32, device=CPU, first=0, count=shape["T"]
    )
    inputs = SPEC.make_inputs(rows)
    with patch.object(reference, "_step", step):
        evidence.add_outputs(SPEC.reference(**inputs))
    evidence.add_inputs(inputs)
    digests = {
        "input_digest": evidence.inputs_digest.hexdigest(),
        "digest": evidence.outputs_digest.hexdigest(),
    }
    objection = golden.objection(case, record_of(PLANNED, **digests))
    assert objection.startswith(expected)
    assert bool(objection) == bool(expected)
