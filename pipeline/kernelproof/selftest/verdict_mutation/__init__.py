"""The judge is judged: unit tests that cover, and can tell, each branch of the code that judges.

What judges is what makes verdicts of records, baselines and answers, and what tells of them: a
fault there lets a wrong kernel through. The walk, a file each, in this order::

    judged.yaml -> listing (files, tests, proofs; strictly read) -> operators (what else can be
    wrong with a syntax tree than in a kernel) -> plan (every mutant) -> measure (one run of the
    tests, with branch coverage, and which test runs which line) -> reach (the tests that a mutant
    is run against) -> worker (a forked child for each mutant, which runs them) -> tables

Pool, statuses and score are those of `kernelproof.selftest.mutation`, with a test in the place of a case. All of
it runs in a copy of the tree.

============= ======================================================================================
killed        a test that runs the changed statement fails, or cannot be imported; of a statement
              that runs where its file is imported, one of a test file that runs any of it. A test
              that takes over 20 s is stopped, and has failed: nobody misses one that never ends
survived      none does: it blocks; strengthen a test, or remove what nothing can tell
timed out     nothing was heard of its tests for minutes: it blocks
equivalent    survived, and a proof in the list says why nothing can kill it
refuted       killed, although a proof says that nothing can: it blocks
============= ======================================================================================
"""
