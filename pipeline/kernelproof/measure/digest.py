"""Digests of tensors: one sha256 over all of a case's launches, the same on every machine."""

import hashlib

from torch import Tensor

from kernelproof.measure.comparison import bits_of

_BYTES_AT_ONCE = 2**28


class Digest:
    """A sha256 over the bits of tensors, in C order, with every NaN replaced by the same one."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, tensor: Tensor) -> None:
        """Adds the bits of a tensor on any device, some rows at a time."""
        if not tensor.numel():
            return
        rows = max(1, _BYTES_AT_ONCE // (tensor[0].numel() * tensor.dtype.itemsize))
        for part in tensor.split(rows):
            self._sha256.update(bits_of(part).cpu().numpy().data)

    def hexdigest(self) -> str:
        """Returns 64 hexadecimal digits."""
        return self._sha256.hexdigest()
