"""The routing kernel for many tokens on NVIDIA GPUs: a warp a program, 2 or 4 lanes a row.

Asynchronous copies bring whole rows to shared memory. The lanes of a row first find the best 8 of
its 32 quads of neighbouring experts, a quad being as good as its best expert. These quads hold the
best 8 experts, because an expert of any other quad is beaten by the best expert of each of them. So
32 keys of quads and 32 of experts are sorted, not 128. The way of one row through its 4 lanes::

    part 0           part 1           part 2           part 3
    128 logits in shared memory, 32 a lane
    q0 ... q7        q8 ... q15       q16 ... q23      q24 ... q31    8 keys of quads a lane
      sort8            sort8            sort8            sort8        8 keys, descending
         `---- merge8 ----'                `---- merge8 ----'         best 8 quads of 16, in both
                 `------------- best8 -------------'                  best 8 quads of 32, in all
    quads 0, 1       quads 2, 3       quads 7, 6       quads 5, 4     2 of the 8 a lane
    8 experts        8 experts        8 experts        8 experts      logits read again: 8 keys
      sort8            sort8            sort8            sort8        8 keys, descending
         `---- merge8 ----'                `---- merge8 ----'         best 8 experts of 16
                 `------------- best8 -------------'                  best 8 experts of 32
       half 0 to 3, sort_bitonic4        half 4 to 7, sort_bitonic4   a lane sorts the 4 it needs
    choices 0, 1     choices 2, 3     choices 4, 5     choices 6, 7   weights and ids stored

The merges across parts are between lanes whose numbers differ by 8 (`merge8`) and by 16 (`best8`).
After `best8` the eight quads stand in reverse order in the lanes from 16 on, which is why parts 2
and 3 find theirs at the same places. With 2 lanes a row, for 16-bit logits alone, a lane has 16
quads and merges two eights of its own, re-reads 4 quads, and stores 4 choices.
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.choices import decoded, of_lane_xor
from gemma4_routing.cuda.finish import weighted
from gemma4_routing.cuda.keys import (
    CHOSEN,
    EXPERTS,
    HIGH_HALF,
    as_word,
    experts_of_quad,
    keys32,
    largest8,
    order_of,
    quad_keys16,
    quad_orders,
)
from gemma4_routing.cuda.network import best8, merge8, sort8
from gemma4_routing.cuda.ptx import HALF_WARP, VECTOR, WARP


@triton.jit
def _copied_tile(gating_ptr, first, stride_gt, lane, ROWS: tl.constexpr, ITEM: tl.constexpr):
    """Returns the address in shared memory of ROWS whole rows, copied there from row `first` on.

    ITEM is the size of a logit in bytes. A copy moves 16 bytes a lane, 512 a warp.
    """
    IN_ROW: tl.constexpr = EXPERTS * ITEM // VECTOR
    COPIES: tl.constexpr = ROWS * IN_ROW // WARP
    COPIED: tl.constexpr = WARP * VECTOR
    tl.static_assert(COPIES * COPIED == ROWS * EXPERTS * ITEM, "whole copies are a tile")
    tile = ptx.shared_bytes(lane, ROWS * EXPERTS * ITEM)
    source = gating_ptr + (first + lane // IN_ROW) * stride_gt
    source += lane % IN_ROW * (EXPERTS // IN_ROW)
    for copy in tl.static_range(COPIES):
        ptx.copy_async(tile + copy * COPIED + lane * VECTOR, source)
        source += (WARP // IN_ROW) * stride_gt.to(tl.int64)
    ptx.await_copies(lane)
    return tile


@triton.jit
def _best_quads(own, turn, LANES: tl.constexpr, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """Returns the keys of a row's best eight quads, and the row's largest order.

    Reads this lane's quads at the address `own`; `turn` is the first expert there. The keys are in
    reverse order in the lanes from 16 on. Only an fp32 row has a largest order.
    """
    ROWS: tl.constexpr = WARP // LANES
    top = turn
    if IS_WIDE:
        tl.static_assert(LANES == 4, "4 lanes have eight quads of a row each")
        orders = quad_orders(own)
        top = largest8(orders)
        top = tl.maximum(top, ptx.from_lane_xor(top, ROWS))
        top = tl.maximum(top, ptx.from_lane_xor(top, HALF_WARP))
        quads = sort8(keys32(orders, top, turn, 124, 4))
    else:
        quads = sort8(quad_keys16(own, turn, IS_BF16))
        if LANES == 2:
            quads = merge8(quads, sort8(quad_keys16(own ^ 64, turn ^ 32, IS_BF16)))
    if LANES == 4:
        quads = merge8(quads, of_lane_xor(quads, ROWS))
    return best8(quads, of_lane_xor(quads, HALF_WARP)), top


@triton.jit
def _best_experts(
    quads, row, top, part, LANES: tl.constexpr, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr
):
    """Returns the keys of the best eight experts of a half of the quads, in descending order.

    `row` is the row's address in shared memory. Each lane reads 8 / LANES quads.
    """
    a, b, c, d, _e, _f, _g, _h = quads
    if LANES == 4:
        is_odd = (part & 1) != 0
        a, b = tl.where(is_odd, c, a), tl.where(is_odd, d, b)
    some = experts_of_quad(a, row, top, IS_WIDE, IS_BF16)
    best = sort8(some + experts_of_quad(b, row, top, IS_WIDE, IS_BF16))
    if LANES == 4:
        return merge8(best, of_lane_xor(best, WARP // LANES))
    else:
        more = experts_of_quad(c, row, top, IS_WIDE, IS_BF16)
        return merge8(best, sort8(more + experts_of_quad(d, row, top, IS_WIDE, IS_BF16)))


@triton.jit
def _orders_in_tile(source, n, lane):
    """Returns the orders of four experts a lane, of row n of the tile in shared memory."""
    gating_ptr, tile = source
    IS_WIDE: tl.constexpr = gating_ptr.dtype.element_ty == tl.float32
    IS_BF16: tl.constexpr = gating_ptr.dtype.element_ty == tl.bfloat16
    ITEM: tl.constexpr = 4 if IS_WIDE else 2
    row = tile + n * (EXPERTS * ITEM)
    if IS_WIDE:
        words = ptx.load_shared4(row + lane * VECTOR, 0)
    else:
        a, b = ptx.load_shared2(row + lane * 8, 0)
        if IS_BF16:
            words = (a << 16, a & HIGH_HALF, b << 16, b & HIGH_HALF)
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
    """Routes 32 / LANES tokens a program, for at least as many tokens.

    Takes the arguments of the lanes kernel. LANES is 2 or 4, for fp32 logits 4.
    """
    IS_WIDE: tl.constexpr = gating_ptr.dtype.element_ty == tl.float32
    IS_BF16: tl.constexpr = gating_ptr.dtype.element_ty == tl.bfloat16
    ROWS: tl.constexpr = WARP // LANES
    EACH: tl.constexpr = CHOSEN // LANES
    ITEM: tl.constexpr = 4 if IS_WIDE else 2
    OWN: tl.constexpr = EXPERTS * ITEM // LANES
    # The lanes of a row: part `part` of row `place` each.
    lane = tl.arange(0, WARP)
    part, place = lane // ROWS, lane % ROWS
    scales = ptx.load_global4(scale_ptr + lane * 4, 0)
    # Copies the rows. The last tile ends with the last row: those that it shares with the tile
    # before are stored twice, the same bits.
    first = tl.minimum(tl.program_id(0).to(tl.int64) * ROWS, num_tokens - ROWS)
    tile = _copied_tile(gating_ptr, first, stride_gt, lane, ROWS, ITEM)
    row = tile + place * (EXPERTS * ITEM)
    # Finds the best quads, then the best experts. Rows start at the same bank of shared memory, so
    # that neighbouring lanes read their chunks of 16 bytes in another order each.
    step = place % (OWN // VECTOR)
    turn = part * (EXPERTS // LANES) ^ step * (VECTOR // ITEM)
    quads, top = _best_quads(row + part * OWN + step * VECTOR, turn, LANES, IS_WIDE, IS_BF16)
    best = _best_experts(quads, row, top, part, LANES, IS_WIDE, IS_BF16)
    chosen, rest = decoded(best, top, lane, part, place, EACH, IS_WIDE, IS_BF16)
    # One NaN makes the keys of all the row's quads NaN, but may be in a quad not read again.
    rest |= (quads[0] != quads[0]).to(tl.int32)
    source = gating_ptr, tile
    scaled, experts = weighted(
        chosen, rest, scales, lane, part, place, source, _orders_in_tile, EACH, ROWS
    )
    # Stores this lane's choices, 2 or 4 words of each output.
    offset = (first + place) * CHOSEN + part * EACH
    ptx.store_global(weights_ptr + offset, scaled)
    ptx.store_global(ids_ptr + offset, experts)
