"""Facts of healthy made-up machines, which a test changes in one place each."""

from dataclasses import replace
from typing import Any

from kernelproof.doctor.facts import GpuFacts, HostFacts, Level, RowFacts, ToolchainFacts
from kernelproof.doctor.findings import findings

GPU = GpuFacts(
    number=1,
    name="NVIDIA H200",
    driver="580.159.04",
    clock_mhz=345,
    max_clock_mhz=1980,
    max_memory_clock_mhz=3201,
    application_clock_mhz=1980,
    is_persistent=True,
    power_limit_w=700.0,
    usual_power_limit_w=700.0,
    held_back_by=(),
    temperature_c=34,
    slows_at_c=87,
    is_ecc=True,
    uncorrected_errors=0,
    is_repair_pending=False,
    total_gb=150.7,
    free_gb=150.0,
    processes=(),
)
PINNED = {"torch": "2.11.0", "triton": "3.6.0", "pytest": "9.2.0", "pydantic": "2.14.3"}
TOOLCHAIN = ToolchainFacts(
    name="cuda",
    python="3.12.3",
    pinned=PINNED,
    installed={**PINNED, "torch": "2.11.0+cu130"},
    sees=("NVIDIA H200",),
)
HOST = HostFacts(
    memory_gb=256.0,
    toolchains_free_gb=400.0,
    results_free_gb=400.0,
    cache="/cache",
    git="2.39.5",
    nox="2026.10.20",
)
H200 = RowFacts(
    row="h200",
    backend="cuda",
    device="NVIDIA H200",
    memory_gb=141,
    needs_gb=80,
    needs_nox="2026.10.20",
    gpus=(GPU,),
    toolchain=TOOLCHAIN,
    host=HOST,
    stored={
        "max_sm_clock_mhz": 1980,
        "max_memory_clock_mhz": 3201,
        "power_limit_mw": 700000,
        "ecc": 1,
    },
)
CPU = replace(
    H200,
    row="cpu",
    backend="interpreter",
    device="cpu",
    memory_gb=16,
    needs_gb=None,
    gpus=(),
    toolchain=replace(TOOLCHAIN, name="cpu", sees=None),
    stored={},
)


def with_gpu(facts: RowFacts = H200, **changes: Any) -> RowFacts:
    """Returns the machine with its GPU changed."""
    return replace(facts, gpus=(replace(facts.gpus[0], **changes),))


def with_tools(facts: RowFacts = H200, **changes: Any) -> RowFacts:
    """Returns the machine with its toolchain changed."""
    return replace(facts, toolchain=replace(facts.toolchain, **changes))


def with_host(facts: RowFacts = H200, **changes: Any) -> RowFacts:
    """Returns the machine with its host changed."""
    return replace(facts, host=replace(facts.host, **changes))


def complaints(facts: RowFacts) -> list[str]:
    """Returns the findings that are not ok, a line each, with single spaces."""
    lines = [str(finding) for finding in findings(facts) if finding.level != Level.OK]
    return [" ".join(line.split()) for line in lines]


def unlike(facts: RowFacts, start: str, *parts: str) -> list[str]:
    """Returns the complaints unless they are one line that begins so and holds these parts."""
    lines = complaints(facts)
    is_alike = (
        len(lines) == 1 and lines[0].startswith(start) and all(part in lines[0] for part in parts)
    )
    return [] if is_alike else [f"expected {start} {parts}", *lines]
