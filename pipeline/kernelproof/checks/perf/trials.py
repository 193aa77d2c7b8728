"""The trials that a gate card's rates are counted from: runs resampled from measured processes.

Each trial parts the measured processes into two halves at random, draws a baseline from one and a
new run from the other, with replacement, and judges as a run does, with the baseline's own code
timed beside if the judge asks for it. So no process is on both sides, and the cases that are
judged together share their processes. An unchanged kernel is one that was recorded again, in the
same processes.
"""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import exp, fsum, lgamma, log, log1p
from statistics import fmean, median, stdev
from typing import Any

from kernelproof.checks.perf.judge import judge_timing
from kernelproof.plan.timing_pace import PACE, Pace
from kernelproof.records import sensitivity, timing
from kernelproof.records.sensitivity import CaseSensitivity, FalseAlarms, PlantedSlowdown
from kernelproof.records.timing import FLOOR, KERNEL, REPEAT, CaseTiming, StoredTiming
from kernelproof.records.verdict import Verdict

# By contestant the time in each process, in microseconds, the same processes throughout.
TimesByContestant = Mapping[str, Sequence[float]]
# A slowdown is visible if this part of the trials finds it.
_VISIBLE_RATE = 0.95
# The least visible slowdown is searched to this many percent.
_VISIBLE_STEP_PERCENT = 0.1
_CONFIDENCE = 0.95
# Halvings of the interval of a rate: more than a double has bits.
_BISECTIONS = 60
_CODE_HASH = "0" * 64
# Parts in which rows are handed to processes: many more than there are processors.
_CHUNKS = 64
_UNCHANGED = {KERNEL, FLOOR, REPEAT}  # contestants that are not planted
# Processes of a trial's baseline and of its new run.
Halves = tuple[list[int], list[int]]


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """The measured times that trials draw from, by case, and the limits they judge by.

    `baseline` is the number of processes of a baseline.
    """

    times: Mapping[str, TimesByContestant]
    limits: Mapping[str, float]
    baseline: int
    pace: Pace = PACE

    @property
    def processes(self) -> int:
        """Returns the number of measured processes."""
        return len(next(iter(self.times.values()))[KERNEL])

    def halves(self, seed: int) -> Halves:
        """Returns the processes of one trial's baseline and of its new run."""
        dice = random.Random(seed)  # noqa: S311  (resampling, no secret)
        order = dice.sample(range(self.processes), self.processes)
        old, new = order[: len(order) // 2], order[len(order) // 2 :]
        return dice.choices(old, k=self.baseline), dice.choices(new, k=self.pace.most)

    def judge(
        self,
        case: str,
        contestant: str,
        halves: Halves,
        *,
        factor: float = 1.0,
        is_code_same: bool = False,
    ) -> Verdict:
        """Returns the verdict on a run whose kernel takes `factor` times those of `contestant`.

        The baseline is the kernel's times in the first half. If its code is not the baseline's,
        that is timed beside it whenever the judge asks for it.
        """
        times = self.times[case]
        code_hash = _CODE_HASH if is_code_same else None
        baseline = _timing(times, KERNEL, halves[0], _CODE_HASH)
        judge = partial(
            judge_timing,
            machine={},
            stored=StoredTiming(timing=baseline, machine={}, commit=""),
            limit=self.limits[case],
            comparisons=len(self.times),
        )
        # As in a run, more processes are drawn while the verdict is open.
        verdict = Verdict.INCONCLUSIVE
        for count in range(self.pace.first, self.pace.most + 1, self.pace.more):
            chosen = halves[1][:count]
            drawn = _timing(times, contestant, chosen, code_hash, factor=factor)
            finding = judge(drawn)
            if finding.wants_reference:
                beside = {"reference": "0", "reference_processes": drawn.processes}
                finding = judge(drawn.model_copy(update=beside))
            if (verdict := finding.verdict) != Verdict.INCONCLUSIVE:
                break
        return verdict


def _timing(
    times: TimesByContestant,
    contestant: str,
    chosen: Sequence[int],
    code_hash: str | None,
    *,
    factor: float = 1.0,
) -> CaseTiming:
    """Returns a timing of the chosen processes, in which the kernel is `contestant`."""
    machine: Any = {"sentinel_us": 1.0, "sm_clock_mhz": None, "temperature_c": None}
    processes = [
        timing.ProcessTimes(
            samples_us={
                KERNEL: [factor * times[contestant][i]],
                FLOOR: [times[FLOOR][i]],
                timing.REFERENCE: [times[KERNEL][i]],
            },
            discarded=0,
            **machine,
        )
        for i in chosen
    ]
    floor: Any = {"floor": "floor", "floor_hash": None, "bytes": None}
    return CaseTiming(code_hash=code_hash, launches=1, processes=processes, **floor)


def try_row(seed: int, plan: TrialPlan) -> tuple[bool, bool]:
    """Tells if an unchanged row has a case that is blamed, and one that stays undecided.

    Each case is judged both as the baseline's code and as other code that does the same.
    """
    halves = plan.halves(seed)
    verdicts = {
        plan.judge(case, REPEAT, halves, is_code_same=is_same)
        for case in plan.times
        for is_same in (True, False)
    }
    return Verdict.SLOWER in verdicts, Verdict.INCONCLUSIVE in verdicts


def times_found(case: str, percent: float, plan: TrialPlan, trials: int) -> int:
    """Returns how many trials find a slowdown of exactly `percent`.

    The planted contestant whose measured size is nearest is scaled to it: its processes differ as
    they were measured, and an error of the calibration is made up for.
    """
    times = plan.times[case]
    planted = [name for name in times if name not in _UNCHANGED]
    sizes = {name: _slowdown(times[name], times[KERNEL]) for name in planted}
    nearest = min(sizes, key=lambda name: abs(sizes[name] - percent))
    factor = (1 + percent / 100) / (1 + sizes[nearest] / 100)
    verdicts = [
        plan.judge(case, nearest, plan.halves(seed), factor=factor) for seed in range(trials)
    ]
    return verdicts.count(Verdict.SLOWER)


def false_alarms(plan: TrialPlan, rows: int) -> FalseAlarms:
    """Returns the false alarms of `rows` unchanged rows, with the exact bound of their rate."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        trial = partial(try_row, plan=plan)
        outcomes = list(pool.map(trial, range(rows), chunksize=max(rows // _CHUNKS, 1)))
    blamed = sum(is_blamed for is_blamed, _ in outcomes)
    return FalseAlarms(
        rows=rows,
        blamed=blamed,
        undecided=sum(is_undecided for _, is_undecided in outcomes),
        at_most_percent=round(100 * upper_bound(blamed, rows), 3),
    )


def sensitivities(plan: TrialPlan, trials: int) -> dict[str, CaseSensitivity]:
    """Returns for each case its spread between processes, and the planted slowdowns found."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        measure = partial(_sensitivity, plan=plan, trials=trials)
        return dict(zip(plan.times, pool.map(measure, plan.times), strict=True))


def _sensitivity(case: str, plan: TrialPlan, trials: int) -> CaseSensitivity:
    times = plan.times[case]
    kernel, floor = times[KERNEL], times[FLOOR]
    planted = [
        PlantedSlowdown(
            percent=(percent := float(name.rpartition(" ")[2])),
            measured_percent=round(_slowdown(times[name], kernel), 3),
            found=times_found(case, percent, plan, trials),
            trials=trials,
        )
        for name in times
        if name not in _UNCHANGED
    ]
    ratios = [us / floor_us for us, floor_us in zip(kernel, floor, strict=True)]
    spread: dict[sensitivity.SpreadOf, Sequence[float]] = {
        "time": kernel,
        "floor": floor,
        "ratio": ratios,
    }
    visible = least_visible(planted, lambda percent: times_found(case, percent, plan, trials))
    return CaseSensitivity(
        limit_percent=plan.limits[case],
        spread_percent={
            # The coefficient of variation, in percent.
            name: round(100 * stdev(values) / fmean(values), 3)
            for name, values in spread.items()
        },
        planted=planted,
        visible_percent=visible,
    )


def _slowdown(slowed: Sequence[float], kernel: Sequence[float]) -> float:
    """Returns by how many percent `slowed` takes longer: the median over the processes."""
    return 100 * (median(a / b for a, b in zip(slowed, kernel, strict=True)) - 1)


def least_visible(
    planted: Sequence[PlantedSlowdown], times_found: Callable[[float], int]
) -> float | None:
    """Returns the smallest slowdown that 95 of 100 trials find, to a tenth of a percent.

    `times_found` says how many trials find a size. None if the largest planted one is found too
    rarely.
    """
    rates = {slowdown.percent: slowdown.found / slowdown.trials for slowdown in planted}
    missed = max((percent for percent, rate in rates.items() if rate < _VISIBLE_RATE), default=0.0)
    visible = [percent for percent in rates if percent > missed]
    if not visible:
        return None
    # Halve the gap between the largest planted size that is missed and the next one.
    trials, low, high = planted[0].trials, missed, min(visible)
    while high - low > _VISIBLE_STEP_PERCENT:
        middle = (low + high) / 2
        if times_found(middle) >= _VISIBLE_RATE * trials:
            high = middle
        else:
            low = middle
    return round(high, 2)


def upper_bound(hits: int, trials: int) -> float:
    """Returns the one-sided upper bound of a rate (Clopper and Pearson, Biometrika 26, 1934)."""
    if hits >= trials:
        return 1.0
    low, high = hits / trials, 1.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _probability_of_at_most(hits, trials, middle) > 1 - _CONFIDENCE:
            low = middle
        else:
            high = middle
    return high


def _probability_of_at_most(hits: int, trials: int, rate: float) -> float:
    """Returns the probability of so many hits or fewer: the binomial distribution."""
    ways = (lgamma(trials + 1) - lgamma(k + 1) - lgamma(trials - k + 1) for k in range(hits + 1))
    # As logarithms: a power of so many trials may be smaller than any float.
    return fsum(
        exp(way + k * log(rate) + (trials - k) * log1p(-rate)) for k, way in enumerate(ways)
    )
