"""The cells of the matrix: one file a check, one function each, parametrized by `case` alone.

The walk of one run, a file each, in this order::

    __main__ -> asked (the command line, and what it plans) -> supervisor (a worker for each GPU)
    -> process (one worker, watched) -> worker (its share of the cases, through pytest)
    -> plugin (which cases run, a record of each) -> test_parity, with `elsewhere`, or test_perf
    (evidence)

What the worker is about to do, and how long that may take, it tells the supervisor (`telling`).
Where it dies or hangs, the case that it was at gets a record of that, a process takes the pulse of
the device, and another worker runs the rest.
"""
