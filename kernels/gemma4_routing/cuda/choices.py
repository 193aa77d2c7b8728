"""A lane's share of a row's eight choices: out of the last keys, or selected again, exactly.

Lane ``part * ROWS + place`` has part `part` of row `place`: EACH of its eight choices, in order.
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.keys import EXPERTS, as_fp32, logit_and_expert, undecided
from gemma4_routing.cuda.network import best8, larger, sort_bitonic4
from gemma4_routing.kernel import ordered

_LOWEST = tl.constexpr(-(2**31))


@triton.jit
def of_lane_xor(keys, MASK: tl.constexpr):
    """The eight keys of the lane that differs in the bits of `MASK`."""
    return [ptx.from_lane_xor(key, MASK) for key in keys]


@triton.jit
def _chosen_keys(best, lane, part, EACH: tl.constexpr, IS_WIDE: tl.constexpr):
    """This lane's keys of the row's best eight, which its lanes below and above 16 hold half of.

    Of the last merge the lower lanes need the best four, the upper ones the other four: keys times
    -1 make a maximum a minimum, so that each lane sorts four and not eight.
    """
    sign = tl.where(lane < 16, 1, -1) if IS_WIDE else tl.where(lane < 16, 1.0, -1.0)
    a, b, c, d, e, f, g, h = [key * sign for key in best8(best, of_lane_xor(best, 16))]
    half = larger(a, e), larger(b, f), larger(c, g), larger(d, h)
    a, b, c, d = sort_bitonic4([key * sign for key in half])
    is_odd = (part & 1) != 0
    if EACH == 4:
        return a, b, c, d
    elif EACH == 2:
        return tl.where(is_odd, c, a), tl.where(is_odd, d, b)
    else:
        first, second = tl.where(is_odd, b, a), tl.where(is_odd, d, c)
        return (tl.where((part & 2) != 0, second, first),)


@triton.jit
def decoded(
    best, top, lane, part, place, EACH: tl.constexpr, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr
):
    """The row's largest logit, this lane's logits and experts; and 1 where keys do not decide."""
    keys = _chosen_keys(best, lane, part, EACH, IS_WIDE)
    logits = [logit_and_expert(key, top, IS_WIDE, IS_BF16)[0] for key in keys]
    experts = [logit_and_expert(key, top, IS_WIDE, IS_BF16)[1] for key in keys]
    largest = as_fp32(ordered(top)) if IS_WIDE else ptx.from_lane(logits[0], place)
    rest = undecided(keys[-1], logits[-1], largest, IS_WIDE)
    return (largest, logits, experts), rest


@triton.jit
def _either(a, b):
    return a | b


@triton.jit
def rows_with(flag, place):
    """The rows of which a lane has the flag 1: bit n for row n."""
    return tl.reduce(flag << place, 0, _either)


@triton.jit
def select_row(orders, lane, part, is_row, chosen, EACH: tl.constexpr):
    """The choices of one row, exactly: eight rounds of a maximum over the whole warp.

    `orders` are of four experts a lane, in their order. `chosen` is the largest logit, the logits
    and the experts; its lanes of this row are replaced.
    """
    a, b, c, d = orders
    largest, logits, experts = chosen
    for k in tl.static_range(8):
        best = tl.max(tl.maximum(tl.maximum(a, b), tl.maximum(c, d)), axis=0)
        third = tl.where(c == best, 2, tl.where(d == best, 3, EXPERTS))
        first = tl.where(a == best, 0, tl.where(b == best, 1, third))
        expert = tl.min(lane * 4 + first, axis=0)
        taken = expert - lane * 4
        a = tl.where(taken == 0, _LOWEST, a)
        b = tl.where(taken == 1, _LOWEST, b)
        c = tl.where(taken == 2, _LOWEST, c)
        d = tl.where(taken == 3, _LOWEST, d)
        logit = as_fp32(ordered(best))
        if k == 0:
            largest = tl.where(is_row, logit, largest)
        mine = is_row & (part == k // EACH)
        # Each choice in turn is the first, and goes to the end.
        logits = logits[1:] + (tl.where(mine, logit, logits[0]),)
        experts = experts[1:] + (tl.where(mine, expert, experts[0]),)
    return largest, logits, experts
