"""Mutation tests: faults planted into code, each of which a question has to kill.

There are two targets. Mutants of kernels meet the cases of parity that ``matrix.yaml`` lists under
``mutants``. Mutants of verdict code (the files that make and tell verdicts) meet the unit tests
that run them, and these tests have to cover every branch. The way of a mutant, file by file:

=================================== ==================================
kernels                             verdict code
=================================== ==================================
kernels/<name>/proof/mutants.yaml   verdicts.yaml
operators                           operators, verdict_operators
mutant_plan: every mutant, with the proof that covers it
kernel_run: what the cases reach    verdict_run: what the tests reach
kernel_coverage: by instruction     verdict_coverage: by statement
mutant_pool: processes, each of which forks a child for each mutant
kernel_worker: asks parity          verdict_worker: runs tests
mutant_status, mutant_tables: its status, the score, the words
=================================== ==================================

============= ======================================================================================
killed        a case or a test fails, raises an error or dies, or a test takes over 20 s
survived      none does; or no case reaches it, and nothing says that another row has to
timed out     its cases took longer than their limit: no wrong answer was seen, so it blocks; kill
              it by a question, not by patience
no build      it could not be imported: a kernel cannot have that fault; it blocks
equivalent    it survived, and a proof says why nothing can kill it
refuted       it was killed, although a proof says that nothing can: it blocks
other row     it survived, and another row runs what it changes: by its file's backend, if no case
              of this row reaches it, or by a proof
============= ======================================================================================

The score is the killed among all but the equivalent and those of another row. A proof is tied to
the code of the functions that it is of: if that changes, the run is refused, and names the new
digest, until somebody has proven it again. So it is if an edit's text does not stand exactly once.
"""
