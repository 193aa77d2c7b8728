"""Generated code: what each kernel compiles to on every GPU architecture, without a GPU.

The walk of one build, a file each, in this order::

    SPEC.builds -> compile (a worker process: Triton, one record an architecture)
    -> disassembly (normalised text) -> costs (what it counts) -> judge, against lock -> __main__

A build is one launch of a kernel as the compiler sees it; a lock holds what each build cost on
each architecture, and the toolchain that it was compiled with. Counts are static: they see
neither predicated traffic, nor how often a loop runs, nor latency.
"""
