"""The times of one shape: every contestant recorded, raced, and called from the host."""

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
_HOST_DEVICE_US = 100_000  # what the calls that time the host may take on the device
_FEWEST_CALLS, _MOST_CALLS = 10, 200


@dataclass(frozen=True, kw_only=True)
class BenchDevice:
    """Where shapes are measured: a device as torch names it, and as the clock knows it."""

    device: torch.device
    clock: Clock


@dataclass(kw_only=True)
class ShapeRace:
    """One shape on its way to its record."""

    spec: Spec
    sets: list[TensorSet]
    clock: Clock
    ready: dict[str, tuple[Launch, Contestant]] = field(default_factory=dict)
    entries: dict[str, ContestantResult] = field(default_factory=dict)
    bare_host_us: float | None = None

    def enter(self, name: str, given: Callable[[], Launch | None]) -> None:
        """Records a contestant, or why it cannot take part."""
        try:
            launch = given()
            if launch is None:
                self.entries[name] = ContestantResult(state="not installed")
                return
            calls = [partial(launch, **one.inputs, out=one.out) for one in self.sets]
            self.ready[name] = launch, record_contestant(calls, self.clock)
        except NotImplementedError:
            self.entries[name] = ContestantResult(state="unsupported")
        except Exception as error:  # noqa: BLE001  (a peer's own, of any kind; told, and exit 1)
            self._blame(name, error)

    def _blame(self, name: str, error: Exception) -> None:
        first = (str(error).strip() or "no message").splitlines()[0]
        self.entries[name] = ContestantResult(
            state="error", error=f"{type(error).__name__}: {first}"
        )

    def run(self, rounds: int, timed_on_host: Collection[str]) -> None:
        """Races what is ready; the host's time of calls that are not captured."""
        samples = race({name: one for name, (_, one) in self.ready.items()}, rounds=rounds)
        us = {name: median(found) for name, found in samples.items() if name in timed_on_host}
        host = self._host_us(us)
        for name, (_, one) in self.ready.items():
            timing = ContestantTimes(
                samples_us=[round(us, 4) for us in samples[name]],
                launches=one.launches,
                is_graph=one.recording.is_graph,
            )
            self.entries[name] = ContestantResult(
                state="timed", timing=timing, host_us=host.get(name)
            )
        self.bare_host_us = host.get(_BARE)

    def _host_us(self, device_us: Mapping[str, float]) -> dict[str, float]:
        """By name, of one call that makes its own outputs, as callers have it; of the bare one."""
        launches = {name: launch for name, (launch, _) in self.ready.items() if name in device_us}
        if self.spec.bare and _KERNEL in device_us:
            launches[_BARE] = self.spec.bare
            device_us = {**device_us, _BARE: device_us[_KERNEL]}
        inputs = self.sets[0].inputs
        calls = {name: partial(launch, **inputs) for name, launch in launches.items()}
        counts = {
            name: min(max(int(_HOST_DEVICE_US / max(us, 1)), _FEWEST_CALLS), _MOST_CALLS)
            for name, us in device_us.items()
        }
        found = host_us(calls, counts, self.clock.synchronize)
        return {name: round(us, 3) for name, us in found.items()}


def measure(
    case: Case, spec: Spec, place: BenchDevice, *, rounds: int, peers: Collection[str]
) -> BenchCase:
    """Kernel, floors and peers at one shape, interleaved; of the peers those that are named."""
    clock, shape = place.clock, dict(case.shape)
    dtype = getattr(torch, DTYPES[case.dtype])
    floors = {str(floor): floor for floor in spec.floors}
    others = {name: peer for name, peer in spec.peers.items() if name in peers}
    with torch.inference_mode():
        first = first_set(spec, dtype, shape, place.device)
        count = set_count(first.bytes, clock.l2_bytes)
        sets = [first, *(first.copy() for _ in range(count - 1))]
        measuring = ShapeRace(spec=spec, sets=sets, clock=clock)
        measuring.enter(_KERNEL, lambda: spec.launch)
        for name, floor in floors.items():
            measuring.enter(name, partial(lambda one: one, floor))
        for name, peer in others.items():
            measuring.enter(name, peer)
        measuring.run(rounds, {_KERNEL, *others})
    entries, bare = measuring.entries, measuring.bare_host_us
    del measuring, first, sets
    clock.free()
    return BenchCase(
        case=case.id,
        kernel=case.kernel,
        dtype=case.dtype,
        shape=shape,
        sets=count,
        least_bytes=spec.least_bytes(shape, dtype) if spec.least_bytes else None,
        ours=entries[_KERNEL],
        floors={name: entries[name] for name in floors},
        peers={name: entries[name] for name in others},
        bare_host_us=bare,
    )
