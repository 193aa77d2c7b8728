"""Made-up code of a kernel's builds, and its lock."""

from typing import Any

from kernelproof.checks.codegen.compile_request import CompiledBuild
from kernelproof.checks.perf.commit_comparison import CompiledCode
from kernelproof.records.code_lock import BuildSettings, CodeCosts, CodeLock

BUILD, ARCHITECTURE = "fp32-E8-K2-T7-cuda", "sm_90"
ERROR = "!"  # the letter of code that does not compile
TOOLS = {"triton": "3.6.0", "ptxas": "12.8"}
COSTS: dict[str, Any] = {
    "rows": 4,
    "num_warps": 1,
    "registers": 62,
    "stack": 0,
    "spills": 0,
    "shared": 256,
    "resident_warps": 32,
    "instructions": 1784,
    "instructions_per_row": 446.0,
    "bytes": 28544,
    "load_widths": {"16": 2},
    "store_widths": {"4": 2},
    "classes": {"alu": 813, "fma": 735},
    "kinds": {"FADD": 700, "FFMA": 35},
    "sha256": "a" * 64,
}
SETTINGS: dict[str, Any] = {
    "pointers": {"gating_ptr": "bf16"},
    "integers": {"num_tokens": 2048},
    "constants": {"E": 128, "IS_WIDE": False},
    "options": {"num_warps": 1, "enable_fp_fusion": False},
}


def lock_of(**changes: Any) -> CodeLock:
    """Returns a lock of one build on two architectures."""
    return CodeLock.model_validate(
        {
            "kernel": "toy",
            "reason": "the first",
            "date": "2026-11-23",
            "moved": "2 new",
            "moves": [],
            "toolchain": TOOLS,
            "builds": {BUILD: SETTINGS},
            "costs": {BUILD: {"sm_90": COSTS, "gfx942": COSTS}},
            **changes,
        }
    )


def compiled(architecture: str = ARCHITECTURE, **costs: Any) -> CompiledBuild:
    """Returns the build of the lock, with some other costs."""
    return CompiledBuild(
        kernel="toy",
        build=BUILD,
        architecture=architecture,
        toolchain=TOOLS,
        settings=BuildSettings.model_validate(SETTINGS),
        costs=CodeCosts.model_validate({**COSTS, **costs}),
    )


def code_of(
    letter: str, *, a_row: float = 100.0, spills: int = 0, kernel: str = "toy"
) -> CompiledCode:
    """Returns the code of a kernel with one build, whose hash is the letter's."""
    sha256 = f"{ord(letter):02x}" * 32
    build = compiled(instructions_per_row=a_row, spills=spills, sha256=sha256)
    changes: dict[str, Any] = {"kernel": kernel}
    if letter == ERROR:
        changes |= {"costs": None, "error": "no such instruction"}
    return {(kernel, BUILD, ARCHITECTURE): build.model_copy(update=changes)}
