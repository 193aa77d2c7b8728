"""Perf: what was timed of each case in processes of its own, handed to pytest-benchmark.

The samples are device times of one launch; the clock is moved on by each in turn, so that its
statistics and its JSON are those of the device. The verdict is the report's, not this test's.
"""

from typing import Any

from kernelproof.measure.evidence import Evidence
from kernelproof.plan.cases import Case
from kernelproof.records.timing import KERNEL, CaseTiming
from kernelproof.run.virtual_clock import VirtualClock


def ask(
    case: Case, evidence: Evidence, timing: CaseTiming, virtual: VirtualClock, benchmark: Any
) -> None:
    """Every sample of the kernel's, and what its baseline will need, beside them."""
    evidence.timing = timing
    samples = [us for process in timing.processes for us in process.samples_us[KERNEL]]
    every = iter(samples)
    benchmark.pedantic(lambda: virtual.pass_us(next(every)), rounds=len(samples), iterations=1)
    benchmark.extra_info.update(
        case=case.id,
        floor_us=round(timing.floor_us, 4),
        ratio_to_floor=round(timing.ratio, 4),
        bytes=timing.bytes,
        code_hash=timing.code_hash,
        timing=timing.model_dump(mode="json"),
    )
    evidence.add_numbers(time_us=timing.us, floor_us=timing.floor_us, ratio_to_floor=timing.ratio)
