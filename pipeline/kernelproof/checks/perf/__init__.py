"""The perf check: times of each perf case against a stored baseline, and what that can see.

One row is timed and judged in these steps, a file each::

    matrix.yaml (perf: shapes, limit) -> row_timing (which cases, how many processes)
    -> timing_processes (fresh, one after the other, alone on the GPU)
    -> timing_worker (kernel and floor interleaved) -> ask (the record of a case)
    -> judge (verdict and cause, by the baseline), with the intervals of effect

The process is the replicate: samples within one share its clocks, addresses and luck.

`gate_card` plants slowdowns, which `calibration` sizes, and counts in `trials` how many the judge
finds. `commit_comparison` compares two commits, `bisection` finds the first slower one of several,
and `bless` stores times as a baseline, which pytest-benchmark's own ``compare`` can read.
"""
