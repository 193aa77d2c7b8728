"""The routing kernels of NVIDIA GPUs at Gemma 4's shape: 128 experts, top 8, a warp a program.

`tile` is for many tokens, `lanes` for few. Both compare keys (`keys`) by comparator networks in
registers (`network`), share out a row's choices over its lanes (`choices`), and make weights of
them (`finish`); `ptx` has the instructions that Triton has no word for. They give the bits of
`kernel.py`, which is for every other shape, device and alignment.

What a row costs, and what that makes of the time (H200: 132 SMs of 4 schedulers, 1.95 GHz):

- bytes: E logits read, 8 weights and 8 ids written: 320 of a 16-bit row, 576 of an fp32 row. The
  floor takes 21 and 36 us for 262,144 rows, in which a scheduler has 83 and 142 cycles for each
  of its rows.
- issue slots: a lane's instructions on the short way, over the rows of its warp. Minimum, maximum,
  select, shift and logic go to the ALU, which takes two cycles for a warp, so that a row takes the
  larger of its slots and twice its ALU instructions. Counted in the code for sm_90 (Triton 3.6.0):

  ========== ============ ============ =================== ===================
  a row      tile 2       tile 4       lanes 8             lanes 16
  ========== ============ ============ =================== ===================
  16 bits    52, ALU 29.6 73, ALU 40.6 126, ALU 78         224, ALU 130
  fp32       none         82, ALU 44.9 144, ALU 87         248, ALU 143
  ========== ============ ============ =================== ===================

  So 2 lanes a row leave the memory in charge where rows are many (59 of 83 cycles at 16 bits), and
  4 do for fp32 (90 of 142). Where they are few, time is the latency of one row after its load, and
  more lanes make that shorter.
- what is left above the floor is the arithmetic of the last rows, after the last byte has come: at
  16 bits 0.4 us for one token, 0.9 at 16,384, 1.7 at 65,536 and 2.4 at 262,144.
- the scales come with the logits, in registers, and are shuffled: a load of them after the choice
  would wait behind the copies of all later rows, for the queue of loads is in order (measured: it
  held the first tiles back by 3.5 us at 65,536 tokens).

A row that keys do not decide (`keys.undecided`) is selected again by the whole warp, alone: rows
with a NaN, an infinity or a weight near the denormals, and fp32 rows whose eighth logit has not the
sign of the largest, or is not within a factor of 16 of it. Where every row is such, 262,144 tokens
take 123 us at 16 bits and 126 us for fp32 (H200), 5.2 and 3.4 times as long as where none is; ties,
however many, are decided by keys.
"""
