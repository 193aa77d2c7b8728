"""Comparator networks: they sort or merge eight keys, a register each, without a branch.

Keys are fp32 or int32, and each lane works on keys of its own. A comparison with a NaN gives two
NaNs, so that a single NaN among fp32 keys makes every key that `sort8` returns a NaN.

A *descending* sequence falls from its first key to its last. A *bitonic* one falls and then rises,
or is such a sequence rotated: three rounds of comparators sort eight bitonic keys, where `sort8`
needs six.
"""

import triton
import triton.language as tl


@triton.jit
def larger(a, b):
    """Returns the larger of two keys, NaN if either is NaN."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def ranked(a, b):
    """Returns the larger and the smaller of two keys: one comparator of a network."""
    return larger(a, b), tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def sort8(keys):
    """Returns eight keys in descending order.

    19 comparators in 6 rounds: the fewest of both that sort eight keys (Knuth, The Art of Computer
    Programming 3, section 5.3.4).
    """
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
    """Returns the largest eight keys of two descending eights, as a bitonic sequence.

    Key i of `a` meets key 7 - i of `b`. Swapping `a` and `b` gives the same keys in reverse order.
    """
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
    """Returns four bitonic keys in descending order: 4 comparators in 2 rounds."""
    a, b, c, d = keys
    a, c = ranked(a, c)
    b, d = ranked(b, d)
    a, b = ranked(a, b)
    c, d = ranked(c, d)
    return a, b, c, d


@triton.jit
def sort_bitonic8(keys):
    """Returns eight bitonic keys in descending order: 12 comparators in 3 rounds."""
    a, b, c, d, e, f, g, h = keys
    a, e = ranked(a, e)
    b, f = ranked(b, f)
    c, g = ranked(c, g)
    d, h = ranked(d, h)
    return sort_bitonic4((a, b, c, d)) + sort_bitonic4((e, f, g, h))


@triton.jit
def merge8(a, b):
    """Returns the largest eight keys of two descending eights, in descending order."""
    return sort_bitonic8(best8(a, b))
