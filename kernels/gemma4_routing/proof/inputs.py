"""Inputs of `gemma4_routing`: the same bits on every machine, device and torch version.

The generator is counter-based: each value is a hash of (seed, row, expert), computed by integer
operations only, and read as floating-point bits at the end. Row r has the distribution r modulo the
number of distributions, which is a prime, so that every place in a tile meets every distribution.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gemma4_routing.reference import ranked
from kernelproof.spec import InputRows, Inputs


class _Format(NamedTuple):
    """The bits of a floating-point dtype: a sign, an exponent, a mantissa; as wide as `integer`."""

    exponent_bits: int
    mantissa_bits: int
    integer: torch.dtype

    @property
    def sign(self) -> int:
        """The sign bit as an int32."""
        width = 1 + self.exponent_bits + self.mantissa_bits
        return -(2**31) if width == 32 else 1 << (width - 1)  # noqa: PLR2004

    @property
    def infinity(self) -> int:
        """The bits of +inf: all of the exponent."""
        return ((1 << self.exponent_bits) - 1) << self.mantissa_bits

    @property
    def mantissa(self) -> int:
        """All bits of the mantissa."""
        return (1 << self.mantissa_bits) - 1

    def biased(self, exponent: int) -> int:
        """Returns the bits of ``2**exponent``, without a sign."""
        return (exponent + (1 << (self.exponent_bits - 1)) - 1) << self.mantissa_bits


_FORMATS = {
    torch.float32: _Format(exponent_bits=8, mantissa_bits=23, integer=torch.int32),
    torch.float16: _Format(exponent_bits=5, mantissa_bits=10, integer=torch.int16),
    torch.bfloat16: _Format(exponent_bits=8, mantissa_bits=7, integer=torch.int16),
}

# How many of 256 magnitudes of a normal distribution with deviation 2 reach 4, 2, 1, 1/2, ...
_REACHED = (12, 82, 159, 207, 232, 244, 250, 253)


@dataclass(frozen=True, kw_only=True)
class _RandomRows:
    """Random words for some rows of one distribution, as many as the rows have values."""

    format: _Format
    words: Tensor  # [N, E] int32, random
    row_words: Tensor  # [N, 1] int32, random
    experts: Tensor  # [1, E] int32, 0 to E - 1

    def normal(self, words: Tensor) -> Tensor:
        """Returns the bits of a normal-like value with a deviation of about 2 for each word."""
        f = self.format
        exponent = torch.full_like(words, f.biased(2))
        for reached in _REACHED:
            exponent -= ((words & 0xFF) >= reached).to(torch.int32) << f.mantissa_bits
        return (_bit(words, 31) * f.sign) | exponent | ((words >> 8) & f.mantissa)

    def random_expert(self) -> Tensor:
        """Returns ``[N, E]``, true at one random expert a row."""
        return self.experts == ((self.row_words >> 8) & 0xFFFF) % self.experts.shape[1]

    def ordered(self) -> Tensor:
        """Returns bits of normal-like values, each row in ascending order of its values."""
        bits = self.normal(self.words).to(self.format.integer).to(torch.int32)  # sign-extended
        magnitude = self.format.infinity | self.format.mantissa
        flipped = torch.sort(bits ^ ((bits >> 31) & magnitude), dim=1).values
        return flipped ^ ((flipped >> 31) & magnitude)


def _bit(words: Tensor, place: int) -> Tensor:
    """Returns one bit of each word, 0 or 1."""
    return (words >> place) & 1


def _any_bits(rows: _RandomRows) -> Tensor:
    """Returns any finite values of the dtype; those of the largest binade twice as often."""
    infinity = rows.format.infinity
    is_finite = (rows.words & infinity) != infinity
    return torch.where(is_finite, rows.words, rows.words ^ (infinity & -infinity))


def _few_values(rows: _RandomRows) -> Tensor:
    """Returns at most four different values a row."""
    return rows.normal(_mixed(rows.row_words + (rows.words & 3)))


def _signed_zeros(rows: _RandomRows) -> Tensor:
    """Returns zeros of both signs and negative values, so that zeros are chosen."""
    is_zero = (rows.words & 3) != 0
    zeros = _bit(rows.words, 2) * rows.format.sign
    return torch.where(is_zero, zeros, rows.normal(rows.words >> 3) | rows.format.sign)


def _one_nan(rows: _RandomRows) -> Tensor:
    """Returns one NaN a row, of either sign, quiet or signalling, with any payload."""
    f = rows.format
    nan = (_bit(rows.row_words, 2) * f.sign) | f.infinity | (rows.words & f.mantissa) | 1
    return torch.where(rows.random_expert(), nan, rows.normal(rows.words))


def _one_inf(rows: _RandomRows) -> Tensor:
    """Returns one +inf a row."""
    return torch.where(rows.random_expert(), rows.format.infinity, rows.normal(rows.words))


def _some_minus_inf(rows: _RandomRows) -> Tensor:
    """Returns rows of which a quarter is -inf."""
    minus_inf = rows.format.infinity | rows.format.sign
    return torch.where((rows.words & 3) == 0, minus_inf, rows.normal(rows.words >> 2))


def _mostly_minus_inf(rows: _RandomRows) -> Tensor:
    """Returns rows of -inf with about three other values, fewer than are chosen."""
    minus_inf = rows.format.infinity | rows.format.sign
    is_other = (rows.words & 0xFFFF) * rows.experts.shape[1] < 3 * 0x10000
    return torch.where(is_other, rows.normal(_mixed(rows.words)), minus_inf)


def _all_minus_inf(rows: _RandomRows) -> Tensor:
    """Returns rows of -inf alone."""
    return torch.full_like(rows.words, rows.format.infinity | rows.format.sign)


def _at_exponent(rows: _RandomRows, exponent: int) -> Tensor:
    """Returns values of either sign whose exponent has these bits."""
    f = rows.format
    return (_bit(rows.words, 31) * f.sign) | exponent | (rows.words & f.mantissa)


def _neighbours(rows: _RandomRows) -> Tensor:
    """Returns rows of values at most seven units in the last place apart."""
    return rows.normal(rows.row_words) + (rows.words & 7)


def _boundary_ties(rows: _RandomRows) -> Tensor:
    """Returns a few values ahead of equal ones, so that the tie is at the last place chosen."""
    is_ahead = (rows.words & 31) == 0
    ahead = rows.normal(rows.words) & ~rows.format.sign
    return torch.where(is_ahead, ahead, rows.normal(rows.row_words) | rows.format.sign)


def _far_ahead(rows: _RandomRows) -> Tensor:
    """Returns a value of 64 to 128 and small ones, whose weights are tiny, denormal or zero."""
    f = rows.format
    ahead = f.biased(6) | (rows.words & f.mantissa)
    return torch.where(rows.random_expert(), ahead, rows.normal(rows.words))


_DISTRIBUTIONS: dict[str, Callable[[_RandomRows], Tensor]] = {
    "normal": lambda rows: rows.normal(rows.words),
    "any_bits": _any_bits,
    "few_values": _few_values,
    "all_equal": lambda rows: rows.normal(rows.row_words).expand_as(rows.words),
    "signed_zeros": _signed_zeros,
    "one_nan": _one_nan,
    "one_inf": _one_inf,
    "some_minus_inf": _some_minus_inf,
    "mostly_minus_inf": _mostly_minus_inf,
    "all_minus_inf": _all_minus_inf,
    "about_3e4": lambda rows: _at_exponent(rows, rows.format.biased(14)),
    "near_maximum": lambda rows: _at_exponent(
        rows, rows.format.infinity - (1 << rows.format.mantissa_bits)
    ),
    "denormals": lambda rows: _at_exponent(rows, 0),
    "neighbours": _neighbours,
    "all_negative": lambda rows: rows.normal(rows.words) | rows.format.sign,
    "ascending": lambda rows: rows.ordered(),
    "descending": lambda rows: rows.ordered().flip(1),
    "boundary_ties": _boundary_ties,
    "far_ahead": _far_ahead,
}

DISTRIBUTIONS = tuple(_DISTRIBUTIONS)


def gemma4_routing_inputs(rows: InputRows) -> Inputs:
    """Returns logits ``[T, E]``, the number of chosen experts, and scales ``[E]`` fp32."""
    num_experts, count = rows.shape["E"], len(DISTRIBUTIONS)
    form = _FORMATS[rows.dtype]
    experts = torch.arange(num_experts, dtype=torch.int32, device=rows.device)[None, :]
    expert_words = _mixed(experts * 0x3C6EF35F + 1)
    bits = torch.empty((rows.count, num_experts), dtype=form.integer, device=rows.device)
    for start in range(min(count, rows.count)):
        index = torch.arange(start, rows.count, count, device=rows.device) + rows.first
        row_words = _row_words(rows.seed, index)
        words = _mixed(row_words ^ expert_words)
        material = _RandomRows(format=form, words=words, row_words=row_words, experts=experts)
        make = _DISTRIBUTIONS[DISTRIBUTIONS[(rows.first + start) % count]]
        bits[start::count] = make(material).to(form.integer)
    return {
        "gating_output": bits.view(rows.dtype),
        "topk": rows.shape["K"],
        "per_expert_scale": _scale(rows.seed, expert_words),
    }


def _scale(seed: int, expert_words: Tensor) -> Tensor:
    """Returns scales from 1/4 to 4; of an expert in 16 negative, of one in 32 zero."""
    words = _mixed(expert_words + (seed & 0x7FFFFFFF))[0]
    form = _FORMATS[torch.float32]
    exponent = form.biased(-2) + (((words >> 23) & 3) << form.mantissa_bits)
    sign = ((words & 15) == 1).to(torch.int32) * form.sign
    bits = sign | exponent | ((words >> 5) & form.mantissa)
    return torch.where((words & 31) == 2, 0, bits).view(torch.float32)  # noqa: PLR2004


def _row_words(seed: int, index: Tensor) -> Tensor:
    """Returns a random int32 a row, ``[N, 1]``, from the 64-bit counter ``seed + index``.

    By SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    """
    x = (index + 1) * _signed(0x9E3779B97F4A7C15) + _signed(seed)
    x = (x ^ ((x >> 30) & (2**34 - 1))) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ ((x >> 27) & (2**37 - 1))) * _signed(0x94D049BB133111EB)
    return (x ^ ((x >> 31) & (2**33 - 1))).to(torch.int32)[:, None]


def _signed(word: int) -> int:
    """Returns the int64 with the bits of a 64-bit word."""
    return (word & (2**64 - 1)) - ((word & (1 << 63)) << 1)


def _mixed(words: Tensor) -> Tensor:
    """Returns a hash of each int32, by the finalizer of MurmurHash3 (Appleby, 2011)."""
    words = (words ^ ((words >> 16) & 0xFFFF)) * -2048144789
    words = (words ^ ((words >> 13) & 0x7FFFF)) * -1028477387
    return words ^ ((words >> 16) & 0xFFFF)


def explain_row(inputs: Inputs, row: int) -> str:
    """Returns a row's best logits in order, with a bar after the chosen: ``e17=3.5 | e9=3.25``."""
    topk, logits = inputs["topk"], inputs["gating_output"][row : row + 1].to(torch.float32)
    values, experts = (column[0, : topk + 2].tolist() for column in ranked(logits))
    named = [f"e{e}={v:.9g}" for e, v in zip(experts, values, strict=True)]
    return " ".join([*named[:topk], "|", *named[topk:]])
