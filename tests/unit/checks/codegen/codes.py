"""Made-up code of a kernel's builds: what it costs is given, its hash is a letter's."""

from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.checks.perf.commit_comparison import CompiledCode
from kernelproof.records.code_lock import BuildSettings, CodeCosts

BUILD, ARCHITECTURE = "fp32-E8-K2-T7-cuda", "sm_90"
ERROR = "!"  # the letter of code that does not compile


def code_of(
    letter: str, *, a_row: float = 100.0, spills: int = 0, kernel: str = "toy"
) -> CompiledCode:
    """One build on one architecture."""
    costs = CodeCosts(
        rows=1,
        num_warps=1,
        registers=32,
        stack=0,
        spills=spills,
        shared=0,
        resident_warps=64,
        instructions=200,
        instructions_per_row=a_row,
        bytes=3200,
        load_widths={},
        store_widths={},
        classes={},
        kinds={},
        sha256=f"{ord(letter):02x}" * 32,
    )
    found = CompiledBuild(
        kernel=kernel,
        build=BUILD,
        architecture=ARCHITECTURE,
        toolchain={},
        settings=BuildSettings(pointers={}, integers={}, constants={}, options={}),
        costs=None if letter == ERROR else costs,
        error="no such instruction" if letter == ERROR else None,
    )
    return {(kernel, BUILD, ARCHITECTURE): found}
