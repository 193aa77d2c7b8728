"""NVIDIA's compute-sanitizer over small cases, which finds accesses to memory of others.

The way of one tool through the files::

    matrix.yaml (sanitize: sizes and a time limit) -> tools (the options of each tool) -> tool_run
    (one process under the tool) -> sanitize_worker (one of the planted_errors, the launches of a
    case by case_launches, a planted error again, and so on) -> tool_log (what the tool has written)
    -> tool_findings (to which case each report belongs) -> tool_tables

========== ====================================================================================
memcheck   accesses outside of an allocation, or misaligned; each tensor has its own allocation
racecheck  hazards in shared memory, including those of asynchronous copies
initcheck  global memory that is read, or copied back, before anything was written there
synccheck  threads that reach a barrier which is not meant for them
========== ====================================================================================

A tool that reports nothing may be blind. So an error of its own kind is planted before the first
case and after each case; if one of these is not reported, the run is red. A report between two of
them belongs to the case between them. No report is filtered: whatever is launched is checked,
including the copies that torch launches. Inputs and references are made on the host, so that torch
launches few kernels.

The tools are for NVIDIA GPUs: on rows of another backend nothing is planned, which one line says
(`not installed`, exit code 0). On an NVIDIA row without compute-sanitizer the plan does not run:
the same words, and exit code 1.
"""
