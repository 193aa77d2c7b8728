"""The smallest kernel that can be proved: the largest product of each row, by magnitude.

The contract of ``toy(values, scale)``:

======== =========================================================================================
values   ``[T, N]`` finite, fp32, fp16 or bf16, or fp64, which is rounded to fp32 first; any row
         stride; ``T >= 0``, ``N >= 1``
scale    ``[N]`` fp32, finite, same device
peaks    ``[T]`` fp32: the largest ``|values * scale|`` of a row; one rounding a product
======== =========================================================================================
"""

from .kernel import toy
from .reference import toy_reference

__all__ = ["toy", "toy_reference"]
