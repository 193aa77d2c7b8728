"""The clock: its sets and launches, the order of its races, and the times of the host.

On a GPU, with TRITON_INTERPRET=0, the clock of the device is asked, too.
"""

import random
import time
from functools import partial
from itertools import groupby, islice

import pytest
import torch
import triton

from kernelproof.measure import clock
from kernelproof.measure.clock import Contestant, host_us, race, record_contestant, set_count
from tests.unit.measure.fake_clock import FakeClock, FakeRecording

MIB = 2**20
ON_GPU = not triton.knobs.runtime.interpret


def recordings(
    names: str, replays: list[str], *, launches: int = 1, us: float = 1.0
) -> dict[str, Contestant]:
    """Returns contestants, by a letter each, that take a microsecond more at each replay."""
    drifting = partial(FakeRecording, launches=launches, us=us, replays=replays, drift=1.0)
    return {name: Contestant(recording=drifting(name=name), launches=launches) for name in names}


def test_sets_exceed_the_cache_twice() -> None:
    """At least two, at most 1024; if more were needed, 1024 are taken, or as many as asked for."""
    for bytes_per_set, l2_bytes, sets in (
        (100 * MIB, 60 * MIB, 2),
        (61 * MIB, 60 * MIB, 2),
        (60 * MIB, 60 * MIB, 3),
        (MIB, 60 * MIB, 121),
        (1024, 1023 * 512, 1024),
    ):
        assert (sets - 1) * bytes_per_set <= 2 * l2_bytes < sets * bytes_per_set or sets == 2
        assert set_count(bytes_per_set, l2_bytes) == sets
    for bytes_per_set, l2_bytes in ((1024, 1024 * 512), (600, 60 * MIB), (0, 60 * MIB)):
        assert set_count(bytes_per_set, l2_bytes) == 1024
        assert set_count(bytes_per_set, l2_bytes, within=64) == 64
    # A replay takes a millisecond, within 5 ms, each set equally often; slow sets once each.
    for us, by_sets in {
        1.5: {2: 666, 64: 640, 1024: 1024},
        30.0: {2: 34, 100: 100, 1024: 1024},
        900.0: {2: 2},
        3000.0: {2: 2},
        50_000.0: {2: 2},
    }.items():
        for sets, launches in by_sets.items():
            assert clock.launch_count(us, sets) == launches
            assert launches % sets == 0
            assert 200 <= us * launches <= max(clock.AT_MOST_US, sets * us)


def test_a_contestant_rotates_over_its_sets() -> None:
    """A short recording tells its speed; the real one visits the sets in turn."""
    fake_clock = FakeClock(us=100.0)
    contestant = record_contestant([partial(int, i) for i in range(3)], fake_clock)
    trial, real = fake_clock.recorded
    assert [launch() for launch in trial] == [0, 1, 2, 0]
    assert [launch() for launch in real] == [0, 1, 2, 0, 1, 2, 0, 1, 2]
    assert contestant.launches == 9


def test_a_race_is_interleaved() -> None:
    """Each contestant runs once a round, in an order that changes, after a round that warms up."""
    replays: list[str] = []
    samples = race(recordings("abcd", replays, launches=4, us=10.0), rounds=5, seed=3)
    rounds = ["".join(replays[i : i + 4]) for i in range(0, len(replays), 4)]
    assert len(rounds) == 6
    assert {"".join(sorted(order)) for order in rounds} == {"abcd"}
    assert rounds[0] == "abcd"
    assert len(set(rounds[1:])) > 1
    assert list(samples.values()) == [[10.25, 10.5, 10.75, 11.0, 11.25]] * 4
    # Each pair of rounds is a palindrome of its own order, so that a steady drift cancels.
    replays.clear()
    drifting = [*islice(clock.timed_rounds(recordings("abcdef", replays), seed=7), 8)]
    pairs = [tuple(replays[i : i + 12]) for i in range(6, len(replays), 12)]
    assert len(pairs) == 4
    assert all(pair == pair[::-1] for pair in pairs)
    assert len(set(pairs)) > 1
    assert all([*times.values()] == [i + 2.0] * 6 for i, times in enumerate(drifting))
    # A seed fixes the order, which depends on no other generator.
    orders: list[list[str]] = []
    for seed in (3, 3, 4):
        random.seed(len(orders))
        orders.append([])
        race(recordings("abcdef", orders[-1]), seed=seed)
    assert orders[0] == orders[1] != orders[2]


def test_host_time_is_the_median_of_warm_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is waited for between batches, never within a timed call."""
    now = 0
    events: list[str] = []

    def call() -> None:
        nonlocal now
        events.append("call")
        now += 90_000 if len(events) < 10 else 7_000 if events.count("call") % 2 else 9_000

    def synchronize() -> None:
        nonlocal now
        events.append("wait")
        now += 1_000_000

    monkeypatch.setattr(time, "perf_counter_ns", lambda: now)
    assert host_us({"call": call}, {"call": 41}, synchronize) == {"call": 7.0}
    batches = "".join("w" if event == "wait" else "c" for event in events).split("w")
    assert [len(batch) for batch in batches] == [0, 20, 20, 20, 1, 0]
    # Each gets a batch in turn, then those that have calls left the next one.
    calls: list[str] = []
    by_name = {name: partial(calls.append, name) for name in ("a", "b")}
    host_us(by_name, {"a": 45, "b": 10}, lambda: None)
    turns = [(name, len([*same])) for name, same in groupby(calls)]
    assert turns == [("a", 20), ("b", 10), ("a", 20), ("b", 10), ("a", 25)]


@pytest.mark.skipif(not ON_GPU, reason="asks a GPU; set TRITON_INTERPRET=0 on a machine with one")
class TestOnTheDevice:
    """The clock of this machine's GPU."""

    @pytest.fixture
    def device(self) -> clock.GpuClock:
        """Returns the clock of the accelerator that is there."""
        kind = torch.accelerator.current_accelerator()
        assert kind is not None
        return clock.GpuClock(torch.device(kind.type, 0))

    def test_twice_the_bytes_take_twice_the_time(self, device: clock.GpuClock) -> None:
        """Within a fifth, far beyond the cache; for a kernel, as a copy has ways of its own."""
        kind = torch.accelerator.current_accelerator()
        times = []
        for size in (2**26, 2**27):
            source = torch.rand(size, device=kind)
            negated = [torch.empty_like(source) for _ in range(2)]
            calls = [partial(torch.neg, source, out=out) for out in negated]
            contestant = record_contestant(calls, device)
            times.append(min(race({"negation": contestant}, rounds=5)["negation"]))
        assert 1.6 < times[1] / times[0] < 2.4

    def test_a_graph_leaves_the_host_out(self, device: clock.GpuClock) -> None:
        """A tiny launch takes less on the device than its call does on the host."""
        tiny = torch.zeros(16, device=torch.accelerator.current_accelerator())
        contestant = record_contestant([lambda: tiny.add_(1)], device)
        assert contestant.recording.is_graph
        (us, *_) = race({"add": contestant})["add"]
        host = host_us({"add": lambda: tiny.add_(1)}, {"add": 100}, device.synchronize)
        assert 0.1 < us < host["add"]
        # A launch that waits for the device runs in a loop; later ones are captured all the same.
        waiting = record_contestant([lambda: tiny.sum().item()], device)
        assert not waiting.recording.is_graph
        assert race({"waiting": waiting})["waiting"][0] > 1
        assert record_contestant([lambda: tiny.add_(1)], device).recording.is_graph
