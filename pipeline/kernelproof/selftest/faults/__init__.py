"""Faults that are injected into runs, each with the verdict that it has to get: ``nox -s faults``.

The way of one fault through the files::

    fault_kinds (its name and its expected verdict) -> scratch_copy (a copy of the repository with
    one kernel, `faulty`) -> faulty_kernel (that kernel: a case of three tokens commits the fault,
    the next case does not) -> run_events (events of a whole run: a full disk, a kill, no driver)
    -> __main__ (runs the cells and the report, and compares) -> fault_outcomes

A fault of a case costs that case and no other. An event of a run leaves valid records, an exit code
that is not 0, and a run that ``--resume`` completes. Faults that only a GPU can have are committed
on GPU rows alone.
"""
