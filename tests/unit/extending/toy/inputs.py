"""Inputs of `toy`: hashes of (seed, row, column), the same bits on every machine."""

import torch
from torch import Tensor

from kernelproof.spec import InputRows, Inputs

DISTRIBUTIONS = ("mixed_signs", "all_negative", "zeros")


def toy_inputs(rows: InputRows) -> Inputs:
    """Values ``[count, N]`` of magnitudes up to 64, and scales ``[N]`` fp32 in ``[1/2, 1)``."""
    index = torch.arange(rows.first, rows.first + rows.count, device=rows.device)[:, None]
    column = torch.arange(rows.shape["N"], device=rows.device)[None, :]
    words = _hashed(rows.seed, index * rows.shape["N"] + column)
    distribution = index % len(DISTRIBUTIONS)
    words = torch.where(distribution == 1, -words.abs(), words)
    words = torch.where(distribution == len(DISTRIBUTIONS) - 1, 0, words)
    scale = (_hashed(~rows.seed, column)[0] & (2**23 - 1)) | 2**23
    return {
        "values": (words.double() / 2**33).to(rows.dtype),
        "scale": (scale.double() / 2**24).to(torch.float32),
    }


def _hashed(seed: int, index: Tensor) -> Tensor:
    """Signed words of 40 bits from int64 counters; fp64 holds them exactly."""
    words = (index + (seed & (2**62 - 1))) * 0x2545F4914F6CDD1D
    words = (words ^ (words >> 31)) * 0x1B873593CC9E2D51
    return ((words >> 23) & (2**40 - 1)) - 2**39


def explain_row(inputs: Inputs, row: int) -> str:
    """The product of one row that is the largest by magnitude: ``v3=-1.5 * 0.75``."""
    values, scale = inputs["values"][row].double(), inputs["scale"].double()
    place = int((values * scale).abs().argmax())
    return f"v{place}={values[place].item():.9g} * {scale[place].item():.9g}"
