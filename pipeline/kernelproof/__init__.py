"""kernelproof: proves each kernel's bits and speed on every hardware row of ``matrix.yaml``.

The words, one meaning each; types, files and sentences use the same ones:

=========== ========================================================================================
row         a hardware entry of ``matrix.yaml``: its device, backend, toolchain and runner labels
cell        a row at one dtype, ``h200-bf16``: the unit that CI schedules
case        a kernel, at one shape, in one cell: ``gemma4_routing-h200-bf16-E128-K8-T250000``
check       a question asked of a case: parity, perf; or of a build: codegen
record      the file that a run leaves for one case and check
verdict     the report's conclusion for one case and check; every planned one gets exactly one
baseline    a stored reference that records are judged by: golden digest, timing, generated code
bless       to replace a baseline, on purpose, with a reason
toolchain   the pinned set of packages of a row (torch, triton, numpy, ...)
proof       the declaration of what a kernel promises: the `Spec` in its ``proof.py``
oracle      the fp64 truth of a kernel's outputs
reference   the bit-exact definition of a kernel's outputs, if it has one
floor       the time of a kernel that only moves the bytes
=========== ========================================================================================

The folders are the layers, from the bottom to the top. Imports go down only, which
``tests/unit/test_layers.py`` holds:

=========== ========================================================================================
escape      untrusted text, made safe to show
errors      exit codes, and the mistakes that a user can mend
files       strict readers of YAML and JSON, atomic writing
spec        the types that a proof is written with
plan        ``matrix.yaml``: models, strict reader, cases, schedule
machine     this machine: its rows, GPUs, toolchains, revision, worktrees
records     the files on disk: records, verdicts, and the sealed baselines
measure     clock, comparison, guarded outputs, watches, capture of launches (torch, triton)
run         supervisor and worker processes, and the pytest plugin that collects cases
checks      parity, perf, codegen, a folder each; bench beside them
report      the verdicts told: terminal, page, JUnit, Markdown, JSON
doctor      whether this machine is fit to be a row
selftest    faults planted on purpose: into kernels, into verdict code, into runs
sessions    the commands that a user types, and the processes of nox sessions
=========== ========================================================================================

A case passes through these files:

1. It is planned: `plan.matrix` reads ``matrix.yaml``, `plan.cases` makes the cases of a check.
2. It is scheduled: `machine.hardware` says which rows are here; `run.supervisor` starts a worker
   process for each GPU of a row, on its share of the cases.
3. It runs: the worker's `run.case_plugin` gives it to pytest (``tests/cells``), whose test calls
   `checks.parity.ask` or `checks.perf.ask`.
4. It is measured, by `measure`, and `records.record_files` keeps what was found.
5. It is judged: `checks.judge_plan` holds its record to the baselines (`records.golden`,
   `records.time_baseline`, `records.sensitivity`). Builds are judged by `checks.codegen.judge`.
6. It is told: `report` prints a verdict for everything planned and ends with the exit code.

`sessions.bless` replaces baselines by fresh results, `sessions.proposal` takes over those that
another machine measured, and `sessions.reproduce` runs a record again.
"""
