"""The device clock: the time of a launch on the device, and of its call on the host.

Launches are recorded into a graph and replayed between two device events, so that the time of the
host is left out. They rotate over sets of inputs and outputs that together exceed the second-level
cache. Contestants are replayed in turn, in a random order and then in its mirror: clocks, heat and
neighbours meet all of them alike, and a steady drift cancels.
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

# The length of a replay in microseconds: some hundred times the resolution of an event, and short
# enough that the clocks stay as they are.
WANTED_US, AT_MOST_US = 1000, 5000
_FEWEST_SETS, MOST_SETS = 2, 1024
# The sets together exceed the second-level cache so many times.
_CACHES = 2
# Launches of the short recording that tells how long the real one has to be.
_TRIAL_LAUNCHES = 4
_LEAST_US = 1e-3
# Assumed if a device does not tell the size of its second-level cache: more than any has.
_UNKNOWN_L2_BYTES = 256 * 1024 * 1024
# Calls in a row that time the host.
_HOST_BATCH = 20

Launch = Callable[[], object]


class Recording(Protocol):
    """Launches that can be replayed, as a graph or, with the host's time, as a loop."""

    is_graph: bool

    def replay(self) -> float:
        """Replays the launches once, and returns their microseconds on the device."""


class Clock(Protocol):
    """A device that records launches and times their replays, such as `GpuClock`."""

    l2_bytes: int

    def record(self, launches: Sequence[Launch]) -> Recording:
        """Returns the launches, warm, as a graph if they can be captured."""

    def synchronize(self) -> None:
        """Waits for everything that was launched."""

    def free(self) -> None:
        """Gives back the memory of tensors that are no longer used."""


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A participant in a race: a recording of `launches` launches."""

    recording: Recording
    launches: int


def set_count(bytes_per_set: int, l2_bytes: int, *, within: int = MOST_SETS) -> int:
    """Returns the number of sets of inputs and outputs to rotate over.

    With so many none is still in the cache when its turn comes. If that takes more than
    `MOST_SETS`, all stay in the cache, and `within` sets are enough.
    """
    needed = _CACHES * l2_bytes // max(bytes_per_set, 1) + 1
    return max(needed, _FEWEST_SETS) if needed <= MOST_SETS else within


def launch_count(us: float, sets: int) -> int:
    """Returns the launches of a replay: enough to be measured, each set equally often.

    A set that is visited again within a replay may still be in the cache, so that the time would
    depend on the count.
    """
    rotations = min(round(WANTED_US / (us * sets)), int(AT_MOST_US / (us * sets)))
    return max(rotations, 1) * sets


def record_contestant(launches: Sequence[Launch], clock: Clock) -> Contestant:
    """Returns a recording as long as the speed of the launches asks for; one launch a set."""
    trial = clock.record([*islice(cycle(launches), _TRIAL_LAUNCHES)])
    trial.replay()
    us = max(trial.replay() / _TRIAL_LAUNCHES, _LEAST_US)
    count = launch_count(us, len(launches))
    del trial  # gives back its memory before the real recording needs some
    recording = clock.record([*islice(cycle(launches), count)])
    return Contestant(recording=recording, launches=count)


def timed_rounds(
    contestants: Mapping[str, Contestant], *, seed: int = 0
) -> Iterator[dict[str, float]]:
    """Yields rounds without end: a sample of each contestant, in microseconds a launch."""
    order, dice = list(contestants), random.Random(seed)  # noqa: S311  (an order, no secret)
    for name in order:
        contestants[name].recording.replay()
    while True:
        dice.shuffle(order)
        for names in (order, order[::-1]):
            replays = {name: contestants[name].recording.replay() for name in names}
            yield {name: us / contestants[name].launches for name, us in replays.items()}


def race(
    contestants: Mapping[str, Contestant], *, rounds: int = 9, seed: int = 0
) -> dict[str, list[float]]:
    """Returns a sample a round of each contestant, in microseconds a launch."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for times in islice(timed_rounds(contestants, seed=seed), rounds):
        for name, us in times.items():
            samples[name].append(us)
    return samples


def host_us(
    calls: Mapping[str, Launch], counts: Mapping[str, int], synchronize: Callable[[], object]
) -> dict[str, float]:
    """Returns the median time of a call on the host, in microseconds, by name.

    The device is waited for between batches only, so that no call waits for a place in its queue.
    The batches take turns, so that whatever else the host does meets all calls alike.
    """
    times: dict[str, list[int]] = {name: [] for name in calls}
    batches = ceil(max(counts.values(), default=0) / _HOST_BATCH)
    for number in range(1 + batches):  # the first batch warms up
        for name, call in calls.items():
            done = max(number - 1, 0) * _HOST_BATCH
            synchronize()
            for _ in range(min(_HOST_BATCH, counts[name] - done)):
                start = time.perf_counter_ns()
                call()
                if number:
                    times[name].append(time.perf_counter_ns() - start)
    synchronize()
    return {name: statistics.median(calls_ns) / 1000 for name, calls_ns in times.items()}


class GpuClock:
    """The clock of a GPU as torch drives it: graphs if its kind has them, else loops."""

    def __init__(self, device: torch.device) -> None:
        self._module = torch.get_device_module(device)
        has_graphs = device.type == "cuda"  # torch's word for AMD GPUs, too
        properties = self._module.get_device_properties(device)
        self._capture_stream = torch.cuda.Stream() if has_graphs else None
        self.l2_bytes = int(getattr(properties, "L2_cache_size", 0) or _UNKNOWN_L2_BYTES)

    def synchronize(self) -> None:
        """Waits for everything that was launched."""
        self._module.synchronize()

    def free(self) -> None:
        """Gives back the memory of tensors that are no longer used."""
        gc.collect()
        self._module.empty_cache()

    def record(self, launches: Sequence[Launch]) -> Recording:
        """Returns a graph of the launches, or a loop if they cannot be captured."""
        loop = _EventTiming(self._module, partial(_call_all, launches), is_graph=False)
        if (stream := self._capture_stream) is None:
            launches[0]()
            self.synchronize()
            return loop
        # Whatever has to be compiled is compiled here, before the capture.
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            launches[0]()
            launches[-1]()
        self.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=stream):
                _call_all(launches)
        except RuntimeError:  # a launch that waits for the device, or allocates in its own way
            self.synchronize()
            return loop
        return _EventTiming(self._module, _GraphReplay(graph, launches), is_graph=True)


def _call_all(launches: Sequence[Launch]) -> None:
    for launch in launches:
        launch()


@dataclass(frozen=True)
class _GraphReplay:
    """A graph, with the launches that hold the tensors it reads and writes."""

    graph: torch.cuda.CUDAGraph
    launches: Sequence[Launch]

    def __call__(self) -> None:
        self.graph.replay()


class _EventTiming:
    """Work between two device events, right behind the same work, which hides its own start."""

    def __init__(self, module: object, work: Callable[[], None], *, is_graph: bool) -> None:
        self._module, self._work, self.is_graph = module, work, is_graph

    def replay(self) -> float:
        """Runs the work twice, and returns the microseconds of the second time."""
        start, end = (self._module.Event(enable_timing=True) for _ in range(2))  # type: ignore[attr-defined]
        self._work()
        start.record()
        self._work()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) * 1000
