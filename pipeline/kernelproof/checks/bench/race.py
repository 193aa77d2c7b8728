"""The race of one shape: every contestant recorded, raced, and called from the host."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median

import torch

from kernelproof.measure.clock import Clock, Contestant, host_us, race, record_contestant, set_count
from kernelproof.measure.contestants import Launch, TensorSet, first_set
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.records.bench_run import BenchCase, ContestantResult, ContestantTimes
from kernelproof.spec import Spec

_KERNEL, _BARE = "kernel", "bare launch"
# The device time that the calls of one contestant may take while the host is timed.
_HOST_DEVICE_US = 100_000
_FEWEST_CALLS, _MOST_CALLS = 10, 200


@dataclass(kw_only=True)
class ShapeRace:
    """The contestants of one shape that are ready to race, and the results of all."""

    spec: Spec
    sets: list[TensorSet]
    clock: Clock
    ready: dict[str, tuple[Launch, Contestant]] = field(default_factory=dict)
    results: dict[str, ContestantResult] = field(default_factory=dict)
    bare_host_us: float | None = None

    def enter(self, name: str, load: Callable[[], Launch | None]) -> None:
        """Records the launch that `load` returns, or the reason that it cannot take part."""
        try:
            launch = load()
            if launch is None:
                self.results[name] = ContestantResult(state="not installed")
                return
            calls = [partial(launch, **tensors.inputs, out=tensors.out) for tensors in self.sets]
            self.ready[name] = launch, record_contestant(calls, self.clock)
        except NotImplementedError:
            self.results[name] = ContestantResult(state="unsupported")
        except Exception as error:  # noqa: BLE001  (a peer's own, of any kind: reported, and exit 1)
            first = (str(error).strip() or "no message").splitlines()[0]
            message = f"{type(error).__name__}: {first}"
            self.results[name] = ContestantResult(state="error", error=message)

    def run(self, rounds: int, timed_on_host: Collection[str]) -> None:
        """Races the contestants that are ready, then times the named ones on the host."""
        contestants = {name: contestant for name, (_, contestant) in self.ready.items()}
        samples = race(contestants, rounds=rounds)
        device_us = {name: median(samples[name]) for name in contestants if name in timed_on_host}
        host = self._host_us(device_us)
        for name, contestant in contestants.items():
            timing = ContestantTimes(
                samples_us=[round(us, 4) for us in samples[name]],
                launches=contestant.launches,
                is_graph=contestant.recording.is_graph,
            )
            result = ContestantResult(state="timed", timing=timing, host_us=host.get(name))
            self.results[name] = result
        self.bare_host_us = host.get(_BARE)

    def _host_us(self, device_us: Mapping[str, float]) -> dict[str, float]:
        """Returns the host's time of a call that makes its own outputs, and of the bare launch.

        `device_us` holds the device time of each contestant to time, in microseconds.
        """
        launches = {name: self.ready[name][0] for name in device_us}
        if self.spec.bare and _KERNEL in device_us:
            launches[_BARE] = self.spec.bare
            device_us = {**device_us, _BARE: device_us[_KERNEL]}
        inputs = self.sets[0].inputs
        calls = {name: partial(launch, **inputs) for name, launch in launches.items()}
        counts = {
            name: min(max(int(_HOST_DEVICE_US / max(us, 1)), _FEWEST_CALLS), _MOST_CALLS)
            for name, us in device_us.items()
        }
        times = host_us(calls, counts, self.clock.synchronize)
        return {name: round(us, 3) for name, us in times.items()}


def measure(
    case: Case,
    spec: Spec,
    device: torch.device,
    clock: Clock,
    *,
    rounds: int,
    peers: Collection[str],
) -> BenchCase:
    """Returns the times of a kernel, its floors and the named peers at one shape, interleaved."""
    shape = dict(case.shape)
    dtype = getattr(torch, DTYPES[case.dtype])
    floors = {str(floor): floor for floor in spec.floors}
    chosen = {name: peer for name, peer in spec.peers.items() if name in peers}
    with torch.inference_mode():
        # So many sets of inputs and outputs that none is still in the cache.
        first = first_set(spec, dtype, shape, device)
        count = set_count(first.bytes, clock.l2_bytes)
        sets = [first, *(first.copy() for _ in range(count - 1))]
        shape_race = ShapeRace(spec=spec, sets=sets, clock=clock)
        shape_race.enter(_KERNEL, lambda: spec.launch)
        for name, floor in floors.items():
            shape_race.enter(name, partial(lambda launch: launch, floor))
        for name, peer in chosen.items():
            shape_race.enter(name, peer)
        shape_race.run(rounds, {_KERNEL, *chosen})
    results, bare = shape_race.results, shape_race.bare_host_us
    # Give the memory of this shape back before the next one needs it.
    del shape_race, first, sets
    clock.free()
    return BenchCase(
        case=case.id,
        kernel=case.kernel,
        dtype=case.dtype,
        shape=shape,
        sets=count,
        least_bytes=spec.least_bytes(shape, dtype) if spec.least_bytes else None,
        ours=results[_KERNEL],
        floors={name: results[name] for name in floors},
        peers={name: results[name] for name in chosen},
        bare_host_us=bare,
    )
