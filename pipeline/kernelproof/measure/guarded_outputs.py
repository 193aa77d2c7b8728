"""Output buffers that reveal missing and stray stores: poisoned, between guard zones."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kernelproof.measure.comparison import Mismatch
from kernelproof.spec import Output

_ZONE = 4096  # bytes on either side, a multiple of every vector width
_POISON = 0xA5  # as fp32 -2.87e-16, as int32 -1515870811: no weight, no id


class GuardedOutputs:
    """Contiguous tensors for a kernel's outputs, each inside a poisoned buffer of its own."""

    def __init__(
        self, outputs: Sequence[Output], shape: Mapping[str, int], device: torch.device
    ) -> None:
        """Allocates the outputs on `device`; `shape` has the size of each axis."""
        self.outputs = outputs
        self.buffers: list[Tensor] = []
        tensors: list[Tensor] = []
        for output in outputs:
            sizes = [shape[axis] for axis in output.axes]
            length = torch.Size(sizes).numel() * output.dtype.itemsize
            buffer = torch.full((length + 2 * _ZONE,), _POISON, dtype=torch.uint8, device=device)
            self.buffers.append(buffer)
            inside = buffer[_ZONE : _ZONE + length]
            tensors.append(inside.view(output.dtype).view(sizes))
        self.tensors = tuple(tensors)

    def check(self) -> None:
        """Raises Mismatch if a guard zone was written to, or a row of all outputs was not."""
        for output, buffer in zip(self.outputs, self.buffers, strict=True):
            for side, zone in (("before", buffer[:_ZONE]), ("after", buffer[-_ZONE:])):
                stray = (zone != _POISON).nonzero()[:, 0]
                if len(stray):
                    place = stray[-1].item() - _ZONE if side == "before" else stray[0].item()
                    message = (
                        f"guard: {output.name}: found {len(stray)} bytes written {side} the "
                        f"output, the nearest at {place:+} from its edge; expected none"
                    )
                    raise Mismatch(message)
        self._check_rows()

    def _check_rows(self) -> None:
        """Raises Mismatch if a row is poison in all outputs.

        A single value may be equal to the poison by chance, a whole row is not.
        """
        untouched: Tensor | None = None
        for output, tensor, buffer in zip(self.outputs, self.tensors, self.buffers, strict=True):
            if output.axes[0] != "T" or not tensor.numel():
                continue
            inside = buffer[_ZONE:-_ZONE].view(len(tensor), -1)
            poisoned = (inside == _POISON).all(dim=1)
            untouched = poisoned if untouched is None else untouched & poisoned
        if untouched is not None and untouched.any():
            rows = untouched.nonzero()[:, 0]
            message = (
                f"guard: found {len(rows):,} of {len(untouched):,} rows that no store reached, "
                f"the first is row {rows[0].item():,}; expected none"
            )
            raise Mismatch(message)
