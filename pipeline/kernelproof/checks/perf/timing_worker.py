"""A timing process: reads one request from its standard input, prints one answer a case.

torch is imported before the request is read, so that the next process can be ready while this one
measures; the GPU is touched after. Everything is timed alone: the parent holds the GPU's turn.
"""

import contextlib
import hashlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch

from kernelproof.checks.codegen.compile import code_of
from kernelproof.checks.perf import calibration
from kernelproof.machine.gpu_monitor import Monitor
from kernelproof.measure import torch_device
from kernelproof.measure.clock import (
    Contestant,
    GpuClock,
    race,
    record_contestant,
    set_count,
    timed_rounds,
)
from kernelproof.measure.contestants import TensorSet, first_set
from kernelproof.measure.launch_capture import capture_kernels
from kernelproof.measure.proof_import import spec_of
from kernelproof.measure.throttle_watch import ThrottleWatch
from kernelproof.plan import matrix
from kernelproof.plan.value_types import DTYPES
from kernelproof.records.timing import (
    FLOOR,
    KERNEL,
    READY,
    REFERENCE,
    REPEAT,
    CaseRequest,
    ProcessTimes,
    TimingAnswer,
    TimingRequest,
)
from kernelproof.spec import Spec

# Inputs of few tokens, which stay in the cache, however many sets there are: fewer are sooner made.
_SETS_WITHIN = 64
_MOST_TRIES = 4  # rounds for each that is wanted, where the GPU is held back
_SECONDS_TO_COOL = 0.1
_SENTINEL_BYTES = 2**28
_STEADY, _STEADY_SAMPLES, _WARM_UP_SAMPLES = 0.01, 5, 400


@dataclass(frozen=True, kw_only=True)
class TimingBench:
    """The GPU, its clock and monitor, and what always takes the same there: the sentinel."""

    device: torch.device
    clock: GpuClock
    monitor: Monitor
    sentinel: Contestant
    specs: dict[str, Spec]
    references: dict[str, Spec]


def _spec_of_tree(kernel: str, root: Path | None) -> Spec:
    """Returns the spec of a kernel of this tree, or of the tree `root`, whichever is imported."""
    if root is None:
        return spec_of(kernel)
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_of(kernel, name)}
    sys.path.insert(0, str(root / "kernels"))
    try:
        importlib.invalidate_caches()
        return spec_of(kernel)
    finally:
        sys.path.remove(str(root / "kernels"))
        for name in list(sys.modules):
            if _is_of(kernel, name):
                del sys.modules[name]
        sys.modules.update(ours)


def _is_of(kernel: str, module: str) -> bool:
    return module.partition(".")[0] == kernel


def bench_of(request: TimingRequest) -> TimingBench:
    """The row's GPU, warm and steady; NotTheRowError where this machine is another."""
    device = torch_device.device_of(request.row, matrix.load().rows[request.row])
    clock = GpuClock(device)
    source = torch.rand(_SENTINEL_BYTES // 4, device=device)
    negated = torch.empty_like(source)
    sentinel = record_contestant([partial(torch.neg, source, out=negated)], clock)
    samples: list[float] = []
    for found in islice(timed_rounds({"sentinel": sentinel}), _WARM_UP_SAMPLES):
        samples.append(found["sentinel"])
        last = samples[-_STEADY_SAMPLES:]
        if len(last) == _STEADY_SAMPLES and max(last) <= min(last) * (1 + _STEADY):
            break
    kernels = dict.fromkeys(asked.kernel for asked in request.cases)
    root, tree = (Path(one) if one else None for one in (request.root, request.tree))
    return TimingBench(
        device=device,
        clock=clock,
        monitor=Monitor(torch_device.uuid_of(device)),
        sentinel=sentinel,
        references={kernel: _spec_of_tree(kernel, root) for kernel in kernels} if root else {},
        specs={kernel: _spec_of_tree(kernel, tree) for kernel in kernels},
    )


def answer(asked: CaseRequest, request: TimingRequest, bench: TimingBench) -> TimingAnswer:
    """One case timed, or calibrated; its contestants, then its samples."""
    spec, dtype = bench.specs[asked.kernel], getattr(torch, DTYPES[asked.dtype])
    first = first_set(spec, dtype, asked.shape, bench.device)
    count = set_count(first.bytes, bench.clock.l2_bytes, within=_SETS_WITHIN)
    sets = [first, *(first.copy() for _ in range(count - 1))]
    enter = partial(_entered, sets=sets, bench=bench)
    if request.task == "calibrate":
        planted = calibration.rounds_for(asked.slower_by, spec, enter)
        return TimingAnswer(case=asked.case, planted=planted)
    floors = {str(floor): floor for floor in spec.floors}
    floor = asked.floor if asked.floor in floors else _fastest(floors, enter)
    launches = {KERNEL: spec.launch, FLOOR: floors[floor]}
    if asked.is_repeated:
        launches[REPEAT] = spec.launch
    if bench.references:
        launches[REFERENCE] = bench.references[asked.kernel].launch
    if spec.slowed:
        launches |= {name: spec.slowed(rounds) for name, rounds in asked.planted.items()}
    ready = {name: enter(launch) for name, launch in launches.items()}
    codes: list[str | None] = [None, None]
    if request.is_hashed:
        codes = [_hash(partial(call, **first.inputs)) for call in (spec.launch, floors[floor])]
    return TimingAnswer(
        case=asked.case,
        floor=floor,
        process=process_of(ready, request, bench),
        bytes=spec.least_bytes(asked.shape, dtype) if spec.least_bytes else None,
        launches={name: one.launches for name, one in ready.items()},
        code_hash=codes[0],
        floor_hash=codes[1],
    )


def _entered(
    launch: Callable[..., Any], *, sets: list[TensorSet], bench: TimingBench
) -> Contestant:
    calls = [partial(launch, **one.inputs, out=one.out) for one in sets]
    return record_contestant(calls, bench.clock)


def _fastest(floors: dict[str, Any], enter: Callable[..., Contestant]) -> str:
    """The name of the fastest floor of those that this shape allows."""
    ready: dict[str, Contestant] = {}
    for name, floor in floors.items():
        with contextlib.suppress(NotImplementedError):
            ready[name] = enter(floor)
    times = race(ready, rounds=5)
    return min(times, key=lambda name: median(times[name]))


def _hash(call: Callable[[], object]) -> str | None:
    """A hash over the normalised code of every kernel that a call launches."""
    codes = [code_of(kernel).sha256 for kernel in capture_kernels(call)]
    return hashlib.sha256("\n".join(codes).encode()).hexdigest() if codes else None


def process_of(
    ready: dict[str, Contestant], request: TimingRequest, bench: TimingBench
) -> ProcessTimes:
    """The samples of as many rounds as are asked for.

    A round with a sample during which the GPU was held back is discarded whole, and counted: what
    is compared was measured under the same conditions.
    """
    samples: dict[str, list[float]] = {name: [] for name in ready}
    discarded, watched = 0, ThrottleWatch(bench.monitor)
    every = {name: watched.around(one) for name, one in ready.items()}
    for found in islice(timed_rounds(every, seed=request.seed), _MOST_TRIES * request.rounds):
        if watched.was_held_back:
            discarded += 1
            time.sleep(_SECONDS_TO_COOL)
        else:
            for name, us in found.items():
                samples[name].append(round(us, 5))
        if len(samples[KERNEL]) == request.rounds:
            break
        watched.begin()
    if not samples[KERNEL]:
        message = f"all {discarded} rounds were discarded: power or heat held the GPU's clock back"
        raise RuntimeError(message)
    return ProcessTimes(
        samples_us=samples,
        discarded=discarded,
        sentinel_us=round(median(race({"sentinel": bench.sentinel}, rounds=3)["sentinel"]), 4),
        sm_clock_mhz=watched.state.sm_clock_mhz,
        temperature_c=watched.state.temperature_c,
    )


def answers(request: TimingRequest, bench: TimingBench) -> Iterator[TimingAnswer]:
    """An answer for each case, in the order of the request, until the device is lost."""
    for asked in request.cases:
        try:
            yield answer(asked, request, bench)
        except Exception as error:  # noqa: BLE001  (a kernel's own, of any kind; told)
            told = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
            if words := _lost(bench):
                told = f"{told}\nthe device does not answer any more: {words}"
                yield TimingAnswer(case=asked.case, error=told, outcome="crash")
                return
            yield TimingAnswer(case=asked.case, error=told)


def _lost(bench: TimingBench) -> str:
    """What the device says instead of running the sentinel, or nothing."""
    try:
        bench.sentinel.recording.replay()
    except Exception as error:  # noqa: BLE001  (of the driver; told)
        return str(error).strip().partition("\n")[0]
    return ""


def main() -> None:
    """Says that it is ready, once it is, then every answer."""
    request = TimingRequest.model_validate_json(sys.stdin.readline())
    with torch.inference_mode():
        bench = bench_of(request)
        print(READY, flush=True)
        for one in answers(request, bench):
            print(one.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
