"""The routing kernel for few tokens on NVIDIA GPUs: a warp a program, 8 or 16 lanes a row.

Each lane loads its 16 or 8 logits into registers and sorts their keys. The lanes of a row then
merge their best eights in pairs, whose numbers differ by one more bit in each round. All loads of a
row are issued at once: none waits for what another one has brought.
"""

import triton
import triton.language as tl

from gemma4_routing.cuda import ptx
from gemma4_routing.cuda.choices import decoded, of_lane_xor
from gemma4_routing.cuda.finish import weighted
from gemma4_routing.cuda.keys import (
    CHOSEN,
    EXPERTS,
    as_fp32,
    as_word,
    expert_keys16,
    keys32,
    largest8,
    order_of,
    orders8,
)
from gemma4_routing.cuda.network import merge8, sort8
from gemma4_routing.cuda.ptx import HALF_WARP, WARP


@triton.jit
def _best_of_row(source, turn, LANES: tl.constexpr, IS_WIDE: tl.constexpr, IS_BF16: tl.constexpr):
    """Returns the keys of the best eight experts of a half of a row, and the row's largest order.

    Lanes below 16 have one half, the others the other one. `source` points to this lane's logits,
    `turn` is the first expert there. Only an fp32 row has a largest order.
    """
    ROWS: tl.constexpr = WARP // LANES
    top = turn
    if IS_WIDE:
        orders = orders8(ptx.load_global4(source, 0) + ptx.load_global4(source, 16))
        top = largest8(orders)
        if LANES == 8:
            more = orders8(ptx.load_global4(source, 32) + ptx.load_global4(source, 48))
            top = tl.maximum(top, largest8(more))
        for level in tl.static_range(4):
            if ROWS << level < WARP:
                top = tl.maximum(top, ptx.from_lane_xor(top, ROWS << level))
        best = sort8(keys32(orders, top, turn, 127, 1))
        if LANES == 8:
            best = merge8(best, sort8(keys32(more, top, turn, 119, 1)))
    else:
        best = sort8(expert_keys16(ptx.load_global4(source, 0), turn ^ 120, IS_BF16))
        if LANES == 8:
            more = expert_keys16(ptx.load_global4(source, 16), turn ^ 112, IS_BF16)
            best = merge8(best, sort8(more))
    for level in tl.static_range(3):
        if ROWS << level < HALF_WARP:
            best = merge8(best, of_lane_xor(best, ROWS << level))
    return best, top


@triton.jit
def _orders_in_memory(source, n, lane):
    """Returns the orders of four experts a lane, of row n of the program in global memory."""
    gating_ptr, first, num_tokens, stride_gt = source
    pointer = gating_ptr + tl.minimum(first + n, num_tokens - 1) * stride_gt
    values = [tl.load(pointer + lane * 4 + i).to(tl.float32) for i in (0, 1, 2, 3)]
    return [order_of(as_word(value)) for value in values]


@triton.jit(do_not_specialize=["num_tokens", "stride_gt"])
def _gemma4_routing_lanes_kernel(
    gating_ptr,
    scale_ptr,
    weights_ptr,
    ids_ptr,
    num_tokens,
    stride_gt,
    LANES: tl.constexpr,
):
    """Routes 32 / LANES tokens a program, for any number of tokens.

    `gating_ptr` is ``[num_tokens, 128]`` with the row stride `stride_gt`, `scale_ptr` ``[128]``
    fp32, `weights_ptr` and `ids_ptr` are ``[num_tokens, 8]``, contiguous. All rows and pointers are
    multiples of 16 bytes. LANES is 8 or 16.
    """
    IS_WIDE: tl.constexpr = gating_ptr.dtype.element_ty == tl.float32
    IS_BF16: tl.constexpr = gating_ptr.dtype.element_ty == tl.bfloat16
    ROWS: tl.constexpr = WARP // LANES
    # The lanes of a row: part `part` of row `place` each.
    lane = tl.arange(0, WARP)
    part, place = lane // ROWS, lane % ROWS
    scales = ptx.load_global4(scale_ptr + lane * 4, 0)
    # Finds the best experts. Rows beyond the last are computed as the last one, and not stored.
    first = tl.program_id(0).to(tl.int64) * ROWS
    row = tl.minimum(first + place, num_tokens - 1)
    source = gating_ptr + row * stride_gt + part * (EXPERTS // LANES)
    best, top = _best_of_row(source, part * (EXPERTS // LANES), LANES, IS_WIDE, IS_BF16)
    # Each lane has one choice: lanes below 16 the first four of a row, the others the last four.
    # With 16 lanes a row, two lanes have the same.
    choice = lane // HALF_WARP * (CHOSEN // 2) + part % (CHOSEN // 2)
    chosen, rest = decoded(best, top, lane, part, place, 1, IS_WIDE, IS_BF16)
    memory = gating_ptr, first, num_tokens, stride_gt
    scaled, experts = weighted(
        chosen, rest, scales, lane, choice, place, memory, _orders_in_memory, 1, ROWS
    )
    # Stores this lane's choice.
    offset = (first + place) * CHOSEN + choice
    mask = first + place < num_tokens
    tl.store(weights_ptr + offset, as_fp32(scaled[0]), mask=mask)
    tl.store(ids_ptr + offset, experts[0], mask=mask)
