"""Bench: kernels timed beside their floors and peers, on a GPU row, in one run.

One shape is timed in these steps, a file each::

    matrix.yaml (bench: shapes) -> contestants (kernel, floors, peers, and their inputs)
    -> race (device and host times, by the clock) -> bench_run (the stored run) -> bench_tables

Bench judges nothing: it has neither baseline nor verdict. ``--show FILE`` prints the tables of an
earlier run again, on any machine.
"""
