"""kernelproof: proves, on every hardware row of ``matrix.yaml``, each kernel's bits and speed.

The words, one meaning each:

=========== ========================================================================================
row         one hardware entry of ``matrix.yaml``: its device, backend, toolchain and runner labels
cell        one row at one dtype, ``h200-bf16``: what CI schedules
case        one kernel, at one shape, in one cell: ``gemma4_routing-h200-bf16-E128-K8-T250000``
check       a question asked of a case: parity, perf, codegen
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
case, `codegen.lock` the generated code, `perf.baseline` the times; `bless` alone replaces them.
`reproduce` runs a record again. What has a walk of its own tells it in its package: `tests.cells`,
`perf`, which judges speed, `bench`, which times kernels beside their floors and peers, `sanitize`,
which runs small cases under NVIDIA's checkers of memory; `mutants`, `judged` and `faults`, by which
parity, the judge, and the runs themselves are tested.

Imports go down only: noxfile and workflows; tests/cells and report; measuring (machine, clock,
compare, guard, codegen.compile, perf.worker: only such modules import torch or triton); judging
(verdict, results, source, hardware, codegen.judge, perf.judge); matrix, cases, document, errors.
`codegen` has a walk of its own.
"""
