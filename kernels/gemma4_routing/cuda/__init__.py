"""The routing kernels of NVIDIA GPUs at Gemma 4's shape: 128 experts, top 8, a warp a program.

`tile` is for many tokens, `lanes` for few. Both compare keys (`keys`) by comparator networks in
registers (`network`), share out a row's choices over its lanes (`choices`), and make weights of
them (`finish`). They give the bits of `kernel.py`, which is for every other shape and device.
"""
