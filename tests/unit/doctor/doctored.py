"""Facts of made-up machines, all well, to be spoilt in one place each."""

from dataclasses import replace
from typing import Any

from kernelproof.doctor.facts import Facts, GpuFacts, HostFacts, ToolchainFacts

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
H200 = Facts(
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


def with_gpu(facts: Facts = H200, **changed: Any) -> Facts:
    """The machine with its GPU changed."""
    return replace(facts, gpus=(replace(facts.gpus[0], **changed),))


def with_tools(facts: Facts = H200, **changed: Any) -> Facts:
    """The machine with its toolchain changed."""
    return replace(facts, toolchain=replace(facts.toolchain, **changed))


def with_host(facts: Facts = H200, **changed: Any) -> Facts:
    """The machine with its host changed."""
    return replace(facts, host=replace(facts.host, **changed))
