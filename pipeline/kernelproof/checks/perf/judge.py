"""The verdict on one case's speed: by its baseline, its limit, and the processes of both.

Pure functions, without torch. A slowdown counts from half the limit on, so that one of the whole
limit is found, and `same` says that one of the whole limit is not there. Time and time over the
floor have to agree on a slowdown: a machine that is slower slows the floor, too, and a floor that
has a bad day leaves the time as it was. Where the code is not the baseline's, and either looks
slower or they leave it open, the baseline's own code is timed beside it, in the same processes, and
that decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Any

from kernelproof.checks.perf.effect import Effect, effect, paired_effect
from kernelproof.records.timing import FLOOR, KERNEL, REFERENCE, CaseTiming, StoredTiming


class Speed(StrEnum):
    """What is concluded of a case's speed."""

    SAME = "same"
    FASTER = "faster"
    SLOWER = "slower"
    INCONCLUSIVE = "inconclusive"
    NO_BASELINE = "no-baseline"
    WRONG_MACHINE = "wrong-machine"


@dataclass(frozen=True, kw_only=True)
class SpeedFinding:
    """A conclusion, why, its numbers, and whether the baseline's own code should be timed, too."""

    speed: Speed
    reason: str = ""
    numbers: dict[str, float] = field(default_factory=dict)
    wants_reference: bool = False


# What makes a machine another one, or its measurements others: by the fingerprint's own words.
_SAME_MACHINE = {
    "device.name": "GPU",
    "device.max_sm_clock_mhz": "clock policy",
    "device.max_memory_clock_mhz": "clock policy",
    "device.power_limit_mw": "power limit",
    "device.ecc": "ECC",
    "packages.triton": "compiler",
    "packages.torch": "toolchain",
}
# What may explain a slowdown of code that is the baseline's.
_CONDITIONS = ("device.driver", "python", "processor")


def judge_timing(
    timing: CaseTiming,
    machine: Mapping[str, Any],
    stored: StoredTiming | None,
    *,
    limit: float,
    comparisons: int,
) -> SpeedFinding:
    """The finding on one case, of so many that are judged together; `limit` in percent."""
    numbers = _numbers(timing, limit)
    if stored is None:
        bless = 'if this is the speed to hold: nox -s bless -- perf --reason "..."'
        reason = f"no baseline; measured {_us(timing)}; {bless}"
        return SpeedFinding(speed=Speed.NO_BASELINE, reason=reason, numbers=numbers)
    effects = _effects(timing, stored.timing, comparisons)
    numbers |= _of_effect("time", effects.time) | _of_effect("ratio", effects.ratio)
    if differs := _differences(machine, stored.machine, _SAME_MACHINE):
        reason = f"the baseline is of another machine: {'; '.join(differs)}; {effects}"
        return SpeedFinding(speed=Speed.WRONG_MACHINE, reason=reason, numbers=numbers)
    is_code_same = timing.code_hash is not None and timing.code_hash == stored.timing.code_hash
    if timing.reference_processes:
        numbers |= _of_effect("against", beside := _beside(timing, comparisons))
        return _by_reference(beside, effects, limit, numbers, str(timing.reference))
    speed = _agreed(effects, limit)
    looks_slower = Speed.SLOWER in {classify(effects.time, limit), classify(effects.ratio, limit)}
    reason = f"{effects}"
    if speed == Speed.SLOWER:
        reason = f"{_cause(timing, stored, machine, is_code_same=is_code_same)}; {effects}"
    elif speed == Speed.INCONCLUSIVE:
        reason = f"a slowdown of {limit:g} % is neither found nor excluded; {effects}; run it again"
    wants = (looks_slower or speed == Speed.INCONCLUSIVE) and not is_code_same
    return SpeedFinding(speed=speed, reason=reason, numbers=numbers, wants_reference=wants)


@dataclass(frozen=True, kw_only=True)
class _Effects:
    time: Effect
    ratio: Effect
    floor: Effect
    over: str

    def __str__(self) -> str:
        return f"time {self.time}, over {self.over} {self.ratio}"


def _effects(new: CaseTiming, old: CaseTiming, comparisons: int) -> _Effects:
    """Time, time over the floor, and the floor; the sentinel for it where the floor is another."""
    is_floor_same = (new.floor, new.floor_hash) == (old.floor, old.floor_hash)
    times = [one.times(KERNEL) for one in (new, old)]
    floors = [one.times(FLOOR) if is_floor_same else _sentinels(one) for one in (new, old)]
    pairs = zip(times, floors, strict=True)
    ratios = [[a / b for a, b in zip(*pair, strict=True)] for pair in pairs]
    return _Effects(
        time=effect(*times, comparisons=comparisons),
        ratio=effect(*ratios, comparisons=comparisons),
        floor=effect(*floors, comparisons=comparisons),
        over="the floor" if is_floor_same else "the sentinel, as the floor is another",
    )


def _sentinels(timing: CaseTiming) -> list[float]:
    return [process.sentinel_us for process in timing.processes]


def classify(found: Effect, limit: float) -> Speed:
    """Where an interval lies: beyond half the limit, short of the limit, or neither."""
    if found.low > limit / 2:
        return Speed.SLOWER
    if found.high < -limit / 2:
        return Speed.FASTER
    return Speed.SAME if found.high < limit else Speed.INCONCLUSIVE


def _agreed(effects: _Effects, limit: float) -> Speed:
    """What time and time over the floor say together."""
    by_time, by_ratio = classify(effects.time, limit), classify(effects.ratio, limit)
    if by_time == by_ratio:
        return by_time
    not_slower = {Speed.SAME, Speed.FASTER}
    is_machine_faster = classify(effects.floor, limit) == Speed.FASTER
    if by_ratio in not_slower or (by_time in not_slower and not is_machine_faster):
        return Speed.SAME
    return Speed.INCONCLUSIVE


def _beside(timing: CaseTiming, comparisons: int) -> Effect:
    times = [[one.us(name) for one in timing.reference_processes] for name in (KERNEL, REFERENCE)]
    return paired_effect(*times, comparisons=comparisons)


def _by_reference(
    beside: Effect, effects: _Effects, limit: float, numbers: dict[str, float], commit: str
) -> SpeedFinding:
    """By the baseline's code, which was timed beside: the machine is the same for both."""
    speed = classify(beside, limit)
    told = f"against the code of {commit[:12]} in the same processes {beside}; {effects}"
    if speed == Speed.SLOWER:
        told = f"kernel: {told}"
    elif speed == Speed.INCONCLUSIVE:
        told = f"a slowdown of {limit:g} % is neither found nor excluded: {told}; run it again"
    elif effects.time.low > limit / 2:
        told = f"not the kernel but the machine is slower: {told}"
    return SpeedFinding(speed=speed, reason=told, numbers=numbers)


def _cause(
    timing: CaseTiming, stored: StoredTiming, machine: Mapping[str, Any], *, is_code_same: bool
) -> str:
    """``kernel: its code is not the baseline's``: what a slowdown is to be blamed on."""
    if not is_code_same:
        codes = [(code or "unknown")[:12] for code in (stored.timing.code_hash, timing.code_hash)]
        return f"kernel: its code is not the baseline's, {codes[0]} -> {codes[1]}"
    words = {name: name.rpartition(".")[2] for name in _CONDITIONS}
    if differs := _differences(machine, stored.machine, words):
        return f"machine: the code is the baseline's, but {'; '.join(differs)}"
    moved = median(_sentinels(timing)) / median(_sentinels(stored.timing))
    if discarded := sum(process.discarded for process in timing.processes):
        return f"measurement: the code is the baseline's; {discarded} rounds met a throttled clock"
    return (
        f"machine: the code is the baseline's, to the instruction; "
        f"the sentinel takes {100 * (moved - 1):+.1f} %"
    )


def _differences(
    here: Mapping[str, Any], there: Mapping[str, Any], words: Mapping[str, str]
) -> list[str]:
    """``compiler 3.6.0 -> 3.7.1`` for each condition that differs, where both are known."""
    found = []
    for path, word in words.items():
        new, old = _at(here, path), _at(there, path)
        if None not in {new, old} and new != old:
            found.append(f"{word} {old} -> {new}")
    return found


def _at(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str | int | float) else None


def _numbers(timing: CaseTiming, limit: float) -> dict[str, float]:
    return {
        "time_us": round(timing.us, 4),
        "floor_us": round(timing.floor_us, 4),
        "ratio_to_floor": round(timing.ratio, 4),
        "processes": len(timing.processes),
        "discarded": sum(process.discarded for process in timing.processes),
        "limit_percent": limit,
    }


def _of_effect(name: str, found: Effect) -> dict[str, float]:
    parts = {"percent": found.percent, "low": found.low, "high": found.high}
    return {f"{name}_{part}": round(value, 3) for part, value in parts.items()}


def _us(timing: CaseTiming) -> str:
    return f"{timing.us:.3f} us, {timing.ratio:.3f} of the floor"
