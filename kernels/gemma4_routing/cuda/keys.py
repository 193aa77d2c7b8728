"""What the warp kernels compare: one 32-bit key an expert, or a quad of four experts.

A larger key is a better expert, and no two are equal: the low 7 bits hold ``127 - expert``, of a
quad that of its last expert. 16-bit logits are kept whole, as fp32 whose low half is the code;
copies of the sign turn it over, so that among equal negative logits, too, the lower expert wins.
fp32 logits have no bits to spare: the key is an int32, the distance below the row's largest logit
in steps of fp32, exact within 2**25 - 2 of them, four powers of two; what is farther is level,
and a row that chooses such an expert is not decided by keys (`undecided`).

::

    16-bit logits, compared as fp32                 fp32 logits, compared as int32
    31              16 15         7 6        0      31                       7 6            0
    +-----------------+------------+----------+     +-------------------------+--------------+
    | the logit's bits| sign copies| code^sign|     | 2**24 - 1 - distance    | 127 - expert |
    +-----------------+------------+----------+     +-------------------------+--------------+
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.network import larger
from gemma4_routing.kernel import ordered

EXPERTS = tl.constexpr(128)
_CODE = tl.constexpr(127)
_QUAD = tl.constexpr(124)
_REACH = tl.constexpr(2**25 - 2)
_NEAREST = tl.constexpr(2**24 - 1)
# The keys of what is farther than the reach are below this.
_WITHIN_REACH = tl.constexpr(-(2**31) + 2 * 128)
# Where every weight is a normal number, and no order but those of NaN is near an end of int32.
_FARTHEST = tl.constexpr(-60.0)
_LARGEST = tl.constexpr(1e30)


@triton.jit
def as_fp32(word):
    """A word's bits as fp32."""
    return word.to(tl.float32, bitcast=True)


@triton.jit
def as_word(value):
    """fp32 as its bits."""
    return value.to(tl.int32, bitcast=True)


@triton.jit
def _code(key, MASK: tl.constexpr):
    """The code in an fp32 key, its sign copies turned back."""
    bits = as_word(key)
    return (bits ^ (bits >> 31)) & MASK


@triton.jit
def _quad_key16(a, b, code, IS_BF16: tl.constexpr):
    """The key of four logits, two a word; of the quad's largest, NaN where one is."""
    both = ptx.halves_without_negative_zero(ptx.larger_halves(a, b, IS_BF16), IS_BF16)
    # The low half stays below a high half, where it can not decide between unequal ones.
    largest = larger(as_fp32(both << 16), as_fp32(both))
    return as_fp32(ptx.high_half_and_sign(as_word(largest)) ^ code)


@triton.jit
def quad_keys16(address, turn, IS_BF16: tl.constexpr):
    """The keys of eight quads: 64 bytes in shared memory, read in the order that `turn` gives."""
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
    """The keys of the two logits of a word, of which the first has `code` and one more."""
    word = ptx.halves_without_negative_zero(word, IS_BF16)
    low = as_fp32(ptx.low_half_and_sign(word) ^ (code | 1))
    return low, as_fp32(ptx.high_half_and_sign(word) ^ code)


@triton.jit
def expert_keys16(words, code, IS_BF16: tl.constexpr):
    """The keys of eight logits, two a word, of which the last has `code`."""
    a, b, c, d = words
    return (
        _two_keys16(a, code | 6, IS_BF16)
        + _two_keys16(b, code | 4, IS_BF16)
        + _two_keys16(c, code | 2, IS_BF16)
        + _two_keys16(d, code, IS_BF16)
    )


@triton.jit
def order_of(word):
    """fp32 bits as an int32 that orders as the value does: -0.0 as +0.0, every NaN as one, last."""
    return ordered(as_word(as_fp32(word) + 0.0))


@triton.jit
def _quad_order(address):
    a, b, c, d = ptx.load_shared4(address, 0)
    return order_of(as_word(larger(larger(as_fp32(a), as_fp32(b)), larger(as_fp32(c), as_fp32(d)))))


@triton.jit
def quad_orders(address):
    """The orders of the largest logits of eight quads: 128 bytes in shared memory."""
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
    """The orders of eight words."""
    return [order_of(word) for word in words]


@triton.jit
def largest8(orders):
    """The largest of eight orders."""
    a, b, c, d, e, f, g, h = orders
    left = tl.maximum(tl.maximum(a, b), tl.maximum(c, d))
    return tl.maximum(left, tl.maximum(tl.maximum(e, f), tl.maximum(g, h)))


@triton.jit
def _key32(order, top, code):
    near = tl.maximum(order, top - _REACH) * 128 + (_NEAREST - top) * 128
    return near ^ code


@triton.jit
def keys32(orders, top, turn, FIRST: tl.constexpr, STEP: tl.constexpr):
    """The keys of eight orders, `top` the row's largest; codes fall from `FIRST`, by `STEP`."""
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
    """The keys of a quad's four experts, whose logits are in the row at this address."""
    if IS_WIDE:
        code = key & _QUAD
        a, b, c, d = ptx.load_shared4(row - code * 4, 496)
        return (
            _key32(order_of(a), top, code | 3),
            _key32(order_of(b), top, code | 2),
            _key32(order_of(c), top, code | 1),
            _key32(order_of(d), top, code),
        )
    else:
        code = _code(key, _QUAD)
        a, b = ptx.load_shared2(row - code * 2, 248)
        return _two_keys16(a, code | 2, IS_BF16) + _two_keys16(b, code, IS_BF16)


@triton.jit
def logit_and_expert(key, top, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """The fp32 logit and the expert in a key; `top` is the order of the row's largest logit."""
    if IS_WIDE:
        return as_fp32(ordered((key >> 7) + (top - _NEAREST))), (key & _CODE) ^ _CODE
    bits = as_word(key)
    if IS_BF16:
        logit = as_fp32(bits & -65536)
    else:
        logit = (bits >> 16).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    return logit, _code(key, _CODE) ^ _CODE


@triton.jit
def undecided(key, logit, largest, IS_WIDE: tl.constexpr):
    """1 where the least of the chosen, or the largest logit, is none that keys can decide on, or 0.

    A NaN, an infinity, a weight that is no normal number, a choice beyond the reach of its key.
    """
    is_decided = (logit - largest >= _FARTHEST) & (tl.abs(largest) < _LARGEST)
    if IS_WIDE:
        is_decided &= key >= _WITHIN_REACH
    return tl.where(is_decided, 0, 1)
