"""Speed as a check: times of each perf case against a stored baseline, and what that can see.

The walk of one row, a file each, in this order::

    matrix.yaml (perf: shapes, limit) -> replicates (fresh processes, one after the other, alone on
    the GPU) -> worker (clock: kernel and floor interleaved) -> timing (what a process leaves)
    -> effect (resampling of processes) -> judge (verdict and cause, by baseline and gate card)

The process is the replicate: samples within one share its clocks, addresses and luck. What is
compared is time over the floor's time, measured beside it; time itself is kept and told.

`gate` plants slowdowns and measures what is seen of them, which `card` holds; `against` compares
two commits in the same processes; `bisect` finds the commit between two; `bless` replaces
baselines, which pytest-benchmark's own ``compare`` can read.
"""
