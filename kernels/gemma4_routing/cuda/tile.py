"""The routing kernel for many tokens on NVIDIA GPUs: a warp a program, 2 or 4 lanes a row.

Asynchronous copies bring whole rows to shared memory. Each lane makes keys of the quads of its part
of a row, and the lanes find the best 8 of the 32 quads; these hold the best 8 experts, for an
expert of another quad is beaten by the largest of 8 quads. Each lane takes its share of these
quads, reads their experts again, and the best 8 of the 32 are found in the same way: 32 and 32
keys are sorted, not 128. An fp32 row has 4 lanes.
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.choices import decoded, of_lane_xor, rows_with, select_row
from gemma4_routing.cuda.finish import long_way, scaled_words, short_way
from gemma4_routing.cuda.keys import (
    EXPERTS,
    as_word,
    experts_of_quad,
    keys32,
    largest8,
    order_of,
    quad_keys16,
    quad_orders,
)
from gemma4_routing.cuda.network import best8, merge8, sort8


@triton.jit
def _copied_tile(gating_ptr, first, stride_gt, lane, ROWS: tl.constexpr, ITEM: tl.constexpr):
    """The address of rows `first` on in shared memory, one after the other."""
    IN_ROW: tl.constexpr = EXPERTS * ITEM // 16
    COPIES: tl.constexpr = ROWS * IN_ROW // 32
    tl.static_assert(COPIES * 512 == ROWS * EXPERTS * ITEM, "whole copies of 512 bytes are a tile")
    tile = ptx.shared_bytes(lane, ROWS * EXPERTS * ITEM)
    source = gating_ptr + (first + lane // IN_ROW) * stride_gt
    source += lane % IN_ROW * (EXPERTS // IN_ROW)
    for copy in tl.static_range(COPIES):
        ptx.copy_async(tile + copy * 512 + lane * 16, source)
        source += (32 // IN_ROW) * stride_gt.to(tl.int64)
    ptx.await_copies(lane)
    return tile


@triton.jit
def _best_quads(own, turn, LANES: tl.constexpr, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """The best eight quads of a row, reversed in the lanes from 16 on; the row's largest order."""
    ROWS: tl.constexpr = 32 // LANES
    top = turn
    if IS_WIDE:
        tl.static_assert(LANES == 4, "4 lanes have eight quads of a row each")
        orders = quad_orders(own)
        top = largest8(orders)
        top = tl.maximum(top, ptx.from_lane_xor(top, ROWS))
        top = tl.maximum(top, ptx.from_lane_xor(top, 16))
        quads = sort8(keys32(orders, top, turn, 124, 4))
    else:
        quads = sort8(quad_keys16(own, turn, IS_BF16))
        if LANES == 2:
            quads = merge8(quads, sort8(quad_keys16(own ^ 64, turn ^ 32, IS_BF16)))
    if LANES == 4:
        quads = merge8(quads, of_lane_xor(quads, ROWS))
    return best8(quads, of_lane_xor(quads, 16)), top


@triton.jit
def _best_experts(
    quads, row, top, part, LANES: tl.constexpr, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr
):
    """The best eight experts of this lane's share of the quads."""
    a, b, c, d, _e, _f, _g, _h = quads
    if LANES == 4:
        is_odd = (part & 1) != 0
        a, b = tl.where(is_odd, c, a), tl.where(is_odd, d, b)
    some = experts_of_quad(a, row, top, IS_WIDE, IS_BF16)
    best = sort8(some + experts_of_quad(b, row, top, IS_WIDE, IS_BF16))
    if LANES == 4:
        return merge8(best, of_lane_xor(best, 32 // LANES))
    else:
        more = experts_of_quad(c, row, top, IS_WIDE, IS_BF16)
        return merge8(best, sort8(more + experts_of_quad(d, row, top, IS_WIDE, IS_BF16)))


@triton.jit
def _orders_in_tile(row, lane, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """The orders of four experts a lane, of a row in shared memory."""
    if IS_WIDE:
        words = ptx.load_shared4(row + lane * 16, 0)
    else:
        a, b = ptx.load_shared2(row + lane * 8, 0)
        if IS_BF16:
            words = (a << 16, a & -65536, b << 16, b & -65536)
        else:
            halves = [x.to(tl.int16).to(tl.float16, bitcast=True) for x in (a, a >> 16, b, b >> 16)]
            words = [as_word(x.to(tl.float32)) for x in halves]
    return [order_of(word) for word in words]


@triton.jit(do_not_specialize=["num_tokens", "stride_gt"])
def _gemma4_routing_tile_kernel(
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    LANES: tl.constexpr,
):
    IS_WIDE: tl.constexpr = gating_ptr.dtype.element_ty == tl.float32
    IS_BF16: tl.constexpr = gating_ptr.dtype.element_ty == tl.bfloat16
    ROWS: tl.constexpr = 32 // LANES
    EACH: tl.constexpr = 8 // LANES
    ITEM: tl.constexpr = 4 if IS_WIDE else 2
    OWN: tl.constexpr = EXPERTS * ITEM // LANES
    lane = tl.arange(0, 32)
    part, place = lane // ROWS, lane % ROWS
    scales = ptx.load_global4(scale_ptr + lane * 4, 0)
    # The last tile ends with the last row; rows that it shares are stored twice, the same bits.
    first = tl.minimum(tl.program_id(0).to(tl.int64) * ROWS, num_tokens - ROWS)
    tile = _copied_tile(gating_ptr, first, stride_gt, lane, ROWS, ITEM)
    row = tile + place * (EXPERTS * ITEM)
    # Rows are a whole number of banks apart: neighbouring lanes take their chunks in another order.
    step = place % (OWN // 16)
    turn = part * (EXPERTS // LANES) ^ step * (16 // ITEM)
    quads, top = _best_quads(row + part * OWN + step * 16, turn, LANES, IS_WIDE, IS_BF16)
    best = _best_experts(quads, row, top, part, LANES, IS_WIDE, IS_BF16)
    chosen, rest = decoded(best, top, lane, part, place, EACH, IS_WIDE, IS_BF16)
    # A NaN is in every quad's key then, and lost where its quad is not read again.
    rest |= (quads[0] != quads[0]).to(tl.int32)
    rest = rows_with(rest, place)
    largest, logits, experts = chosen
    if rest != 0:
        for n in range(ROWS):
            if ((rest >> n) & 1) != 0:
                orders = _orders_in_tile(tile + n * (EXPERTS * ITEM), lane, IS_WIDE, IS_BF16)
                chosen = largest, logits, experts
                largest, logits, experts = select_row(orders, lane, part, place == n, chosen, EACH)
        weights = long_way(logits, largest, ROWS)
    else:
        weights = short_way(logits, largest, ROWS)
    scaled = scaled_words(weights, experts, scales)
    offset = (first + place) * 8 + part * EACH
    ptx.store_global(weights_ptr + offset, scaled)
    ptx.store_global(ids_ptr + offset, experts)
