"""A timing process: reads one request from its standard input, prints one answer a case.

torch is imported before the request is read, so that the next process can be ready while this one
measures. The GPU is first touched after that, as its turn belongs to the parent, which runs one
timing process at a time.
"""

import contextlib
import hashlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from statistics import median
from typing import Any

import torch

from kernelproof.checks.codegen.compile import code_of
from kernelproof.checks.perf import calibration
from kernelproof.machine.gpu_monitor import Monitor
from kernelproof.measure import clock as clocks
from kernelproof.measure import torch_device
from kernelproof.measure.clock import Contestant, GpuClock, race, record_contestant, timed_rounds
from kernelproof.measure.contestants import TensorSet, first_set
from kernelproof.measure.launch_capture import capture_kernels
from kernelproof.measure.proof_import import spec_of
from kernelproof.measure.throttle_watch import ThrottleWatch
from kernelproof.plan import matrix
from kernelproof.plan.value_types import DTYPES
from kernelproof.records import timing
from kernelproof.records.timing import FLOOR, KERNEL, CaseRequest, TimingAnswer, TimingRequest
from kernelproof.spec import Spec

# Inputs of few tokens stay in the cache with any number of sets; so many are made soon enough.
_SETS_WITHIN_CACHE = 64
# Rounds that are tried for each wanted one, if the GPU is held back.
_TRIES_A_ROUND = 4
_SECONDS_TO_COOL = 0.1
# Samples that choose the fastest floor, and those of the sentinel after a case.
_FLOOR_ROUNDS, _SENTINEL_ROUNDS = 5, 3
_SENTINEL_BYTES = 2**28
# The GPU is warm once the last samples of the sentinel lie within this part of each other.
_STEADY_PART, _STEADY_SAMPLES, _MOST_WARM_UP_SAMPLES = 0.01, 5, 400

Enter = Callable[[Callable[..., Any]], Contestant]


@dataclass(frozen=True, kw_only=True)
class TimingBench:
    """The warm GPU of a row, with its clock, its monitor, and the kernels to time on it.

    `sentinel` takes the same time on an unchanged machine. `references` are the kernels of the
    reference tree, if there is one.
    """

    device: torch.device
    clock: GpuClock
    monitor: Monitor
    sentinel: Contestant
    specs: dict[str, Spec]
    references: dict[str, Spec]


def _spec_in_tree(kernel: str, tree: str | None) -> Spec:
    """Returns the spec of a kernel in a source tree, None for this one.

    The modules of the tree are forgotten again, so that two trees can be imported side by side.
    """
    if not tree:
        return spec_of(kernel)
    ours = _forget_modules(kernel)
    sys.path.insert(0, f"{tree}/kernels")
    try:
        importlib.invalidate_caches()
        return spec_of(kernel)
    finally:
        sys.path.remove(f"{tree}/kernels")
        _forget_modules(kernel)
        sys.modules.update(ours)


def _forget_modules(kernel: str) -> dict[str, Any]:
    """Returns the imported modules of a kernel, which a later import reads again."""
    names = [name for name in sys.modules if name.partition(".")[0] == kernel]
    return {name: sys.modules.pop(name) for name in names}


def prepare_bench(request: TimingRequest) -> TimingBench:
    """Returns the row's GPU, warm, with the kernels of the request.

    Raises NotTheRowError if this machine is another one.
    """
    device = torch_device.device_of(request.row, matrix.load().rows[request.row])
    clock = GpuClock(device)
    source = torch.rand(_SENTINEL_BYTES // 4, device=device)
    negated = torch.empty_like(source)
    sentinel = record_contestant([partial(torch.neg, source, out=negated)], clock)
    _warm_up(sentinel)
    kernels = dict.fromkeys(case.kernel for case in request.cases)
    beside = kernels if request.reference_tree else {}
    return TimingBench(
        device=device,
        clock=clock,
        monitor=Monitor(torch_device.uuid_of(device)),
        sentinel=sentinel,
        references={kernel: _spec_in_tree(kernel, request.reference_tree) for kernel in beside},
        specs={kernel: _spec_in_tree(kernel, request.tree) for kernel in kernels},
    )


def _warm_up(sentinel: Contestant) -> None:
    """Runs the sentinel until its time is steady, at most `_MOST_WARM_UP_SAMPLES` times."""
    samples: list[float] = []
    for times in islice(timed_rounds({"sentinel": sentinel}), _MOST_WARM_UP_SAMPLES):
        samples.append(times["sentinel"])
        last = samples[-_STEADY_SAMPLES:]
        if len(last) == _STEADY_SAMPLES and max(last) <= min(last) * (1 + _STEADY_PART):
            return


def answer_case(case: CaseRequest, request: TimingRequest, bench: TimingBench) -> TimingAnswer:
    """Returns the times of one case, or the planted rounds that a calibration finds."""
    # Inputs beyond the cache, or `_SETS_WITHIN_CACHE` sets if they are too small for that.
    spec, dtype = bench.specs[case.kernel], getattr(torch, DTYPES[case.dtype])
    first = first_set(spec, dtype, case.shape, bench.device)
    count = clocks.set_count(first.bytes, bench.clock.l2_bytes, within=_SETS_WITHIN_CACHE)
    sets = [first, *(first.copy() for _ in range(count - 1))]
    enter = partial(_enter, sets=sets, bench=bench)
    if request.task == "calibrate":
        planted = calibration.planted_rounds(case.slower_by, spec, enter)
        return TimingAnswer(case=case.case, planted=planted)
    # The kernel beside its floor, and beside whatever else the request names.
    floors = {str(floor): floor for floor in spec.floors}
    floor = case.floor if case.floor in floors else _fastest(floors, enter)
    launches = {KERNEL: spec.launch, FLOOR: floors[floor]}
    if case.is_repeated:
        launches[timing.REPEAT] = spec.launch
    if bench.references:
        launches[timing.REFERENCE] = bench.references[case.kernel].launch
    if spec.slowed:
        launches |= {name: spec.slowed(rounds) for name, rounds in case.planted.items()}
    contestants = {name: enter(launch) for name, launch in launches.items()}
    codes: list[str | None] = [None, None]
    if request.is_hashed:
        codes = [_code_hash(partial(call, **first.inputs)) for call in (spec.launch, floors[floor])]
    return TimingAnswer(
        case=case.case,
        floor=floor,
        process=time_contestants(contestants, request, bench),
        bytes=spec.least_bytes(case.shape, dtype) if spec.least_bytes else None,
        launches={name: contestant.launches for name, contestant in contestants.items()},
        code_hash=codes[0],
        floor_hash=codes[1],
    )


def _enter(launch: Callable[..., Any], *, sets: list[TensorSet], bench: TimingBench) -> Contestant:
    calls = [partial(launch, **tensors.inputs, out=tensors.out) for tensors in sets]
    return record_contestant(calls, bench.clock)


def _fastest(floors: Mapping[str, Any], enter: Enter) -> str:
    """Returns the name of the fastest floor of those that this shape allows."""
    contestants: dict[str, Contestant] = {}
    for name, floor in floors.items():
        with contextlib.suppress(NotImplementedError):
            contestants[name] = enter(floor)
    times = race(contestants, rounds=_FLOOR_ROUNDS)
    return min(times, key=lambda name: median(times[name]))


def _code_hash(call: Callable[[], object]) -> str | None:
    """Returns a hash of the normalised code of every kernel that a call launches."""
    codes = [code_of(kernel).sha256 for kernel in capture_kernels(call)]
    return hashlib.sha256("\n".join(codes).encode()).hexdigest() if codes else None


def time_contestants(
    contestants: Mapping[str, Contestant], request: TimingRequest, bench: TimingBench
) -> timing.ProcessTimes:
    """Returns the samples of the rounds that the request asks for.

    A round with a sample during which the GPU was held back is discarded whole and counted, so
    that all samples are measured under the same conditions. Raises RuntimeError if every round
    is.
    """
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    discarded, watch = 0, ThrottleWatch(bench.monitor)
    watched = {name: watch.around(contestant) for name, contestant in contestants.items()}
    rounds = timed_rounds(watched, seed=request.seed)
    for times in islice(rounds, _TRIES_A_ROUND * request.rounds):
        if watch.was_held_back:
            discarded += 1
            time.sleep(_SECONDS_TO_COOL)
        else:
            for name, us in times.items():
                samples[name].append(round(us, 5))
        if len(samples[KERNEL]) == request.rounds:
            break
        watch.begin()
    if not samples[KERNEL]:
        message = f"all {discarded} rounds were discarded: power or heat held the GPU's clock back"
        raise RuntimeError(message)
    sentinel = race({"sentinel": bench.sentinel}, rounds=_SENTINEL_ROUNDS)
    return timing.ProcessTimes(
        samples_us=samples,
        discarded=discarded,
        sentinel_us=round(median(sentinel["sentinel"]), 4),
        sm_clock_mhz=watch.state.sm_clock_mhz,
        temperature_c=watch.state.temperature_c,
    )


def answer_all(request: TimingRequest, bench: TimingBench) -> Iterator[TimingAnswer]:
    """Yields an answer for each case of the request in order, until the device is lost."""
    for case in request.cases:
        try:
            yield answer_case(case, request, bench)
        except Exception as error:  # noqa: BLE001  (a kernel's own, of any kind; reported)
            message = f"{type(error).__name__}: {str(error).strip() or 'no message'}"
            if lost := _device_error(bench):
                message = f"{message}\nthe device does not answer any more: {lost}"
                yield TimingAnswer(case=case.case, error=message, outcome="crash")
                return
            yield TimingAnswer(case=case.case, error=message)


def _device_error(bench: TimingBench) -> str:
    """Returns an empty string if the device still runs the sentinel, else its error message."""
    try:
        bench.sentinel.recording.replay()
    except Exception as error:  # noqa: BLE001  (of the driver; reported)
        return str(error).strip().partition("\n")[0]
    return ""


def main() -> None:
    """Prints READY once the GPU is warm, then every answer."""
    request = TimingRequest.model_validate_json(sys.stdin.readline())
    with torch.inference_mode():
        bench = prepare_bench(request)
        print(timing.READY, flush=True)
        for answer in answer_all(request, bench):
            print(answer.model_dump_json(), flush=True)


if __name__ == "__main__":
    main()
