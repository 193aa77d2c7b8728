"""Mutants: faults planted into a kernel, each of which the parity suite has to kill.

The walk of one mutant, a file each, in this order::

    kernels/<name>/proof/mutants.yaml -> listing (strictly read) -> operators (edits of a syntax tree)
    -> plan (every mutant, with its proof) -> pool (processes) -> worker (a forked child for each,
    which asks pipeline/kernelproof/checks/parity/ask.py's function of the quick cases) -> coverage (what the
    unmutated kernel reached) -> judge (a status each, the cases that kill all) -> tables
    -> record (results/mutants.json, which the report's page shows)

A mutant is run in a process of its own, from a copy of `kernels/` in a temporary folder, against
all the cases that ``matrix.yaml`` lists under ``mutants``:

============= ======================================================================================
killed        a case failed, raised an error, or its process died, as parity would show it red
survived      no case did; or no case reaches it, and nothing says that another row has to
timed out     its cases took longer than their limit: no wrong answer was seen, so it blocks as a
              survivor does; kill it by a question, not by patience
no build      the mutant could not be imported: not a fault that a kernel can have; it blocks
equivalent    survived, and a proof in the list says why nothing can kill it
refuted       killed, although a proof says that nothing can: it blocks
other row     survived, and what it changes is of another row: by its file's backend, where no case
              of this row reaches it, or by a proof
============= ======================================================================================

The score is the killed among all but the equivalent and those of another row. A proof is tied to
the source of the functions that it is of: when that changes, the run is refused until somebody has
proven it again. So it is, too, where an edit's text does not stand exactly once any more.
"""
