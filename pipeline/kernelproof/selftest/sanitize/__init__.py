"""NVIDIA's compute-sanitizer over small cases: whether a kernel touches what is not its own.

The walk of one tool, a file each, in this order::

    matrix.yaml (sanitize: sizes and a time limit) -> tools (the options of each) -> run (one
    process, under the tool) -> worker (a fault of `planted`, the launches of a case, by `launch`,
    a fault again, and so on) -> log (what the tool has written) -> judge (whose each report is)
    -> tables

========== ====================================================================================
memcheck   accesses outside of an allocation, or misaligned; every tensor is one of its own
racecheck  hazards in shared memory, those of asynchronous copies among them
initcheck  global memory that is read, or copied back, before anything was written there
synccheck  barriers that threads reach which they are not for
========== ====================================================================================

A tool that reports nothing may see nothing. So a fault of its own kind is planted before the first
case and behind each: all of these have to be reported, or the run is red. What is reported between
two of them is of the case between them. Nothing is filtered: whatever is launched is checked, the
copies of torch's, too. Inputs and references are made on the host, to keep torch's kernels few.

The tools are for NVIDIA GPUs: on rows of another backend nothing is planned, which one line says
(`not installed`, exit code 0). On an NVIDIA row without compute-sanitizer what is planned does not
run: the same words, and exit code 1.
"""
