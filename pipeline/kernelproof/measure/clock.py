"""The device clock: how long a launch takes on the device, and how long its call takes on the host.

Launches are recorded into a graph and replayed between two device events, so that the host's time
is none of it. They rotate over sets of inputs and outputs, more than the second-level cache holds.
What is to be compared is replayed in turn, in a random order and then in its mirror: clocks, heat
and neighbours meet all alike, and a steady drift cancels.
"""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from math import ceil
from typing import Protocol

import torch

# What one replay should last in microseconds: a hundred times what an event resolves, and no
# longer than the clocks need to stay as they are.
AT_LEAST_US, WANTED_US, AT_MOST_US = 200, 1000, 5000
MOST_SETS = 1024
_FEWEST = 2
_CACHES = 2  # the sets together exceed the second-level cache this many times
_FIRST = 4  # launches of the first, short recording, by which the length of the real one is set
# A device that does not tell the size of its second-level cache: more than any has.
_L2_BYTES = 256 * 1024 * 1024
_HOST_BATCH = 20

Launch = Callable[[], object]


class Recording(Protocol):
    """Launches that can be replayed; in a graph the host's time is left out."""

    is_graph: bool

    def replay(self) -> float:
        """Replays them once: microseconds on the device."""


class Clock(Protocol):
    """What is asked of a device: `GpuClock` is the real one."""

    l2_bytes: int

    def record(self, launches: Sequence[Launch]) -> Recording:
        """The launches, warm, as a graph where they can be one."""

    def synchronize(self) -> None:
        """Waits for everything that was launched."""

    def free(self) -> None:
        """Gives back the memory of what nothing holds any more."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One that takes part in a race: a recording of so many launches."""

    recording: Recording
    launches: int


def set_count(bytes_per_set: int, l2_bytes: int, *, within: int = MOST_SETS) -> int:
    """How many sets of inputs and outputs it takes that none is still in the cache.

    Where `MOST_SETS` would not suffice, all stay in the cache, and `within` sets are taken.
    """
    needed = _CACHES * l2_bytes // max(bytes_per_set, 1) + 1
    return max(needed, _FEWEST) if needed <= MOST_SETS else within


def launch_count(us: float, sets: int) -> int:
    """Launches a replay: enough to be measured, and every set visited equally often.

    A set that is visited again within a replay may still be in the cache, so that the time would
    hang on the count.
    """
    times = min(round(WANTED_US / (us * sets)), int(AT_MOST_US / (us * sets)))
    return max(times, 1) * sets


def record_contestant(launches: Sequence[Launch], device: Clock) -> Contestant:
    """A recording of as many launches as its speed asks for; `launches` are one for each set."""
    first = device.record([*islice(cycle(launches), _FIRST)])
    first.replay()
    us = max(first.replay() / _FIRST, 1e-3)
    count = launch_count(us, len(launches))
    del first
    recording = device.record([*islice(cycle(launches), count)])
    return Contestant(recording=recording, launches=count)


def timed_rounds(
    contestants: Mapping[str, Contestant], *, seed: int = 0
) -> Iterator[dict[str, float]]:
    """Endless rounds: for each contestant one sample, in microseconds a launch."""
    order, dice = list(contestants), random.Random(seed)  # noqa: S311  (an order, no secret)
    for name in order:
        contestants[name].recording.replay()
    while True:
        dice.shuffle(order)
        for names in (order, order[::-1]):
            found = {name: contestants[name].recording.replay() for name in names}
            yield {name: us / contestants[name].launches for name, us in found.items()}


def race(
    contestants: Mapping[str, Contestant], *, rounds: int = 9, seed: int = 0
) -> dict[str, list[float]]:
    """For each contestant one sample a round, in microseconds a launch, the rounds interleaved."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for found in islice(timed_rounds(contestants, seed=seed), rounds):
        for name, us in found.items():
            samples[name].append(us)
    return samples


def host_us(
    calls: Mapping[str, Launch], counts: Mapping[str, int], synchronize: Callable[[], object]
) -> dict[str, float]:
    """The median of what one call takes on the host, in microseconds, the device left to run.

    The device is waited for between batches alone, so that no call waits for a place in its queue;
    the batches take turns, so that whatever else the host does meets all alike.
    """
    times: dict[str, list[int]] = {name: [] for name in calls}
    for number in range(1 + ceil(max(counts.values(), default=0) / _HOST_BATCH)):
        for name, call in calls.items():
            done = max(number - 1, 0) * _HOST_BATCH
            batch = min(_HOST_BATCH, counts[name] - done)
            synchronize()
            for _ in range(batch):
                start = time.perf_counter_ns()
                call()
                if number:  # the first batch warms up
                    times[name].append(time.perf_counter_ns() - start)
    synchronize()
    return {name: statistics.median(found) / 1000 for name, found in times.items()}


class GpuClock:
    """A GPU as torch drives it: graphs where its kind has them, and loops where not."""

    def __init__(self, device: torch.device) -> None:
        self._module = torch.get_device_module(device)
        self._has_graphs = device.type == "cuda"  # torch's word for AMD GPUs, too
        properties = self._module.get_device_properties(device)
        self._side = torch.cuda.Stream() if self._has_graphs else None
        self.l2_bytes = int(getattr(properties, "L2_cache_size", 0) or _L2_BYTES)

    def synchronize(self) -> None:
        """Waits for everything that was launched."""
        self._module.synchronize()

    def free(self) -> None:
        """Gives back the memory of what nothing holds any more."""
        gc.collect()
        self._module.empty_cache()

    def record(self, launches: Sequence[Launch]) -> Recording:
        """A graph of the launches, or a loop where they cannot be captured."""
        loop = _Timed(self._module, partial(_call, launches), is_graph=False)
        if (side := self._side) is None:
            launches[0]()
            self.synchronize()
            return loop
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # whatever compiles does it here, before the capture
            launches[0]()
            launches[-1]()
        self.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=side):
                _call(launches)
        except RuntimeError:  # one that waits for the device, or allocates in its own way
            self.synchronize()
            return loop
        return _Timed(self._module, _Replayed(graph, launches), is_graph=True)


def _call(launches: Sequence[Launch]) -> None:
    for launch in launches:
        launch()


@dataclass(frozen=True)
class _Replayed:
    """A graph, with the launches that hold the tensors it reads and writes."""

    graph: torch.cuda.CUDAGraph
    launches: Sequence[Launch]

    def __call__(self) -> None:
        self.graph.replay()


class _Timed:
    """Work between two device events, right behind the same work, which hides its own start."""

    def __init__(self, module: object, work: Callable[[], None], *, is_graph: bool) -> None:
        self._module, self._work, self.is_graph = module, work, is_graph

    def replay(self) -> float:
        start, end = (self._module.Event(enable_timing=True) for _ in range(2))  # type: ignore[attr-defined]
        self._work()
        start.record()
        self._work()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * 1000
