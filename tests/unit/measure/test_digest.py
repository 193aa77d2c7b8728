"""Digests: the same bits have one sha256, wherever they lie and however they are split."""

import hashlib

import pytest
import torch
from torch import Tensor

from kernelproof.measure import digest
from kernelproof.measure.digest import Digest
from tests.unit.measure.device import DEVICE

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64)


def digest_of(*tensors: Tensor) -> str:
    """Returns the digest of tensors, one after the other."""
    total = Digest()
    for tensor in tensors:
        total.add(tensor)
    return total.hexdigest()


def values(dtype: torch.dtype = torch.float32) -> Tensor:
    """Returns 60 values in rows of 6."""
    return torch.arange(-30, 30, device=DEVICE).reshape(10, 6).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_digest_is_the_sha256_of_the_bits_in_order(dtype: torch.dtype) -> None:
    """Bits are little-endian, row by row; no tensor has the sha256 of nothing."""
    integer = {2: torch.int16, 4: torch.int32, 8: torch.int64}[dtype.itemsize]
    content = values(dtype).cpu().view(integer).numpy().tobytes()
    assert digest_of(values(dtype)) == hashlib.sha256(content).hexdigest()
    assert digest_of() == digest_of(values(dtype)[:0]) == hashlib.sha256(b"").hexdigest()


def test_how_rows_are_split_and_read_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tensors, views with other strides and other numbers of bytes give one digest."""
    tensor = values()
    expected = digest_of(tensor)
    assert digest_of(tensor.T.contiguous().T) == expected
    for rows in (1, 3, 10):
        assert digest_of(*tensor.split(rows)) == expected
        assert digest_of(tensor.repeat_interleave(rows, dim=1)[:, ::rows]) == expected
    for size in (1, 24, 50, 10_000):  # less than a row, a row, two, all
        monkeypatch.setattr(digest, "_BYTES_AT_ONCE", size)
        assert digest_of(tensor) == expected


def test_every_nan_is_the_same() -> None:
    """The sign and the payload of a NaN are not digested, its place is."""
    patterns = torch.tensor([0x7FC00000, 0x7F800001, -1, -(2**22) | 5], dtype=torch.int32)
    nans = patterns.to(DEVICE).view(torch.float32)
    assert len({digest_of(nan) for nan in nans.split(1)}) == 1
    here, there = values(), values()
    here[3, 4], there[4, 3] = nans[1], nans[1]
    assert len({digest_of(values()), digest_of(here), digest_of(there)}) == 3


def test_one_bit_or_another_order_makes_another_digest() -> None:
    """Any bit of any value, the sign of a zero, too; the digest can be read between tensors."""
    for place in (0, 31, 59):
        for bit in (0, 1, 22, 23, 31):
            changed = values().view(torch.int32).flatten()
            changed[place] ^= -(2**31) if bit == 31 else 1 << bit
            assert digest_of(changed.view(torch.float32)) != digest_of(values()), (place, bit)
    zeros = torch.zeros(2, device=DEVICE)
    assert digest_of(zeros) != digest_of(-zeros)
    weights, ids = values(), values(torch.int32)
    assert digest_of(weights, ids) != digest_of(ids, weights)
    total = Digest()
    total.add(weights)
    assert total.hexdigest() == digest_of(weights)
    total.add(ids)
    assert total.hexdigest() == digest_of(weights, ids)
