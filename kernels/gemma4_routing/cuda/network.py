"""Comparator networks: eight keys, a register each, sorted or merged without a branch.

Keys are fp32 or int32; every lane works on its own. A NaN among fp32 keys makes each key that it
is compared with a NaN, and so all that come out of `sort8`.
"""

import triton
import triton.language as tl


@triton.jit
def larger(a, b):
    """The larger of two keys; NaN where one is."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def ranked(a, b):
    """A comparator: the larger key, then the smaller."""
    return larger(a, b), tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def sort8(keys):
    """Eight keys, descending: 19 comparators, 6 deep, the fewest there can be."""
    a, b, c, d, e, f, g, h = keys
    a, c = ranked(a, c)
    b, d = ranked(b, d)
    e, g = ranked(e, g)
    f, h = ranked(f, h)
    a, e = ranked(a, e)
    b, f = ranked(b, f)
    c, g = ranked(c, g)
    d, h = ranked(d, h)
    a, b = ranked(a, b)
    c, d = ranked(c, d)
    e, f = ranked(e, f)
    g, h = ranked(g, h)
    c, e = ranked(c, e)
    d, f = ranked(d, f)
    b, e = ranked(b, e)
    d, g = ranked(d, g)
    b, c = ranked(b, c)
    d, e = ranked(d, e)
    f, g = ranked(f, g)
    return a, b, c, d, e, f, g, h


@triton.jit
def best8(a, b):
    """The best eight of two descending eights, bitonic: they fall, then rise."""
    return (
        larger(a[0], b[7]),
        larger(a[1], b[6]),
        larger(a[2], b[5]),
        larger(a[3], b[4]),
        larger(a[4], b[3]),
        larger(a[5], b[2]),
        larger(a[6], b[1]),
        larger(a[7], b[0]),
    )


@triton.jit
def sort_bitonic4(keys):
    """Four bitonic keys, descending."""
    a, b, c, d = keys
    a, c = ranked(a, c)
    b, d = ranked(b, d)
    a, b = ranked(a, b)
    c, d = ranked(c, d)
    return a, b, c, d


@triton.jit
def sort_bitonic8(keys):
    """Eight bitonic keys, descending."""
    a, b, c, d, e, f, g, h = keys
    a, e = ranked(a, e)
    b, f = ranked(b, f)
    c, g = ranked(c, g)
    d, h = ranked(d, h)
    return sort_bitonic4((a, b, c, d)) + sort_bitonic4((e, f, g, h))


@triton.jit
def merge8(a, b):
    """The best eight of two descending eights, descending."""
    return sort_bitonic8(best8(a, b))
