"""A kernel as small as one can be: the largest product of each row, by magnitude.

The contract of ``toy(values, scale)``:

======== =========================================================================================
values   ``[T, N]`` finite, fp32, fp16 or bf16, or fp64, which is rounded to fp32 first; any row
         stride; ``T >= 0``, ``N >= 1``
scale    ``[N]`` fp32, finite, same device
peaks    ``[T]`` fp32: the largest ``|values * scale|`` of a row; one rounding a product
======== =========================================================================================
"""

import torch

from kernelproof.spec import Output, Spec

from .inputs import DISTRIBUTIONS, explain_row, toy_inputs
from .kernel import _toy_kernel, toy
from .reference import toy_agreement, toy_oracle, toy_reference

__all__ = ["SPEC", "toy", "toy_oracle", "toy_reference"]

SPEC = Spec(
    launch=toy,
    reference=toy_reference,
    oracle=toy_oracle,
    agreement=toy_agreement,
    make_inputs=toy_inputs,
    explain_row=explain_row,
    distributions=DISTRIBUTIONS,
    per_token=("values",),
    outputs=(Output(name="peaks", axes=("T",), dtype=torch.float32),),
    jitted=(_toy_kernel,),
)
