"""The judge of speed: the verdict on one case's times, by its baseline and its limit.

Pure functions, without torch. Every comparison is an interval, and the *dead band* around zero
reaches to half the limit on either side: an interval beyond it is a slowdown or a speed-up, and an
interval short of the whole limit excludes a slowdown of the limit. Time and time over the floor
have to agree on a slowdown: a slower machine slows the floor, too, and a floor that has a bad day
leaves the time as it was. If the code is not the baseline's, and either looks slower or they leave
it open, the baseline's own code is timed beside it, in the same processes, and that decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from kernelproof.checks.perf.effect import Effect, effect, paired_effect
from kernelproof.records.timing import FLOOR, KERNEL, REFERENCE, CaseTiming, StoredTiming
from kernelproof.records.verdict import Verdict

# The part of the limit that the dead band takes.
_DEAD_BAND = 1 / 2
# The conditions that make a machine another one, by their path in its fingerprint.
_MACHINE_CONDITIONS = {
    "device.name": "GPU",
    "device.max_sm_clock_mhz": "clock policy",
    "device.max_memory_clock_mhz": "clock policy",
    "device.power_limit_mw": "power limit",
    "device.ecc": "ECC",
    "packages.triton": "compiler",
    "packages.torch": "toolchain",
}
# The conditions that may explain why the baseline's code is slower on the same machine.
_OTHER_CONDITIONS = {"device.driver": "driver", "python": "python", "processor": "processor"}


@dataclass(frozen=True, kw_only=True)
class SpeedFinding:
    """A verdict on speed with its reason and its numbers.

    `wants_reference` asks to time the baseline's own code beside the kernel.
    """

    verdict: Verdict
    reason: str
    numbers: dict[str, float] = field(default_factory=dict)
    wants_reference: bool = False


def judge_timing(
    timing: CaseTiming,
    machine: Mapping[str, Any],
    stored: StoredTiming | None,
    *,
    limit: float,
    comparisons: int,
) -> SpeedFinding:
    """Returns the finding on one of `comparisons` cases judged together; `limit` in percent."""
    numbers = _numbers_of_timing(timing, limit)
    # 1. Without a baseline nothing can be compared.
    if stored is None:
        bless = 'if this is the speed to hold: nox -s bless -- perf --reason "..."'
        measured = f"{timing.us:.3f} us, {timing.ratio:.3f} of the floor"
        reason = f"no baseline; measured {measured}; {bless}"
        return SpeedFinding(verdict=Verdict.NO_BASELINE, reason=reason, numbers=numbers)
    # 2. On another machine the effects say nothing about the code.
    effects = _effects(timing, stored.timing, comparisons)
    numbers |= _numbers_of_effect("time", effects.time)
    numbers |= _numbers_of_effect("ratio", effects.ratio)
    if changes := _changes(stored.machine, machine, _MACHINE_CONDITIONS):
        reason = f"the baseline is of another machine: {'; '.join(changes)}; {effects}"
        return SpeedFinding(verdict=Verdict.WRONG_MACHINE, reason=reason, numbers=numbers)
    # 3. If the baseline's own code was timed beside the kernel, this pair decides.
    if timing.reference_processes:
        pair = _pair_effect(timing, comparisons)
        numbers |= _numbers_of_effect("against", pair)
        verdict, reason = _judge_pair(pair, effects, limit, str(timing.reference))
        return SpeedFinding(verdict=verdict, reason=reason, numbers=numbers)
    # 4. Otherwise time and time over the floor decide together.
    verdict, reason = _agreement(effects, limit), str(effects)
    is_code_same = timing.code_hash is not None and timing.code_hash == stored.timing.code_hash
    if verdict == Verdict.SLOWER:
        reason = f"{_cause(timing, stored, machine, is_code_same=is_code_same)}; {effects}"
    elif verdict == Verdict.INCONCLUSIVE:
        reason = f"a slowdown of {limit:g} % is neither found nor excluded; {effects}; run it again"
    # 5. Other code that looks slower, or is undecided, is to be timed beside the baseline's.
    looks_slower = Verdict.SLOWER in {classify(effects.time, limit), classify(effects.ratio, limit)}
    is_doubtful = looks_slower or verdict == Verdict.INCONCLUSIVE
    return SpeedFinding(
        verdict=verdict,
        reason=reason,
        numbers=numbers,
        wants_reference=is_doubtful and not is_code_same,
    )


@dataclass(frozen=True, kw_only=True)
class _BaselineEffects:
    """The effects of a case against its baseline; `over` names what the ratio divides by."""

    time: Effect
    ratio: Effect
    floor: Effect
    over: str

    def __str__(self) -> str:
        return f"time {self.time}, over {self.over} {self.ratio}"


def _effects(new: CaseTiming, old: CaseTiming, comparisons: int) -> _BaselineEffects:
    """Returns the effects of time, of time over the floor, and of the floor.

    If the floor is another one than the baseline's, the sentinel takes its place.
    """
    is_floor_same = (new.floor, new.floor_hash) == (old.floor, old.floor_hash)
    times = [timing.times(KERNEL) for timing in (new, old)]
    floors = [timing.times(FLOOR) if is_floor_same else _sentinels(timing) for timing in (new, old)]
    pairs = zip(times, floors, strict=True)
    ratios = [[us / floor_us for us, floor_us in zip(*pair, strict=True)] for pair in pairs]
    return _BaselineEffects(
        time=effect(*times, comparisons=comparisons),
        ratio=effect(*ratios, comparisons=comparisons),
        floor=effect(*floors, comparisons=comparisons),
        over="the floor" if is_floor_same else "the sentinel, as the floor is another",
    )


def _sentinels(timing: CaseTiming) -> list[float]:
    return [process.sentinel_us for process in timing.processes]


def classify(interval: Effect, limit: float) -> Verdict:
    """Returns the verdict on one interval alone: beyond the dead band, within the limit, or open.

    ::

        -limit/2       0      limit/2      limit
            |          |          |          |
      [--]  |          |          |          |            faster
            |          |          |  [----------]         slower
          [--------------------------------] |            same: no slowdown of the limit
            |          |   [-------------------]          inconclusive
    """
    if interval.low > _DEAD_BAND * limit:
        return Verdict.SLOWER
    if interval.high < -_DEAD_BAND * limit:
        return Verdict.FASTER
    return Verdict.SAME if interval.high < limit else Verdict.INCONCLUSIVE


def _agreement(effects: _BaselineEffects, limit: float) -> Verdict:
    """Returns the verdict of time and time over the floor together."""
    by_time, by_ratio = classify(effects.time, limit), classify(effects.ratio, limit)
    if by_time == by_ratio:
        return by_time
    # Either excludes a slowdown, but for a time that a faster machine may have kept as it was.
    not_slower = {Verdict.SAME, Verdict.FASTER}
    is_machine_faster = classify(effects.floor, limit) == Verdict.FASTER
    if by_ratio in not_slower or (by_time in not_slower and not is_machine_faster):
        return Verdict.SAME
    return Verdict.INCONCLUSIVE


def _pair_effect(timing: CaseTiming, comparisons: int) -> Effect:
    """Returns the effect of the kernel against the baseline's code in the same processes."""
    processes = timing.reference_processes
    times = [[process.us(name) for process in processes] for name in (KERNEL, REFERENCE)]
    return paired_effect(*times, comparisons=comparisons)


def _judge_pair(
    pair: Effect, effects: _BaselineEffects, limit: float, commit: str
) -> tuple[Verdict, str]:
    """Returns verdict and reason by the baseline's code: the machine is the same for both."""
    verdict = classify(pair, limit)
    reason = f"against the code of {commit[:12]} in the same processes {pair}; {effects}"
    if verdict == Verdict.SLOWER:
        reason = f"kernel: {reason}"
    elif verdict == Verdict.INCONCLUSIVE:
        reason = f"a slowdown of {limit:g} % is neither found nor excluded: {reason}; run it again"
    elif effects.time.low > _DEAD_BAND * limit:
        reason = f"not the kernel but the machine is slower: {reason}"
    return verdict, reason


def _cause(
    timing: CaseTiming, stored: StoredTiming, machine: Mapping[str, Any], *, is_code_same: bool
) -> str:
    """Returns the likely cause of a slowdown: ``kernel: its code is not the baseline's``."""
    if not is_code_same:
        codes = [(code or "unknown")[:12] for code in (stored.timing.code_hash, timing.code_hash)]
        return f"kernel: its code is not the baseline's, {codes[0]} -> {codes[1]}"
    if changes := _changes(stored.machine, machine, _OTHER_CONDITIONS):
        return f"machine: the code is the baseline's, but {'; '.join(changes)}"
    if discarded := sum(process.discarded for process in timing.processes):
        return f"measurement: the code is the baseline's; {discarded} rounds met a throttled clock"
    moved = median(_sentinels(timing)) / median(_sentinels(stored.timing))
    return (
        f"machine: the code is the baseline's, to the instruction; "
        f"the sentinel takes {100 * (moved - 1):+.1f} %"
    )


def _changes(
    old: Mapping[str, Any], new: Mapping[str, Any], conditions: Mapping[str, str]
) -> list[str]:
    """Returns ``compiler 3.6.0 -> 3.7.1`` for each condition that changed, if both are known."""
    changes = []
    for path, word in conditions.items():
        old_value, new_value = _value_at(old, path), _value_at(new, path)
        if None not in {old_value, new_value} and old_value != new_value:
            changes.append(f"{word} {old_value} -> {new_value}")
    return changes


def _value_at(fingerprint: Mapping[str, Any], path: str) -> str | int | float | None:
    """Returns the value at a dotted path, None if there is no plain value."""
    value: Any = fingerprint
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, str | int | float) else None


def _numbers_of_timing(timing: CaseTiming, limit: float) -> dict[str, float]:
    return {
        "time_us": round(timing.us, 4),
        "floor_us": round(timing.floor_us, 4),
        "ratio_to_floor": round(timing.ratio, 4),
        "processes": len(timing.processes),
        "discarded": sum(process.discarded for process in timing.processes),
        "limit_percent": limit,
    }


def _numbers_of_effect(name: str, interval: Effect) -> dict[str, float]:
    ends = {"percent": interval.percent, "low": interval.low, "high": interval.high}
    return {f"{name}_{end}": round(value, 3) for end, value in ends.items()}
