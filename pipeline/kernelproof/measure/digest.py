"""Digests: one sha256 over everything that a case's launches gave, the same on every machine."""

import hashlib

from torch import Tensor

from kernelproof.measure.comparison import bits_of

_BYTES_AT_ONCE = 2**28


class Digest:
    """A sha256 fed with tensors: their bits in C order, every NaN as the same one."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._sha256 = hashlib.sha256()

    def add(self, tensor: Tensor) -> None:
        """Adds the bits of a tensor, from whichever device, some rows at a time."""
        if not tensor.numel():
            return
        rows = max(1, _BYTES_AT_ONCE // (tensor[0].numel() * tensor.dtype.itemsize))
        for part in tensor.split(rows):
            self._sha256.update(bits_of(part).cpu().numpy().data)

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        return self._sha256.hexdigest()
