"""The choices of a row, shared out over its lanes: from keys, or selected again without keys.

A warp has ROWS rows of 32 / ROWS lanes. Lane ``part * ROWS + place`` has part `part` of row
`place`, and EACH of the row's eight choices, in order::

    ROWS = 8, EACH = 2      lanes 0-7    8-15    16-23    24-31
    part                        0          1       2        3
    choices                    0 1        2 3     4 5      6 7
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.keys import CHOSEN, EXPERTS, as_fp32, logit_and_expert, undecided
from gemma4_routing.cuda.network import best8, larger, sort_bitonic4
from gemma4_routing.cuda.ptx import HALF_WARP
from gemma4_routing.kernel import ordered

_LOWEST = tl.constexpr(-(2**31))  # below the order of every number


@triton.jit
def of_lane_xor(keys, MASK: tl.constexpr):
    """Returns the eight keys of the lane whose number differs in the bits of `MASK`."""
    return [ptx.from_lane_xor(key, MASK) for key in keys]


@triton.jit
def _chosen_keys(best, lane, part, EACH: tl.constexpr, IS_WIDE: tl.constexpr):
    """Returns this lane's EACH keys of the row's best eight, the largest first.

    Two lanes that differ by 16 hold the best eight of each half of the row, and the last merge is
    of these. Lanes below 16 need the upper four of the merged keys, the others the lower four:
    there keys are negated, which makes the maximum a minimum, so that a lane sorts four keys.
    """
    sign = tl.where(lane < HALF_WARP, 1, -1) if IS_WIDE else tl.where(lane < HALF_WARP, 1.0, -1.0)
    a, b, c, d, e, f, g, h = [key * sign for key in best8(best, of_lane_xor(best, HALF_WARP))]
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
    """Returns the row's largest logit, this lane's logits and experts, and 1 if keys do not decide.

    `best` has the best eight keys of a half of the row's experts, `top` the largest order of an
    fp32 row.
    """
    keys = _chosen_keys(best, lane, part, EACH, IS_WIDE)
    logits = [logit_and_expert(key, top, IS_WIDE, IS_BF16)[0] for key in keys]
    experts = [logit_and_expert(key, top, IS_WIDE, IS_BF16)[1] for key in keys]
    largest = as_fp32(ordered(top)) if IS_WIDE else ptx.from_lane(logits[0], place)
    rest = undecided(keys[-1], logits[-1], largest, IS_WIDE)
    return (largest, logits, experts), rest


@triton.jit
def _either(a, b):
    """Returns the bits of both."""
    return a | b


@triton.jit
def rows_with(flag, place):
    """Returns a word whose bit n is 1 if any lane of row n has the flag 1."""
    return tl.reduce(flag << place, 0, _either)


@triton.jit
def select_row(orders, lane, part, is_row, chosen, EACH: tl.constexpr):
    """Returns `chosen` with the lanes of one row replaced by its choices, selected without keys.

    Eight rounds over the whole warp: each takes the largest order, then the lowest expert that has
    it, and strikes that one out. `orders` has four experts a lane, in their order; `chosen` is
    the largest logit, the logits and the experts of each lane.
    """
    a, b, c, d = orders
    largest, logits, experts = chosen
    for k in tl.static_range(CHOSEN):
        # The largest order of the row, and the first expert that has it.
        best = tl.max(tl.maximum(tl.maximum(a, b), tl.maximum(c, d)), axis=0)
        third = tl.where(c == best, 2, tl.where(d == best, 3, EXPERTS))
        first = tl.where(a == best, 0, tl.where(b == best, 1, third))
        expert = tl.min(lane * 4 + first, axis=0)
        # Strikes the expert out, in the lane that has it.
        taken = expert - lane * 4
        a = tl.where(taken == 0, _LOWEST, a)
        b = tl.where(taken == 1, _LOWEST, b)
        c = tl.where(taken == 2, _LOWEST, c)
        d = tl.where(taken == 3, _LOWEST, d)
        # Hands the choice to the lanes whose share it is in. In every round a lane's first value
        # goes to the end, so that new choices stand in order and old values come back to theirs.
        logit = as_fp32(ordered(best))
        if k == 0:
            largest = tl.where(is_row, logit, largest)
        mine = is_row & (part == k // EACH)
        logits = logits[1:] + (tl.where(mine, logit, logits[0]),)
        experts = experts[1:] + (tl.where(mine, expert, experts[0]),)
    return largest, logits, experts
