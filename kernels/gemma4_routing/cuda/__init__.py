"""The routing kernels of NVIDIA GPUs at Gemma 4's shape: 128 experts, top 8, a warp a program.

`tile` is for many tokens, `lanes` for few. Both make a key of each expert (`keys`), compare keys by
comparator networks in registers (`network`), share out a row's choices over its lanes (`choices`),
and end by computing their weights (`finish`); `ptx` has instructions that Triton has no function
for. They give the bits of `kernel.py`, which is for every other shape, device and alignment. The
docstring of `tile` has a picture of a row's way.

The cost of a row, and the time that follows from it (H200: 132 SMs of 4 schedulers, 1.95 GHz):

- Bytes: a row reads E logits and writes 8 weights and 8 ids, 320 bytes for 16-bit logits and 576
  for fp32. The floor takes 21 and 36 us for 262,144 rows, in which a scheduler has 83 and 142
  cycles for each of its rows.
- Issue slots: the instructions of a warp on the short way, divided by its rows. Minimum, maximum,
  select, shift and logic go to the ALU, which takes two cycles for a warp, so that a row takes the
  larger of its slots and twice its ALU instructions. Counted in the code for sm_90 (Triton 3.6.0):

  ========== ============ ============ =================== ===================
  a row      tile 2       tile 4       lanes 8             lanes 16
  ========== ============ ============ =================== ===================
  16 bits    52, ALU 29.6 73, ALU 40.6 126, ALU 78         224, ALU 130
  fp32       none         82, ALU 44.9 144, ALU 87         248, ALU 143
  ========== ============ ============ =================== ===================

  With many rows, memory therefore sets the time at 2 lanes a row for 16 bits (59 of 83 cycles) and
  at 4 lanes for fp32 (90 of 142). With few rows, the time is the latency of one row after its load,
  which more lanes shorten.
- The time above the floor is the arithmetic of the last rows, after the last byte has come: at 16
  bits 0.4 us for one token, 0.9 at 16,384, 1.7 at 65,536 and 2.4 at 262,144.
- The scales are loaded into registers along with the logits, and shuffled. A load of them after the
  choice would wait behind the copies of all later rows, because loads are served in order
  (measured: it held the first tiles back by 3.5 us at 65,536 tokens).

The whole warp selects a row again, alone, if keys do not decide the row (`keys.undecided`): a row
with a NaN, an infinity or a weight near the denormals, or an fp32 row whose eighth logit differs
from the largest in sign or by more than a factor of 16. If every row is such, 262,144 tokens take
123 us at 16 bits and 126 us for fp32 (H200), 5.2 and 3.4 times as long as if none is. Keys decide
ties, however many there are.
"""
