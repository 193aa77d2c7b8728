"""The perf check: times a worker's cases, and hands each one's samples to pytest-benchmark.

The samples are device times of one launch. Each moves the virtual clock on in turn, so that the
statistics and the JSON of pytest-benchmark are those of the device. The report gives the verdict,
not this test.
"""

from functools import partial
from typing import Any

from kernelproof.checks.perf.row_timing import time_row
from kernelproof.machine.gpu_lock import SECONDS_TO_WAIT, exclusive_gpu, lock_name
from kernelproof.measure import torch_device
from kernelproof.measure.evidence import Evidence
from kernelproof.plan.cases import Case
from kernelproof.plan.repository import shown_path
from kernelproof.plan.timing_pace import SECONDS_A_PROCESS, Pace
from kernelproof.records import record_files
from kernelproof.records.timing import KERNEL, CaseTiming
from kernelproof.run.case_run import CaseRun
from kernelproof.run.virtual_clock import VirtualClock
from kernelproof.run.worker_messages import WorkerMessage

# A case is timed at most twice: by itself, and beside the baseline's code.
_TIMINGS = 2


def ask(
    case: Case, evidence: Evidence, timing: CaseTiming, virtual_clock: VirtualClock, benchmark: Any
) -> None:
    """Passes on every sample of the kernel, with the timing that its baseline will need."""
    evidence.timing = timing
    samples = [us for process in timing.processes for us in process.samples_us[KERNEL]]
    remaining = iter(samples)
    benchmark.pedantic(
        lambda: virtual_clock.pass_us(next(remaining)), rounds=len(samples), iterations=1
    )
    benchmark.extra_info.update(
        case=case.id,
        floor_us=round(timing.floor_us, 4),
        ratio_to_floor=round(timing.ratio, 4),
        bytes=timing.bytes,
        code_hash=timing.code_hash,
        timing=timing.model_dump(mode="json"),
    )
    evidence.add_numbers(time_us=timing.us, floor_us=timing.floor_us, ratio_to_floor=timing.ratio)


def time_share(run: CaseRun) -> int:
    """Times the cases of a worker's share, tests each, and returns the worker's exit code."""
    plan, plugin = run.plan, run.plugin
    file = plan.samples(plan.share)
    record_files.make_folder(file.parent)
    pace = Pace(first=plan.processes, most=plan.processes) if plan.processes else Pace()
    seconds = SECONDS_TO_WAIT + _TIMINGS * pace.most * SECONDS_A_PROCESS
    run.messages.send(WorkerMessage(seconds=seconds))
    with exclusive_gpu(lock_name(torch_device.uuid_of(plugin.device), plan.row)):
        # The report judges the whole plan together, however many cases are timed here.
        comparisons, say = len(plan.cases), partial(print, flush=True)
        plugin.timed = time_row(plugin.cases, plugin.machine, say, pace, comparisons)
    run.messages.send(WorkerMessage())
    code = run.test_cases("--benchmark-quiet", f"--benchmark-json={file}")
    if plan.share.of == 1:
        print(f"samples, for pytest-benchmark compare: {shown_path(file)}")
    return code
