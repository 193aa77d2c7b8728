"""What a gate card's rates are counted from: the judge on resampled processes, again and again.

Each trial parts the measured processes into two halves at random, draws a baseline from one and a
new run from the other, with replacement, and judges as a run does, with the baseline's own code
timed beside where that is called for. So no process is on both sides, and what is judged together
shares its processes. An unchanged kernel is one that was recorded again, in the same processes.
"""

import os
import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median, stdev

from pipeline.perf.card import FOUND_OF, Alarms, OfCase, Planted
from pipeline.perf.judge import Speed, Stored, judge_one
from pipeline.perf.timing import AGAIN, FLOOR, KERNEL, PACE, REFERENCE, Pace, Process, Timing

# By case and contestant a time a process, in microseconds, the same processes throughout.
Times = Mapping[str, Mapping[str, Sequence[float]]]
_CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Trial:
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

    def speed(self, case: str, name: str, halves: tuple[list[int], list[int]]) -> Speed:
        """The verdict on a case whose new run took the times of the contestant `name`.

        As if its code were not the baseline's, which is then timed beside it where need be.
        """
        times, pace = self.times[case], self.pace
        stored = Stored(timing=_timing(times, KERNEL, halves[0]), machine={}, commit="")
        judge = partial(
            judge_one,
            machine={},
            stored=stored,
            limit=self.limits[case],
            comparisons=len(self.times),
        )
        found = judge(_timing(times, name, halves[1][: pace.first]))
        if found.wants_reference:
            found = judge(_timing(times, name, halves[1][: pace.first], is_beside=True))
        return found.speed


def _timing(
    times: Mapping[str, Sequence[float]],
    name: str,
    chosen: Sequence[int],
    *,
    is_beside: bool = False,
) -> Timing:
    processes = [
        Process(
            samples_us={
                KERNEL: [times[name][i]],
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
    return Timing(
        floor="floor",
        bytes=None,
        code_hash=None,
        floor_hash=None,
        launches=1,
        processes=processes,
        reference_processes=processes if is_beside else [],
    )


def row_trial(seed: int, trial: Trial) -> tuple[bool, bool]:
    """Whether an unchanged row has a case that is blamed, and one that stays undecided."""
    halves = trial.halves(seed)
    found = {trial.speed(case, AGAIN, halves) for case in trial.times}
    return Speed.SLOWER in found, Speed.INCONCLUSIVE in found


def found_of(case: str, trial: Trial, trials: int) -> list[int]:
    """How many trials find each planted slowdown of a case, in the order of its contestants."""
    names = _planted(trial.times[case])
    counts = [0] * len(names)
    for seed in range(trials):
        halves = trial.halves(seed)
        for i, name in enumerate(names):
            counts[i] += trial.speed(case, name, halves) == Speed.SLOWER
    return counts


def _planted(times: Mapping[str, Sequence[float]]) -> list[str]:
    return [name for name in times if name not in {KERNEL, FLOOR, AGAIN}]


def alarms_of(trial: Trial, rows: int) -> Alarms:
    """The false alarms of so many unchanged rows, with the exact bound of their rate."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        one = partial(row_trial, trial=trial)
        found = list(pool.map(one, range(rows), chunksize=max(rows // 64, 1)))
    blamed = sum(is_blamed for is_blamed, _ in found)
    return Alarms(
        rows=rows,
        blamed=blamed,
        undecided=sum(is_undecided for _, is_undecided in found),
        at_most_percent=round(100 * upper_bound(blamed, rows), 3),
    )


def cases_of(trial: Trial, trials: int) -> dict[str, OfCase]:
    """For each case its spread between processes, and what is found of its planted slowdowns."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        count = partial(found_of, trial=trial, trials=trials)
        counts = dict(zip(trial.times, pool.map(count, trial.times), strict=True))
    return {
        case: _of_case(times, counts[case], trials, trial.limits[case])
        for case, times in trial.times.items()
    }


def _of_case(
    times: Mapping[str, Sequence[float]], counts: Sequence[int], trials: int, limit: float
) -> OfCase:
    kernel, floor = times[KERNEL], times[FLOOR]
    ratios = [a / b for a, b in zip(kernel, floor, strict=True)]
    planted = [
        Planted(
            percent=float(name.rpartition(" ")[2]),
            measured_percent=round(_slower_by(times[name], kernel), 3),
            found=found,
            trials=trials,
        )
        for name, found in zip(_planted(times), counts, strict=True)
    ]
    spread = {"time": kernel, "floor": floor, "ratio": ratios}
    return OfCase(
        limit_percent=limit,
        spread_percent={name: round(_spread(of), 3) for name, of in spread.items()},
        planted=planted,
        visible_percent=visible(planted),
    )


def _slower_by(slowed: Sequence[float], kernel: Sequence[float]) -> float:
    return 100 * (median(a / b for a, b in zip(slowed, kernel, strict=True)) - 1)


def _spread(values: Sequence[float]) -> float:
    """The coefficient of variation, in percent."""
    return 100 * stdev(values) / fmean(values)


def visible(planted: Sequence[Planted]) -> float | None:
    """The smallest slowdown from which on at least 95 of 100 trials find every planted one.

    Between the last planted size that is found too rarely and the first that is not, the rate is
    taken as a straight line.
    """
    before: Planted | None = None
    least: float | None = None
    for one in sorted(planted, key=lambda one: one.measured_percent):
        rate = one.found / one.trials
        if rate < FOUND_OF:
            before, least = one, None
        elif least is None:
            least = one.measured_percent
            if before and rate > (low := before.found / before.trials):
                part = (FOUND_OF - low) / (rate - low)
                least = before.measured_percent + part * (
                    one.measured_percent - before.measured_percent
                )
    return None if least is None else round(least, 3)


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
    term = total = (1 - rate) ** trials
    for k in range(1, hits + 1):
        term *= (trials - k + 1) / k * rate / (1 - rate)
        total += term
    return total
