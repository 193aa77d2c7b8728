"""The way from chosen logits to weights, in the lanes of a warp that share a row.

`choices.py` says which lane has which choices. If keys decided every row of the warp, `short_way`
computes exp and the quotient with fewer instructions to the same bits: no weight is a denormal, and
a row needs one reciprocal. Else the undecided rows are selected again, one by one, and all rows of
the warp take the `long_way`, which is that of `kernel.py`.
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.choices import rows_with, select_row
from gemma4_routing.cuda.keys import as_fp32
from gemma4_routing.exponential import exp_difference, exp_near


@triton.jit
def _row_sum(exps, ROWS: tl.constexpr):
    """Returns the sum over the eight choices of a row, in every lane of the row.

    Neighbours are added first, then neighbouring pairs, then halves, as the reference adds them;
    what a lane lacks comes from other lanes of the row.
    """
    if len(exps) == 4:
        total = (exps[0] + exps[1]) + (exps[2] + exps[3])
    elif len(exps) == 2:
        total = exps[0] + exps[1]
    else:
        total = exps[0]
    if len(exps) < 4:
        total += ptx.from_lane_xor(total, ROWS)
    if len(exps) < 2:
        total += ptx.from_lane_xor(total, 2 * ROWS)
    return total + ptx.from_lane_xor(total, ptx.HALF_WARP)


@triton.jit
def _quotient(x, total, reciprocal):
    """Returns ``x / total``, correctly rounded, from the correctly rounded reciprocal of the total.

    By the theorem of Markstein (IBM Journal of Research and Development 34, 1990). The remainder
    is exact here, because x is zero or above 2**-90 and the total lies between 1 and 8.
    """
    q = x * reciprocal
    return tl.fma(tl.fma(-q, total, x), reciprocal, q)


@triton.jit
def short_way(logits, largest, ROWS: tl.constexpr):
    """Returns the unscaled weights of this lane's logits, of rows that keys decided."""
    exps = [exp_near(logit, largest) for logit in logits]
    total = _row_sum(exps, ROWS)
    reciprocal = tl.math.div_rn(1.0, total)
    return [_quotient(x, total, reciprocal) for x in exps]


@triton.jit
def long_way(logits, largest, ROWS: tl.constexpr):
    """Returns the unscaled weights of any rows, NaN if a row's largest logit is not finite."""
    is_finite = tl.abs(largest) < float("inf")
    finite = tl.where(is_finite, largest, 0.0)
    exps = [exp_difference(tl.where(is_finite, logit, 0.0), finite) for logit in logits]
    total = _row_sum(exps, ROWS)
    return [tl.where(is_finite, tl.math.div_rn(x, total), float("nan")) for x in exps]


@triton.jit
def scale_of(expert, scales):
    """Returns the scale of an expert.

    `scales` are four registers: lane l holds the scales of the experts 4 * l to 4 * l + 3.
    """
    a, b, c, d = scales
    lane = expert >> 2
    is_odd = (expert & 1) != 0
    low = tl.where(is_odd, ptx.from_lane(b, lane), ptx.from_lane(a, lane))
    high = tl.where(is_odd, ptx.from_lane(d, lane), ptx.from_lane(c, lane))
    return as_fp32(tl.where((expert & 2) != 0, high, low))


@triton.jit
def scaled_words(weights, experts, scales):
    """Returns the bits of one, two or four weights, each times the scale of its expert."""
    if len(weights) == 1:
        return (_scaled(weights[0], experts[0], scales),)
    elif len(weights) == 2:
        return (_scaled(weights[0], experts[0], scales), _scaled(weights[1], experts[1], scales))
    else:
        return scaled_words(weights[:2], experts[:2], scales) + scaled_words(
            weights[2:], experts[2:], scales
        )


@triton.jit
def _scaled(weight, expert, scales):
    """Returns the bits of a weight times the scale of its expert."""
    return (weight * scale_of(expert, scales)).to(tl.int32, bitcast=True)


@triton.jit
def weighted(
    chosen,
    rest,
    scales,
    lane,
    part,
    place,
    source,
    orders_of: tl.constexpr,
    EACH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Returns the bits of the scaled weights of this lane's choices, and their experts.

    `chosen` is the largest logit of the lane's row, the lane's logits and experts; `rest` is 1 in a
    lane whose row keys do not decide. ``orders_of(source, n, lane)`` loads the orders of row n of
    the program, four experts a lane.
    """
    rest = rows_with(rest, place)
    largest, logits, experts = chosen
    if rest != 0:
        # Selects undecided rows again, one by one, without keys.
        for n in range(ROWS):
            if ((rest >> n) & 1) != 0:
                orders = orders_of(source, n, lane)
                chosen = largest, logits, experts
                largest, logits, experts = select_row(orders, lane, part, place == n, chosen, EACH)
        weights = long_way(logits, largest, ROWS)
    else:
        weights = short_way(logits, largest, ROWS)
    return scaled_words(weights, experts, scales), experts
