"""The clock: how many sets, how many launches, in which order, and what becomes of the times.

On a GPU, with TRITON_INTERPRET=0, the device's own clock is asked, too.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, islice

import pytest
import torch
import triton

from kernelproof.measure import clock
from kernelproof.measure.clock import (
    Contestant,
    host_us,
    launch_count,
    race,
    record_contestant,
    set_count,
    timed_rounds,
)

MIB = 2**20
ON_GPU = not triton.knobs.runtime.interpret


@dataclass
class FakeRecording:
    """Launches that take `us` each; every replay is noted."""

    name: str
    launches: int
    us: float
    replayed: list[str]
    is_graph: bool = True

    def replay(self) -> float:
        """One microsecond more for each replay before it."""
        self.replayed.append(self.name)
        return self.us * self.launches + self.replayed.count(self.name) - 1


@dataclass
class FakeDevice:
    """A device on which every launch takes `us`."""

    us: float
    l2_bytes: int = MIB
    recorded: list[Sequence[Callable[[], object]]] = field(default_factory=list)

    def record(self, launches: Sequence[Callable[[], object]]) -> FakeRecording:
        """Notes what is recorded."""
        self.recorded.append(launches)
        return FakeRecording("", len(launches), self.us, [])

    def synchronize(self) -> None:
        """Has nothing to wait for."""

    def free(self) -> None:
        """Has nothing to give back."""


@pytest.mark.parametrize(
    ("bytes_per_set", "l2_bytes", "sets"),
    [
        (100 * MIB, 60 * MIB, 2),
        (61 * MIB, 60 * MIB, 2),
        (60 * MIB, 60 * MIB, 3),
        (MIB, 60 * MIB, 121),
        (1024, 1023 * 512, 1024),
    ],
)
def test_sets_exceed_the_cache_twice(bytes_per_set: int, l2_bytes: int, sets: int) -> None:
    """At least two, at most 1024."""
    assert (sets - 1) * bytes_per_set <= 2 * l2_bytes < sets * bytes_per_set or sets == 2
    assert set_count(bytes_per_set, l2_bytes) == sets


@pytest.mark.parametrize(
    ("bytes_per_set", "l2_bytes"), [(1024, 1024 * 512), (600, 60 * MIB), (0, 60 * MIB)]
)
def test_what_too_many_sets_would_be_needed_for_stays_in_the_cache(
    bytes_per_set: int, l2_bytes: int
) -> None:
    """Where 1025 or more would be needed: 1024 sets, or as many as are asked for."""
    assert set_count(bytes_per_set, l2_bytes) == 1024
    assert set_count(bytes_per_set, l2_bytes, within=64) == 64


@pytest.mark.parametrize(
    ("us", "sets", "launches"),
    [
        (1.5, 2, 666),
        (1.5, 64, 640),
        (1.5, 1024, 1024),
        (30.0, 2, 34),
        (30.0, 100, 100),
        (30.0, 1024, 1024),
        (900.0, 2, 2),
        (3000.0, 2, 2),
        (50_000.0, 2, 2),
    ],
)
def test_launches_fill_a_replay(us: float, sets: int, launches: int) -> None:
    """A millisecond, within 5 ms, every set equally often; each once where they take longer."""
    assert launch_count(us, sets) == launches
    assert launches % sets == 0
    assert us * launches >= clock.AT_LEAST_US
    assert us * launches <= max(clock.AT_MOST_US, sets * us)


def test_a_contestant_rotates_over_its_sets() -> None:
    """A short recording tells its speed; the real one visits the sets in turn."""
    device = FakeDevice(us=100.0)
    launches = [lambda i=i: i for i in range(3)]
    found = record_contestant(launches, device)
    first, real = device.recorded
    assert [launch() for launch in first] == [0, 1, 2, 0]
    assert [launch() for launch in real] == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert found.launches == 9


def test_a_race_is_interleaved() -> None:
    """Everyone once a round, in an order that changes, after a round that warms up."""
    replayed: list[str] = []
    names = ("a", "b", "c", "d")
    contestants = {
        name: Contestant(recording=FakeRecording(name, 4, 10.0, replayed), launches=4)
        for name in names
    }
    samples = race(contestants, rounds=5, seed=3)
    rounds = [tuple(replayed[i : i + 4]) for i in range(0, len(replayed), 4)]
    assert len(rounds) == 6
    assert all(sorted(one) == list(names) for one in rounds)
    assert rounds[0] == names
    assert len(set(rounds[1:])) > 1
    assert all(samples[name] == [10.25, 10.5, 10.75, 11.0, 11.25] for name in names)


def test_each_pair_of_rounds_is_a_palindrome() -> None:
    """A steady drift cancels; the order is another one in each pair."""
    replayed: list[str] = []
    names = "abcdef"
    contestants = {
        name: Contestant(recording=FakeRecording(name, 1, 1.0, replayed), launches=1)
        for name in names
    }
    rounds = [*islice(timed_rounds(contestants, seed=7), 8)]
    pairs = [replayed[i : i + 12] for i in range(6, len(replayed), 12)]
    assert len(pairs) == 4
    assert all(pair == pair[::-1] for pair in pairs)
    assert len({tuple(pair) for pair in pairs}) > 1
    assert all(list(found.values()) == [i + 2.0] * 6 for i, found in enumerate(rounds))


def test_a_seed_fixes_the_order() -> None:
    """And nothing else draws from it."""
    orders: list[list[str]] = []
    for seed in (3, 3, 4):
        replayed: list[str] = []
        random.seed(len(orders))
        race(
            {
                name: Contestant(recording=FakeRecording(name, 1, 1.0, replayed), launches=1)
                for name in "abcdef"
            },
            seed=seed,
        )
        orders.append(replayed)
    assert orders[0] == orders[1] != orders[2]


def test_host_time_is_the_median_of_warm_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is waited for between batches, never within a timed call."""
    now, events = 0, []

    def call() -> None:
        nonlocal now
        events.append("call")
        now += 90_000 if len(events) < 10 else 7_000 if events.count("call") % 2 else 9_000

    def synchronize() -> None:
        nonlocal now
        events.append("wait")
        now += 1_000_000

    monkeypatch.setattr(time, "perf_counter_ns", lambda: now)
    assert host_us({"one": call}, {"one": 41}, synchronize) == {"one": 7.0}
    batches = "".join("w" if event == "wait" else "c" for event in events).split("w")
    assert [len(batch) for batch in batches] == [0, 20, 20, 20, 1, 0]


def test_host_times_take_turns() -> None:
    """A batch of each, then the next of those that have calls left."""
    calls: list[str] = []
    names = {name: partial(calls.append, name) for name in ("a", "b")}
    host_us(names, {"a": 45, "b": 10}, lambda: None)
    batches = [(name, len([*same])) for name, same in groupby(calls)]
    assert batches == [("a", 20), ("b", 10), ("a", 20), ("b", 10), ("a", 25)]


@pytest.mark.skipif(not ON_GPU, reason="asks a GPU; set TRITON_INTERPRET=0 on a machine with one")
class TestOnTheDevice:
    """The clock of this machine's GPU."""

    @pytest.fixture
    def device(self) -> clock.GpuClock:
        """The accelerator that is there."""
        found = torch.accelerator.current_accelerator()
        assert found is not None
        return clock.GpuClock(torch.device(found.type, 0))

    def test_twice_the_bytes_take_twice_the_time(self, device: clock.GpuClock) -> None:
        """Within a fifth, far beyond the cache; of a kernel, for a copy has ways of its own."""
        kind = torch.accelerator.current_accelerator()
        times = []
        for size in (2**26, 2**27):
            source = torch.rand(size, device=kind)
            negated = [torch.empty_like(source) for _ in range(2)]
            found = record_contestant(
                [partial(torch.neg, source, out=one) for one in negated], device
            )
            times.append(min(race({"negation": found}, rounds=5)["negation"]))
        assert 1.6 < times[1] / times[0] < 2.4

    def test_a_graph_leaves_the_host_out(self, device: clock.GpuClock) -> None:
        """A tiny launch takes less on the device than its call does on the host."""
        tiny = torch.zeros(16, device=torch.accelerator.current_accelerator())
        found = record_contestant([lambda: tiny.add_(1)], device)
        assert found.recording.is_graph
        (us, *_) = race({"add": found})["add"]
        host = host_us({"add": lambda: tiny.add_(1)}, {"add": 100}, device.synchronize)
        assert 0.1 < us < host["add"]

    def test_what_cannot_be_captured_runs_in_a_loop(self, device: clock.GpuClock) -> None:
        """One that waits for the device; what comes after it is captured all the same."""
        values = torch.ones(16, device=torch.accelerator.current_accelerator())
        waiting = record_contestant([lambda: values.sum().item()], device)
        assert not waiting.recording.is_graph
        assert race({"waiting": waiting})["waiting"][0] > 1
        assert record_contestant([lambda: values.add_(1)], device).recording.is_graph
