"""kernelproof: proves, on every hardware row of ``matrix.yaml``, each kernel's bits and speed.

The words, one meaning each:

=========== ========================================================================================
row         one hardware entry of ``matrix.yaml``: its device, backend, toolchain and runner labels
cell        one row at one dtype, ``h200-bf16``: what CI schedules
case        one kernel, at one shape, in one cell: ``gemma4_routing-h200-bf16-E128-K8-T250000``
check       a question asked of a case: parity, perf, codegen (that of a build)
result      the record that a run leaves for one case and check
verdict     what the report concludes for one case and check; every planned one gets exactly one
baseline    a stored reference that results are judged against: golden digest, timing, codegen
bless       to replace a baseline, on purpose, with a reason
toolchain   the pinned set of packages of a row (torch, triton, numpy, ...)
oracle      the fp64 truth
reference   the bit-exact fp32 definition of the kernel
=========== ========================================================================================

The walk of one cell, a file each, in this order::

    matrix.yaml -> matrix (rows, kernels, limits) -> cases (the plan) -> noxfile (one process)
    -> tests/cells (inputs, reference, kernel, compare) -> results/ (one record a case)
    -> report (one verdict a case, exit code)

Baselines, what results are judged by, are in `baselines/`: `golden` reads the digests of every
case, `codegen.lock` the generated code, `perf.baseline` the times; `bless` alone replaces them, and
`proposal` takes over what another machine measured. `reproduce` runs a record again. Codegen asks
builds in the place of cases, and judges by itself.

What has a walk of its own tells it in its package: `tests.cells`, `codegen`, `perf`, which judges
speed, `bench`, which times kernels beside their floors and peers, `report`, `doctor`. What is tried
by breaking it on purpose: parity by `mutants`, the judge by `judged`, the runs by `faults`, memory
by `sanitize`, the readers by `tests.fuzz`.

The files beside them, by what they are for:

=========== ========================================================================================
planning    matrix, schema, vocabulary, document, wording (the reader of ``matrix.yaml``), cases;
            schedule (what CI runs), spread (a row's GPUs), hardware (which row this is, by its
            drivers), session and toolchain (environments), worktree (another commit's)
measuring   machine (torch's view of the device, the fingerprint), monitor, clock, guard, launches,
            accesses, compare, digest
judging     source, results, golden, verdict
texts       errors (messages, exit codes), plain (text from outside), bounded (files from outside)
=========== ========================================================================================

Imports go down only, over five floors that ``tests/unit/test_floors.py`` lists and holds: noxfile
and workflows; what asks and answers (``tests.cells``, report, the ``__main__`` of a package); what
measures, and alone imports torch or triton; what judges; matrix, cases, errors.
"""
