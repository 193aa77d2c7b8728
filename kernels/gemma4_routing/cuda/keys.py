"""Keys of the warp kernels: 32 bits for one expert, or for a quad of four neighbouring experts.

A larger key means a better expert, and no two keys of a row are equal. The low seven bits hold the
*code* ``127 - expert``, so that of equal logits the lower expert wins. The key of a quad is that of
its largest logit with the code of its last expert, ``4 * quad + 3``; the two low bits of that code
are zero.

A 16-bit logit fits into the high half of a word. The word is compared as fp32, which orders the
high half first. The low half of a negative number counts downwards: copies of the sign turn its
bits over, so that the lower expert wins there, too::

    31               16 15           7 6            0
    +------------------+--------------+--------------+    bf16 -1.5 of expert 3:
    | bits of the logit| sign, 9 times| code ^ sign  |    BFC0 | 111111111 | ~(127 - 3), 7 bits
    +------------------+--------------+--------------+

An fp32 logit leaves no bits for a code. Its key is an int32: the distance of the logit below the
largest of its row, in steps between neighbouring fp32 numbers, above the code::

    31                              7 6            0
    +--------------------------------+--------------+    the largest logit has distance 0
    | 2**24 - 1 - distance, signed   | code         |    and the key (2**24 - 1) * 128 + code
    +--------------------------------+--------------+

25 bits hold distances up to 2**25 - 2 exactly, which is four powers of two. A logit that is farther
gets the key of that distance, so that its order is lost: `undecided` finds the rows that choose
such an expert, and these are selected again without keys.
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.network import larger
from gemma4_routing.kernel import ordered

EXPERTS = tl.constexpr(128)
CHOSEN = tl.constexpr(8)
HIGH_HALF = tl.constexpr(-65536)  # the high 16 bits of a word
_CODE_BITS = tl.constexpr(7)
_CODE = tl.constexpr(127)  # of expert 0, and all bits of a code
_QUAD = tl.constexpr(124)  # of quad 0, and all bits of the code of a quad
# The largest exact distance, the field of distance 0, and a step of that field.
_REACH = tl.constexpr(2**25 - 2)
_NEAREST = tl.constexpr(2**24 - 1)
_STEP = tl.constexpr(128)
# Every key of a logit beyond the reach is below this: its distance field is the lowest.
_WITHIN_REACH = tl.constexpr(-(2**31) + 2 * _STEP.value)
# A choice at most 60 below the largest logit has a weight that is a normal number (exp(-60) is
# 8.8e-27), and logits below 1e30 in size have orders so far from the ends of int32 that no key
# overflows.
_FARTHEST = tl.constexpr(-60.0)
_LARGEST = tl.constexpr(1e30)


@triton.jit
def as_fp32(word):
    """Returns the fp32 number of a word's bits."""
    return word.to(tl.float32, bitcast=True)


@triton.jit
def as_word(value):
    """Returns the bits of an fp32 number as an int32."""
    return value.to(tl.int32, bitcast=True)


@triton.jit
def _code(key, MASK: tl.constexpr):
    """Returns the code in an fp32 key, turned back if the key is negative, within `MASK`."""
    bits = as_word(key)
    return (bits ^ (bits >> 31)) & MASK


@triton.jit
def _quad_key16(a, b, code, IS_BF16: tl.constexpr):
    """Returns the fp32 key of a quad, two logits a word, or NaN if any of them is a NaN."""
    both = ptx.halves_without_negative_zero(ptx.larger_halves(a, b, IS_BF16), IS_BF16)
    # Moves either half to the top. The other one stays below the high half, where it cannot decide
    # between logits that differ; the next line replaces it.
    largest = larger(as_fp32(both << 16), as_fp32(both))
    return as_fp32(ptx.high_half_and_sign(as_word(largest)) ^ code)


@triton.jit
def quad_keys16(address, turn, IS_BF16: tl.constexpr):
    """Returns the keys of the eight quads in 64 bytes of shared memory at `address`.

    The four chunks of 16 bytes, two quads each, are read in the order of ``address ^ 16 * i``;
    `turn` is the first expert of the chunk at `address`, and changes with it.
    """
    a, b, c, d = ptx.load_shared4(address, 0)
    e, f, g, h = ptx.load_shared4(address ^ 16, 0)
    i, j, k, l = ptx.load_shared4(address ^ 32, 0)  # noqa: E741
    m, n, o, p = ptx.load_shared4(address ^ 48, 0)
    return (
        _quad_key16(a, b, turn ^ 124, IS_BF16),
        _quad_key16(c, d, turn ^ 120, IS_BF16),
        _quad_key16(e, f, turn ^ 116, IS_BF16),
        _quad_key16(g, h, turn ^ 112, IS_BF16),
        _quad_key16(i, j, turn ^ 108, IS_BF16),
        _quad_key16(k, l, turn ^ 104, IS_BF16),
        _quad_key16(m, n, turn ^ 100, IS_BF16),
        _quad_key16(o, p, turn ^ 96, IS_BF16),
    )


@triton.jit
def _two_keys16(word, code, IS_BF16: tl.constexpr):
    """Returns the keys of a word's logits: the low half, of the code `code` + 1, then the high."""
    word = ptx.halves_without_negative_zero(word, IS_BF16)
    low = as_fp32(ptx.low_half_and_sign(word) ^ (code | 1))
    return low, as_fp32(ptx.high_half_and_sign(word) ^ code)


@triton.jit
def expert_keys16(words, code, IS_BF16: tl.constexpr):
    """Returns the keys of eight logits, two a word, whose codes fall from `code` + 7 to `code`."""
    a, b, c, d = words
    return (
        _two_keys16(a, code | 6, IS_BF16)
        + _two_keys16(b, code | 4, IS_BF16)
        + _two_keys16(c, code | 2, IS_BF16)
        + _two_keys16(d, code, IS_BF16)
    )


@triton.jit
def order_of(word):
    """Returns the order of an fp32 number: an int32 that is larger if the number is.

    -0.0 has the order of +0.0, and every NaN the same order, above +inf.
    """
    return ordered(as_word(as_fp32(word) + 0.0))


@triton.jit
def _quad_order(address):
    """Returns the order of the largest of four fp32 logits, 16 bytes in shared memory."""
    a, b, c, d = ptx.load_shared4(address, 0)
    return order_of(as_word(larger(larger(as_fp32(a), as_fp32(b)), larger(as_fp32(c), as_fp32(d)))))


@triton.jit
def quad_orders(address):
    """Returns the orders of eight quads, 128 bytes in shared memory, chunk by chunk as above."""
    return (
        _quad_order(address),
        _quad_order(address ^ 16),
        _quad_order(address ^ 32),
        _quad_order(address ^ 48),
        _quad_order(address ^ 64),
        _quad_order(address ^ 80),
        _quad_order(address ^ 96),
        _quad_order(address ^ 112),
    )


@triton.jit
def orders8(words):
    """Returns the orders of eight fp32 words."""
    return [order_of(word) for word in words]


@triton.jit
def largest8(orders):
    """Returns the largest of eight orders."""
    a, b, c, d, e, f, g, h = orders
    left = tl.maximum(tl.maximum(a, b), tl.maximum(c, d))
    return tl.maximum(left, tl.maximum(tl.maximum(e, f), tl.maximum(g, h)))


@triton.jit
def _key32(order, top, code):
    """Returns the int32 key of a logit's order, `top` being the largest order of its row."""
    # Both products wrap around, their sum is within int32; its low seven bits are zero.
    near = tl.maximum(order, top - _REACH) * _STEP + (_NEAREST - top) * _STEP
    return near ^ code


@triton.jit
def keys32(orders, top, turn, FIRST: tl.constexpr, STEP: tl.constexpr):
    """Returns the int32 keys of eight orders, `top` being the largest order of their row.

    Their codes fall from `FIRST` by `STEP`; `turn` changes bits of all of them.
    """
    a, b, c, d, e, f, g, h = orders
    return (
        _key32(a, top, turn ^ FIRST),
        _key32(b, top, turn ^ (FIRST - STEP)),
        _key32(c, top, turn ^ (FIRST - 2 * STEP)),
        _key32(d, top, turn ^ (FIRST - 3 * STEP)),
        _key32(e, top, turn ^ (FIRST - 4 * STEP)),
        _key32(f, top, turn ^ (FIRST - 5 * STEP)),
        _key32(g, top, turn ^ (FIRST - 6 * STEP)),
        _key32(h, top, turn ^ (FIRST - 7 * STEP)),
    )


@triton.jit
def experts_of_quad(key, row, top, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """Returns the keys of the four experts of the quad that `key` is of.

    Reads their logits again, from the row at the address `row` of shared memory.
    """
    if IS_WIDE:
        code = key & _QUAD
        a, b, c, d = ptx.load_shared4(row - code * 4, 4 * _QUAD)
        return (
            _key32(order_of(a), top, code | 3),
            _key32(order_of(b), top, code | 2),
            _key32(order_of(c), top, code | 1),
            _key32(order_of(d), top, code),
        )
    else:
        code = _code(key, _QUAD)
        a, b = ptx.load_shared2(row - code * 2, 2 * _QUAD)
        return _two_keys16(a, code | 2, IS_BF16) + _two_keys16(b, code, IS_BF16)


@triton.jit
def logit_and_expert(key, top, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """Returns the fp32 logit and the expert of a key; `top` is the largest order of the row."""
    if IS_WIDE:
        return as_fp32(ordered((key >> _CODE_BITS) + (top - _NEAREST))), (key & _CODE) ^ _CODE
    bits = as_word(key)
    if IS_BF16:
        logit = as_fp32(bits & HIGH_HALF)
    else:
        logit = (bits >> 16).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    return logit, _code(key, _CODE) ^ _CODE


@triton.jit
def undecided(key, logit, largest, IS_WIDE: tl.constexpr):
    """Returns 1 if keys do not decide the row, from its least choice and its largest logit, else 0.

    They do not if a choice is a NaN, an infinity, has a weight that may be no normal number, or
    lies beyond the reach of its key.
    """
    is_decided = (logit - largest >= _FARTHEST) & (tl.abs(largest) < _LARGEST)
    if IS_WIDE:
        is_decided &= key >= _WITHIN_REACH
    return tl.where(is_decided, 0, 1)
