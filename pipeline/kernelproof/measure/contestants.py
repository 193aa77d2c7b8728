"""Who takes part at a shape: the kernel, its floors, its peers, and the inputs they are given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from kernelproof.spec import InputRows, Inputs, Outputs, Spec

_SEED = 7
_MOST_ROWS = 32768  # different ones; a longer input has them again

Launch = Callable[..., Outputs]


@dataclass(frozen=True, kw_only=True)
class TensorSet:
    """Inputs of a launch and the outputs it writes."""

    inputs: Inputs
    out: Outputs

    @property
    def bytes(self) -> int:
        """What it holds in memory."""
        tensors = [*self.inputs.values(), *self.out]
        return sum(one.nbytes for one in tensors if isinstance(one, torch.Tensor))

    def copy(self) -> "TensorSet":
        """The same inputs at another place, with outputs of their own."""
        inputs = {
            name: value.clone() if isinstance(value, torch.Tensor) else value
            for name, value in self.inputs.items()
        }
        return TensorSet(inputs=inputs, out=tuple(torch.empty_like(one) for one in self.out))


def first_set(
    spec: Spec, dtype: torch.dtype, shape: Mapping[str, int], device: torch.device
) -> TensorSet:
    """Ordinary inputs of a shape, those of the first distribution, and outputs for them."""
    step, count = len(spec.distributions), shape["T"]
    rows = InputRows(
        seed=_SEED,
        shape=shape,
        dtype=dtype,
        device=device,
        first=0,
        count=min(count, _MOST_ROWS) * step,
    )
    inputs = dict(spec.make_inputs(rows))
    for name in spec.per_token:
        ordinary = inputs[name][::step]
        again = torch.arange(count, device=device) % len(ordinary)
        inputs[name] = ordinary[again]
    out = tuple(
        torch.empty([shape[axis] for axis in one.axes], dtype=one.dtype, device=device)
        for one in spec.outputs
    )
    return TensorSet(inputs=inputs, out=out)
