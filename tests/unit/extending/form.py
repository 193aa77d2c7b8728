"""Form: does a kernel give the outputs that its SPEC announces? Their bits are parity's."""

from importlib import import_module

import torch

from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.evidence import Evidence
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.spec import InputRows, Spec


def test_form(case: Case, evidence: Evidence) -> None:
    """One output for each announced one, of its dtype and shape."""
    spec: Spec = import_module(f"kernels.{case.kernel}").SPEC
    shape = dict(case.shape)
    rows = InputRows(
        seed=evidence.seed,
        shape=shape,
        dtype=getattr(torch, DTYPES[case.dtype]),
        device=evidence.device,
        first=0,
        count=shape["T"],
    )
    outputs = spec.launch(**spec.make_inputs(rows))
    evidence.measured(outputs=len(outputs))
    found = [(output.dtype, tuple(output.shape)) for output in outputs]
    wanted = [(one.dtype, tuple(shape[axis] for axis in one.axes)) for one in spec.outputs]
    if found != wanted:
        raise Mismatch(f"form: found {found}, expected {wanted}")
