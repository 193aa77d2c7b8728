"""What `toy` means: the bits in fp32, the truth in fp64, and the plain formulation."""

import torch
from torch import Tensor


def toy_reference(values: Tensor, scale: Tensor) -> tuple[Tensor]:
    """The bits that the kernel must give, ``[T]`` fp32: each product is rounded once."""
    return ((values.to(torch.float32) * scale).abs().amax(dim=1),)


def toy_oracle(values: Tensor, scale: Tensor) -> tuple[Tensor]:
    """The truth, ``[T]`` fp64."""
    return ((values.double() * scale.double()).abs().amax(dim=1),)


def toy_agreement(
    values: Tensor, scale: Tensor, *, outputs: tuple[Tensor, ...]
) -> tuple[Tensor, Tensor]:
    """Distance ``[T]`` of `outputs` from the same in the input's dtype, and its bound.

    There the scale and the product round by half an epsilon each; here the value, where it is
    fp64, and the product by half an epsilon of fp32. Twice that covers what they are relative to.
    """
    plain = (values * scale.to(values.dtype)).abs().amax(dim=1).double()
    limits = torch.finfo(values.dtype)
    relative = 2 * (limits.eps + torch.finfo(torch.float32).eps)
    return (outputs[0].double() - plain).abs(), relative * plain + limits.smallest_normal
