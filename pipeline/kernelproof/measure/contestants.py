"""The inputs and outputs that the kernel, its floors and its peers are timed with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from kernelproof.spec import InputRows, Inputs, Outputs, Spec

_SEED = 7
# A longer input repeats its rows: more different ones take long to make, and time the same.
_MOST_ROWS = 32768

Launch = Callable[..., Outputs]


@dataclass(frozen=True, kw_only=True)
class TensorSet:
    """The inputs of a launch and the outputs that it writes."""

    inputs: Inputs
    out: Outputs

    @property
    def bytes(self) -> int:
        """Returns the memory of its tensors in bytes."""
        tensors = [*self.inputs.values(), *self.out]
        return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, torch.Tensor))

    def copy(self) -> "TensorSet":
        """Returns the same inputs at another place, with outputs of their own."""
        inputs = {
            name: value.clone() if isinstance(value, torch.Tensor) else value
            for name, value in self.inputs.items()
        }
        return TensorSet(inputs=inputs, out=tuple(torch.empty_like(output) for output in self.out))


def first_set(
    spec: Spec, dtype: torch.dtype, shape: Mapping[str, int], device: torch.device
) -> TensorSet:
    """Returns ordinary inputs of a shape and outputs for them.

    Ordinary rows are those of the spec's first distribution.
    """
    # The rows of all distributions are interleaved: every `step`-th is of the first.
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
        places = torch.arange(count, device=device) % len(ordinary)
        inputs[name] = ordinary[places]
    out = tuple(
        torch.empty([shape[axis] for axis in output.axes], dtype=output.dtype, device=device)
        for output in spec.outputs
    )
    return TensorSet(inputs=inputs, out=out)
