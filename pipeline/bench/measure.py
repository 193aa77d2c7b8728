"""The times of one shape: every contestant recorded, raced, and called from the host."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

import torch

from kernels import KernelSpec
from pipeline.bench.contestants import Launch, Set, first_set
from pipeline.bench.record import Entry, Measured, Timing
from pipeline.cases import Case
from pipeline.clock import Contestant, Device, contestant, host_us, race, set_count
from pipeline.schema import DTYPES

_KERNEL = "kernel"
_HOST_DEVICE_US = 100_000  # what the calls that time the host may take on the device
_FEWEST_CALLS, _MOST_CALLS = 10, 200


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where shapes are measured: a device as torch names it, and as the clock knows it."""

    device: torch.device
    clock: Device


@dataclass(kw_only=True)
class Measuring:
    """One shape on its way to its record."""

    spec: KernelSpec
    sets: list[Set]
    clock: Device
    ready: dict[str, tuple[Launch, Contestant]] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)

    def enter(self, name: str, given: Callable[[], Launch | None]) -> None:
        """Records a contestant, or why it cannot take part."""
        try:
            launch = given()
            if launch is None:
                self.entries[name] = Entry(state="not installed")
                return
            calls = [partial(launch, **one.inputs, out=one.out) for one in self.sets]
            self.ready[name] = launch, contestant(calls, self.clock)
        except NotImplementedError:
            self.entries[name] = Entry(state="unsupported")
        except Exception as error:  # noqa: BLE001  (a peer's own, of any kind; told, and exit 1)
            self._blame(name, error)

    def _blame(self, name: str, error: Exception) -> None:
        first = (str(error).strip() or "no message").splitlines()[0]
        self.entries[name] = Entry(state="error", error=f"{type(error).__name__}: {first}")

    def run(self, rounds: int, timed_on_host: Collection[str]) -> None:
        """Races what is ready; the host's time of calls that are not captured."""
        samples = race({name: one for name, (_, one) in self.ready.items()}, rounds=rounds)
        for name, (launch, one) in self.ready.items():
            timing = Timing(
                samples_us=[round(us, 4) for us in samples[name]],
                launches=one.launches,
                is_graph=one.recording.is_graph,
            )
            us = self._host_us(launch, timing.us) if name in timed_on_host else None
            self.entries[name] = Entry(state="timed", timing=timing, host_us=us)

    def _host_us(self, launch: Launch, device_us: float) -> float:
        """Of one call that makes its own outputs, as callers have it."""
        calls = int(_HOST_DEVICE_US / max(device_us, 1))
        calls = min(max(calls, _FEWEST_CALLS), _MOST_CALLS)
        call = partial(launch, **self.sets[0].inputs)
        return round(host_us(call, self.clock.synchronize, calls=calls), 3)

    def bare_host_us(self) -> float | None:
        """Of the bare launch, where the kernel has one and itself ran."""
        timing = self.entries[_KERNEL].timing
        if self.spec.bare is None or timing is None:
            return None
        return self._host_us(self.spec.bare, timing.us)


def measure(
    case: Case, spec: KernelSpec, place: Place, *, rounds: int, peers: Collection[str]
) -> Measured:
    """Kernel, floors and peers at one shape, interleaved; of the peers those that are named."""
    clock, shape = place.clock, dict(case.shape)
    dtype = getattr(torch, DTYPES[case.dtype])
    floors = {str(floor): floor for floor in spec.floors}
    others = {name: peer for name, peer in spec.peers.items() if name in peers}
    with torch.inference_mode():
        first = first_set(spec, dtype, shape, place.device)
        count = set_count(first.bytes, clock.l2_bytes)
        sets = [first, *(first.copy() for _ in range(count - 1))]
        measuring = Measuring(spec=spec, sets=sets, clock=clock)
        measuring.enter(_KERNEL, lambda: spec.launch)
        for name, floor in floors.items():
            measuring.enter(name, partial(lambda one: one, floor))
        for name, peer in others.items():
            measuring.enter(name, peer)
        measuring.run(rounds, {_KERNEL, *others})
        bare = measuring.bare_host_us()
    entries = measuring.entries
    del measuring, first, sets
    clock.free()
    return Measured(
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
