"""What a gate card's rates are counted from: the judge on resampled processes, again and again.

Each trial parts the measured processes into two halves at random, draws a baseline from one and a
new run from the other, with replacement, and judges as a run does, with the baseline's own code
timed beside where that is called for. So no process is on both sides, and what is judged together
shares its processes. An unchanged kernel is one that was recorded again, in the same processes.
"""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import exp, fsum, lgamma, log, log1p
from statistics import fmean, median, stdev

from kernelproof.checks.perf.judge import Speed, judge_timing
from kernelproof.plan.timing_pace import PACE, Pace
from kernelproof.records.sensitivity import CaseSensitivity, FalseAlarms, PlantedSlowdown, SpreadOf
from kernelproof.records.timing import (
    FLOOR,
    KERNEL,
    REFERENCE,
    REPEAT,
    CaseTiming,
    ProcessTimes,
    StoredTiming,
)

# By case and contestant a time a process, in microseconds, the same processes throughout.
Times = Mapping[str, Mapping[str, Sequence[float]]]
FOUND_OF = 0.95
_CONFIDENCE, _TENTH = 0.95, 0.1
_CODE = "0" * 64


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """What is judged again and again: times and limits by case, processes of a baseline, pace."""

    times: Times
    limits: Mapping[str, float]
    baseline: int
    pace: Pace = PACE

    @property
    def processes(self) -> int:
        """How many were measured."""
        return len(next(iter(self.times.values()))[KERNEL])

    def halves(self, seed: int) -> tuple[list[int], list[int]]:
        """The processes of one trial's baseline and of its new run."""
        dice = random.Random(seed)  # noqa: S311  (resampling, no secret)
        order = dice.sample(range(self.processes), self.processes)
        old, new = order[: len(order) // 2], order[len(order) // 2 :]
        return dice.choices(old, k=self.baseline), dice.choices(new, k=self.pace.most)

    def speed(self, new: "SimulatedRun", halves: tuple[list[int], list[int]]) -> Speed:
        """The verdict on a new run, judged against the kernel's times of the first half."""
        times = self.times[new.case]
        code = _CODE if new.is_code_same else None
        stored = StoredTiming(
            timing=_timing(times, KERNEL, halves[0], _CODE), machine={}, commit=""
        )
        judge = partial(
            judge_timing,
            machine={},
            stored=stored,
            limit=self.limits[new.case],
            comparisons=len(self.times),
        )
        speed = Speed.INCONCLUSIVE
        for count in range(self.pace.first, self.pace.most + 1, self.pace.more):
            timing = _timing(times, new.name, halves[1][:count], code, factor=new.factor)
            found = judge(timing)
            if found.wants_reference:
                beside = {"reference": "0", "reference_processes": timing.processes}
                found = judge(timing.model_copy(update=beside))
            if (speed := found.speed) != Speed.INCONCLUSIVE:
                break
        return speed


@dataclass(frozen=True, kw_only=True)
class SimulatedRun:
    """A case whose kernel takes the times of the contestant `name`, times `factor`.

    Where its code is not the baseline's, that is timed beside it whenever the judge asks for it.
    """

    case: str
    name: str
    factor: float = 1.0
    is_code_same: bool = False


def _timing(
    times: Mapping[str, Sequence[float]],
    name: str,
    chosen: Sequence[int],
    code: str | None,
    *,
    factor: float = 1.0,
) -> CaseTiming:
    processes = [
        ProcessTimes(
            samples_us={
                KERNEL: [factor * times[name][i]],
                FLOOR: [times[FLOOR][i]],
                REFERENCE: [times[KERNEL][i]],
            },
            discarded=0,
            sentinel_us=1.0,
            sm_clock_mhz=None,
            temperature_c=None,
        )
        for i in chosen
    ]
    return CaseTiming(
        floor="floor", bytes=None, code_hash=code, floor_hash=None, launches=1, processes=processes
    )


def row_trial(seed: int, trial: TrialPlan) -> tuple[bool, bool]:
    """Whether an unchanged row has a case that is blamed, and one that stays undecided.

    By either way of the judge: with the baseline's code, and with code that does the same.
    """
    halves = trial.halves(seed)
    runs = [
        SimulatedRun(case=case, name=REPEAT, is_code_same=is_same)
        for case in trial.times
        for is_same in (True, False)
    ]
    found = {trial.speed(run, halves) for run in runs}
    return Speed.SLOWER in found, Speed.INCONCLUSIVE in found


def found_at(case: str, percent: float, trial: TrialPlan, trials: int) -> int:
    """How many trials find a slowdown of just this size.

    The planted one whose measured size is nearest is scaled to it, so that its processes differ as
    they were measured, and what calibration missed is made up for.
    """
    times = trial.times[case]
    sizes = {name: _slower_by(times[name], times[KERNEL]) for name in _planted(times)}
    name = min(sizes, key=lambda one: abs(sizes[one] - percent))
    factor = (1 + percent / 100) / (1 + sizes[name] / 100)
    run = SimulatedRun(case=case, name=name, factor=factor)
    return sum(trial.speed(run, trial.halves(seed)) == Speed.SLOWER for seed in range(trials))


def _planted(times: Mapping[str, Sequence[float]]) -> list[str]:
    return [name for name in times if name not in {KERNEL, FLOOR, REPEAT}]


def alarms_of(trial: TrialPlan, rows: int) -> FalseAlarms:
    """The false alarms of so many unchanged rows, with the exact bound of their rate."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        one = partial(row_trial, trial=trial)
        found = list(pool.map(one, range(rows), chunksize=max(rows // 64, 1)))
    blamed = sum(is_blamed for is_blamed, _ in found)
    return FalseAlarms(
        rows=rows,
        blamed=blamed,
        undecided=sum(is_undecided for _, is_undecided in found),
        at_most_percent=round(100 * upper_bound(blamed, rows), 3),
    )


def cases_of(trial: TrialPlan, trials: int) -> dict[str, CaseSensitivity]:
    """For each case its spread between processes, and what is found of its planted slowdowns."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        one = partial(_of_case, trial=trial, trials=trials)
        return dict(zip(trial.times, pool.map(one, trial.times), strict=True))


def _of_case(case: str, trial: TrialPlan, trials: int) -> CaseSensitivity:
    times = trial.times[case]
    kernel, floor = times[KERNEL], times[FLOOR]
    planted = [
        PlantedSlowdown(
            percent=(percent := float(name.rpartition(" ")[2])),
            measured_percent=round(_slower_by(times[name], kernel), 3),
            found=found_at(case, percent, trial, trials),
            trials=trials,
        )
        for name in _planted(times)
    ]
    ratios = [a / b for a, b in zip(kernel, floor, strict=True)]
    spread: dict[SpreadOf, Sequence[float]] = {"time": kernel, "floor": floor, "ratio": ratios}
    return CaseSensitivity(
        limit_percent=trial.limits[case],
        spread_percent={name: round(_spread(of), 3) for name, of in spread.items()},
        planted=planted,
        visible_percent=visible(planted, lambda percent: found_at(case, percent, trial, trials)),
    )


def _slower_by(slowed: Sequence[float], kernel: Sequence[float]) -> float:
    return 100 * (median(a / b for a, b in zip(slowed, kernel, strict=True)) - 1)


def _spread(values: Sequence[float]) -> float:
    """The coefficient of variation, in percent."""
    return 100 * stdev(values) / fmean(values)


def visible(planted: Sequence[PlantedSlowdown], found_at: Callable[[float], int]) -> float | None:
    """The smallest slowdown, to a tenth of a percent, that at least 95 of 100 trials find.

    Looked for between the largest planted size that is found too rarely and the next one;
    `found_at` says how many trials find a size. None where the largest planted is found too rarely.
    """
    found = {one.percent: one.found / one.trials >= FOUND_OF for one in planted}
    missed = max((percent for percent, is_found in found.items() if not is_found), default=0.0)
    seen = [percent for percent in found if percent > missed]
    if not seen:
        return None
    trials, low, high = planted[0].trials, missed, min(seen)
    while high - low > _TENTH:
        middle = (low + high) / 2
        if found_at(middle) >= FOUND_OF * trials:
            high = middle
        else:
            low = middle
    return round(high, 2)


def upper_bound(hits: int, trials: int, confidence: float = _CONFIDENCE) -> float:
    """The one-sided upper bound of a rate (Clopper and Pearson, Biometrika 26, 1934)."""
    if hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(hits, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(hits: int, trials: int, rate: float) -> float:
    """The probability of so many hits or fewer."""
    ways = (lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) for k in range(hits + 1))
    # As logarithms: a power of so many trials may be smaller than any float.
    return fsum(exp(of + k * log(rate) + (trials - k) * log1p(-rate)) for k, of in enumerate(ways))
