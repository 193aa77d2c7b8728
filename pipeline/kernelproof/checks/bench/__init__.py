"""Kernels timed beside their floors and peers, on a GPU row, in one run.

The walk of one shape, a file each, in this order::

    matrix.yaml -> cases (the shapes of `bench`) -> contestants (kernel, floors, peers; their
    inputs) -> measure (clock: device and host times) -> record -> tables -> __main__

Nothing is judged here: no baseline, no verdict. ``python -m kernelproof.checks.bench --show FILE`` prints the
tables of an earlier run again, on any machine.
"""
