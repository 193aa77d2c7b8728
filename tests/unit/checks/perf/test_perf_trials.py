"""What a gate card counts: made-up times that are judged again and again."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp

import pytest

from kernelproof.checks.perf.trials import (
    SimulatedRun,
    TrialPlan,
    false_alarms,
    least_visible,
    sensitivities,
    times_found,
    try_row,
)
from kernelproof.plan.timing_pace import Pace
from kernelproof.records.sensitivity import PlantedSlowdown
from kernelproof.records.timing import FLOOR, KERNEL, REPEAT
from kernelproof.records.verdict import Verdict

PROCESSES = 30
SEEDS = range(20)


def trial_of(noise: float, *, cases: int = 2, planted: tuple[float, ...] = (0.1, 3)) -> TrialPlan:
    """A row of cases whose processes differ by `noise` percent, slowed by so many percent."""
    dice = random.Random(noise)  # noqa: S311

    def stream(us: float) -> list[float]:
        return [us * exp(dice.gauss(0, noise / 100)) for _ in range(PROCESSES)]

    times = {
        f"case {i}": {
            KERNEL: stream(10),
            REPEAT: stream(10),
            FLOOR: stream(5),
            **{f"slower by {size:g}": stream(10 + size / 10) for size in planted},
        }
        for i in range(cases)
    }
    return TrialPlan(times=times, limits=dict.fromkeys(times, 3.0), baseline=12)


def planted_of(*sizes_found: tuple[float, int]) -> list[PlantedSlowdown]:
    """Slowdowns of these sizes, found so often of 200 times."""
    return [
        PlantedSlowdown(percent=size, measured_percent=size, found=found, trials=200)
        for size, found in sizes_found
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_no_process_is_on_both_sides(seed: int) -> None:
    """Half of them for the baseline, half for the new run; drawn again, and the same by seed."""
    trial = trial_of(0.1)
    old, new = trial.halves(seed)
    assert (len(old), len(new)) == (12, Pace.most)
    assert not set(old) & set(new)
    assert set(old) | set(new) <= set(range(PROCESSES))
    assert (old, new) == trial.halves(seed)


def test_every_process_is_on_either_side_in_turn() -> None:
    """Which half one is in is chance, and so is how often it is drawn."""
    trial = trial_of(0.1)
    halves = [trial.halves(seed) for seed in range(60)]
    for side in range(2):
        assert {one for half in halves for one in half[side]} == set(range(PROCESSES))
        assert all(len(set(half[side])) < len(half[side]) for half in halves)


def test_quiet_rows_are_neither_blamed_nor_undecided() -> None:
    """Where processes differ by 0.1 %: with the baseline's code, and with other code."""
    trial = trial_of(0.1)
    assert {try_row(seed, trial) for seed in SEEDS} == {(False, False)}


def test_one_slower_case_blames_its_row() -> None:
    """A kernel that, recorded again, takes 4 % longer."""
    trial = trial_of(0.1)
    last = trial.times["case 1"]
    slowed = {**last, REPEAT: [1.04 * us for us in last[REPEAT]]}
    worse = TrialPlan(times={**trial.times, "case 1": slowed}, limits=trial.limits, baseline=12)
    assert {try_row(seed, worse) for seed in SEEDS} == {(True, False)}


def test_very_noisy_rows_are_undecided_and_not_blamed() -> None:
    """Where processes differ by 10 %, nothing is concluded of a limit of 3 %."""
    trial = trial_of(10)
    assert {try_row(seed, trial) for seed in range(8)} == {(False, True)}


@pytest.mark.parametrize(("percent", "found"), [(0.1, 0), (1, 0), (3, 20), (10, 20)])
def test_what_is_found_in_quiet_times(percent: float, found: int) -> None:
    """From half the limit of 3 % on every slowdown, below that none, planted or scaled."""
    assert times_found("case 0", percent, trial_of(0.1), trials=20) == found


def test_nothing_is_found_in_very_noisy_times() -> None:
    """Not even 3 %."""
    assert times_found("case 0", 3, trial_of(10), trials=8) == 0


def test_what_calibration_missed_is_made_up_for() -> None:
    """Work that was to take 3 %, and took 6, is found as often as 1 % would be: never."""
    trial = trial_of(0.1, planted=(6,))
    times = {
        name: {word.replace("by 6", "by 3"): us for word, us in of.items()}
        for name, of in trial.times.items()
    }
    missed = TrialPlan(times=times, limits=trial.limits, baseline=12)
    assert times_found("case 0", 1, missed, trials=20) == 0
    assert times_found("case 0", 3, missed, trials=20) == 20
    (planted,) = sensitivities(missed, trials=2)["case 0"].planted
    assert (planted.percent, planted.found) == (3, 2)
    assert planted.measured_percent == pytest.approx(6, abs=0.2)


def _drifting(times: Mapping[str, Sequence[float]]) -> TrialPlan:
    """One case whose processes differ by a fifth, over the floor, too."""
    dice = random.Random(1)  # noqa: S311
    drift = [exp(dice.uniform(-0.2, 0.2)) for _ in range(PROCESSES)]
    drifted = {
        name: list(us) if name == FLOOR else [a * by for a, by in zip(us, drift, strict=True)]
        for name, us in times.items()
    }
    return TrialPlan(times={"case 0": drifted}, limits={"case 0": 3}, baseline=12)


def test_other_code_is_judged_beside_the_baselines() -> None:
    """Drift from process to process, of a fifth and over the floor, hides no 3 % then."""
    trial = _drifting(trial_of(0.1).times["case 0"])
    is_same, by_itself = SimulatedRun(case="case 0", contestant=REPEAT), []
    for seed in SEEDS:
        halves = trial.halves(seed)
        slower = SimulatedRun(case="case 0", contestant="slower by 3")
        assert trial.judge(slower, halves) == Verdict.SLOWER
        assert trial.judge(is_same, halves) == Verdict.SAME
        by_itself.append(trial.judge(replace(slower, is_code_same=True), halves))
    assert by_itself.count(Verdict.SLOWER) < 3


def test_a_row_is_judged_either_way() -> None:
    """With code that is known, drift leaves it undecided; with other code, 4 % are seen."""
    times = trial_of(0.1).times["case 0"]
    trial = _drifting({**times, REPEAT: [1.04 * us for us in times[REPEAT]]})
    found = [try_row(seed, trial) for seed in range(8)]
    assert all(is_blamed for is_blamed, _ in found)
    assert sum(is_undecided for _, is_undecided in found) > 4


def test_more_processes_decide_what_few_leave_open() -> None:
    """As in a run: in the steps of its pace, up to its most."""
    trial = trial_of(1)
    short = TrialPlan(times=trial.times, limits=trial.limits, baseline=12, pace=Pace(most=8))
    run = SimulatedRun(case="case 0", contestant=REPEAT, is_code_same=True)
    few, many = (
        [one.judge(run, trial.halves(seed)) for seed in SEEDS].count(Verdict.INCONCLUSIVE)
        for one in (short, trial)
    )
    assert many < few / 2


def test_alarms_count_rows_and_bound_their_rate() -> None:
    """In several processes, the same as in one."""
    quiet = false_alarms(trial_of(0.1), rows=4)
    assert (quiet.rows, quiet.blamed, quiet.undecided) == (4, 0, 0)
    assert quiet.at_most_percent == pytest.approx(52.713)
    worse = trial_of(1)
    found = false_alarms(worse, rows=6)
    one_by_one = [try_row(seed, worse) for seed in range(6)]
    assert [found.blamed, found.undecided] == [sum(of) for of in zip(*one_by_one, strict=True)]


def test_each_case_has_its_spread_and_what_is_found() -> None:
    """The size that is told is the measured one, by the median over the processes."""
    found = sensitivities(trial_of(0.1), trials=3)
    assert list(found) == ["case 0", "case 1"]
    for of_case in found.values():
        assert of_case.limit_percent == 3
        planted = of_case.planted
        assert [(one.percent, one.found, one.trials) for one in planted] == [(0.1, 0, 3), (3, 3, 3)]
        assert [one.measured_percent for one in planted] == pytest.approx([0.1, 3], abs=0.1)
        spread = of_case.spread_percent
        assert list(spread) == ["time", "floor", "ratio"]
        assert list(spread.values()) == pytest.approx([0.1, 0.1, 0.14], abs=0.05)
        assert of_case.visible_percent == pytest.approx(1.75, abs=0.3)


@pytest.mark.parametrize(
    ("planted", "least", "percent"),
    [
        (planted_of((1, 0), (2, 200)), 1.3, 1.31),
        (planted_of((1, 189), (2, 190)), 1.9, 1.94),
        (planted_of((2, 200), (1, 0)), 1.0, 1.06),
        (planted_of((1, 200), (2, 200)), 0.7, 0.75),
        (planted_of((1, 200), (2, 100), (3, 200)), 2.5, 2.5),
        (planted_of((1, 0), (2, 200)), 9, 2),
        (planted_of((1, 200), (2, 200), (3, 189)), 0, None),
        (planted_of((1, 0), (2, 10)), 0, None),
    ],
    ids=["line", "just", "unordered", "all", "dip", "never", "last", "none"],
)
def test_visible(planted: list[PlantedSlowdown], least: float, percent: float | None) -> None:
    """Looked for where the planted sizes leave room, to a tenth; nothing beyond the largest."""
    asked = []

    def found_from_least_on(size: float) -> int:
        asked.append(size)
        return 190 if size >= least else 189

    assert least_visible(planted, found_from_least_on) == percent
    assert len(asked) <= 5
