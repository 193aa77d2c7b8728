"""Generated code: the code of each kernel on every GPU architecture, compiled without a GPU.

A build is one launch of a kernel as the compiler sees it. A lock holds the costs of each build on
each architecture, and the toolchain that compiled them. A build passes through these files::

    SPEC.builds -> compile_request -> compile (worker processes, with Triton)
    -> disassembly (normalised text) -> instruction_costs (counts) -> judge, by the lock -> __main__

Counts are static: they see neither predicated traffic, nor the rounds of a loop, nor latency.
"""
