"""The question of the check: the dtypes and shapes of a kernel's outputs."""

import torch

from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.evidence import Evidence
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.spec import InputRows


def ask(case: Case, evidence: Evidence) -> None:
    """Asks for one output of the right dtype and shape for each one in the `SPEC`."""
    spec, shape = spec_of(case.kernel), dict(case.shape)
    rows = InputRows(
        seed=evidence.seed,
        shape=shape,
        dtype=getattr(torch, DTYPES[case.dtype]),
        device=evidence.device,
        first=0,
        count=shape["T"],
    )
    outputs = spec.launch(**spec.make_inputs(rows))
    evidence.add_numbers(outputs=len(outputs))
    actual = [(tensor.dtype, tuple(tensor.shape)) for tensor in outputs]
    expected = [
        (output.dtype, tuple(shape[axis] for axis in output.axes)) for output in spec.outputs
    ]
    if actual != expected:
        raise Mismatch(f"form: found {actual}, expected {expected}")
