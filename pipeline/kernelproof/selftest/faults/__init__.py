"""Faults injected into a run, each with the verdict that it has to get: ``nox -s faults``.

The walk of one fault, a file each, in this order::

    kinds (its name, and what is expected of it) -> scratch (a copy of the repository with one
    kernel, `faulty`) -> faulty (that kernel: a case of three tokens commits the fault, the case
    after it does not) -> events (what happens to a whole run: a full disk, a kill, no driver)
    -> __main__ (runs the cells and the report, and compares) -> tables

A fault of a case has to cost that case, and no other. One of a run has to leave valid records, an
exit code that is not 0, and a run that ``--resume`` completes. Faults that only a GPU can have are
committed on a GPU row alone.
"""
