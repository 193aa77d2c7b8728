"""The proof of `toy`: its inputs, its oracle and its `SPEC`."""

import torch
from torch import Tensor

from kernelproof.spec import InputRows, Inputs, Output, Spec

from .kernel import _toy_kernel, toy
from .reference import toy_reference

DISTRIBUTIONS = ("mixed_signs", "all_negative", "zeros")


def toy_inputs(rows: InputRows) -> Inputs:
    """Returns values ``[count, N]`` of at most 64, and scales ``[N]`` fp32 in ``[1/2, 1)``.

    They are hashes of (seed, row, column): the same bits on every machine.
    """
    index = torch.arange(rows.first, rows.first + rows.count, device=rows.device)[:, None]
    column = torch.arange(rows.shape["N"], device=rows.device)[None, :]
    words = _hash(rows.seed, index * rows.shape["N"] + column)
    distribution = index % len(DISTRIBUTIONS)
    words = torch.where(distribution == DISTRIBUTIONS.index("all_negative"), -words.abs(), words)
    words = torch.where(distribution == DISTRIBUTIONS.index("zeros"), 0, words)
    scale = (_hash(~rows.seed, column)[0] & (2**23 - 1)) | 2**23
    return {
        "values": (words.double() / 2**33).to(rows.dtype),
        "scale": (scale.double() / 2**24).to(torch.float32),
    }


def _hash(seed: int, index: Tensor) -> Tensor:
    """Returns signed words of 40 bits, which fp64 holds exactly, from int64 counters."""
    words = (index + (seed & (2**62 - 1))) * 0x2545F4914F6CDD1D
    words = (words ^ (words >> 31)) * 0x1B873593CC9E2D51
    return ((words >> 23) & (2**40 - 1)) - 2**39


def explain_row(inputs: Inputs, row: int) -> str:
    """Returns the largest product of a row as text: ``v3=-1.5 * 0.75``."""
    values, scale = inputs["values"][row].double(), inputs["scale"].double()
    place = int((values * scale).abs().argmax())
    return f"v{place}={values[place].item():.9g} * {scale[place].item():.9g}"


def toy_oracle(values: Tensor, scale: Tensor) -> tuple[Tensor]:
    """Returns the exact peaks, ``[T]`` fp64."""
    return ((values.double() * scale.double()).abs().amax(dim=1),)


def toy_agreement(
    values: Tensor, scale: Tensor, *, outputs: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Returns the distance ``[T]`` of `outputs` from peaks in the input's dtype, and its bound.

    In that dtype, the scale and the product round by half an epsilon each; the kernel rounds an
    fp64 value and the product by half an epsilon of fp32 each. The bound is twice their sum.
    """
    plain = (values * scale.to(values.dtype)).abs().amax(dim=1).double()
    limits = torch.finfo(values.dtype)
    relative = 2 * (limits.eps + torch.finfo(torch.float32).eps)
    return (outputs[0].double() - plain).abs(), relative * plain + limits.smallest_normal


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
