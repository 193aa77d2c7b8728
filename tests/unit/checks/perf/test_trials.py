"""The rates of a gate card: made-up times that are judged again and again, and their bounds."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import comb, exp

import pytest

from kernelproof.checks.perf import effect
from kernelproof.checks.perf import trials as card_trials
from kernelproof.checks.perf.trials import TrialPlan, times_found, try_row, upper_bound
from kernelproof.plan.timing_pace import Pace
from kernelproof.records.sensitivity import PlantedSlowdown
from kernelproof.records.timing import FLOOR, KERNEL, REPEAT
from kernelproof.records.verdict import Verdict

PROCESSES, BASELINE = 30, 12
SEEDS = range(12)
Times = Mapping[str, Sequence[float]]


@pytest.fixture(autouse=True)
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts of these tests are far from any limit, so that rougher intervals suffice."""
    monkeypatch.setattr(effect, "_RESAMPLES", 60)


def plan_of(times: Mapping[str, Times]) -> TrialPlan:
    """Returns the trials of these times within 3 %."""
    return TrialPlan(times=times, limits=dict.fromkeys(times, 3.0), baseline=BASELINE)


def noisy_plan(noise: float, *, planted: tuple[float, ...] = (0.1, 3)) -> TrialPlan:
    """Returns two cases whose processes differ by `noise` percent, with planted slowdowns."""
    dice = random.Random(noise)  # noqa: S311

    def stream(us: float) -> list[float]:
        return [us * exp(dice.gauss(0, noise / 100)) for _ in range(PROCESSES)]

    sizes = {f"slower by {size:g}": 10 + size / 10 for size in planted}
    us_of = {KERNEL: 10, REPEAT: 10, FLOOR: 5, **sizes}
    return plan_of(
        {f"case {i}": {name: stream(us) for name, us in us_of.items()} for i in range(2)}
    )


def slowed_repeat(times: Times) -> Times:
    """Returns the times with a kernel that, recorded again, takes 4 % longer."""
    return {**times, REPEAT: [1.04 * us for us in times[REPEAT]]}


def drifting_plan(times: Times) -> TrialPlan:
    """Returns one case whose processes differ by a fifth, over the floor, too."""
    dice = random.Random(1)  # noqa: S311
    drift = [exp(dice.uniform(-0.2, 0.2)) for _ in range(PROCESSES)]
    drifted = {name: [a * b for a, b in zip(us, drift, strict=True)] for name, us in times.items()}
    return plan_of({"case 0": {**drifted, FLOOR: times[FLOOR]}})


def slowdowns(*counts: int) -> list[PlantedSlowdown]:
    """Returns slowdowns of 1, 2, 3 ... percent, found so often of 200 times."""
    return [
        PlantedSlowdown(percent=size, measured_percent=size, found=count, trials=200)
        for size, count in enumerate(counts, start=1)
    ]


def test_no_process_is_on_both_sides() -> None:
    """Half of them are for the baseline, half for the new run, at random by the seed."""
    plan = noisy_plan(0.1)
    drawn: tuple[set[int], set[int]] = (set(), set())
    for seed in range(60):
        old, new = plan.halves(seed)
        assert (len(old), len(new)) == (BASELINE, Pace.most)
        assert not set(old) & set(new)
        assert (old, new) == plan.halves(seed)
        for side, half in zip(drawn, (old, new), strict=True):
            assert len(set(half)) < len(half)  # drawn with replacement
            side |= set(half)
    assert drawn == (set(range(PROCESSES)), set(range(PROCESSES)))


def test_rows_are_blamed_or_undecided_by_their_times() -> None:
    """Quiet rows are neither, one slower case blames its row, and noise leaves all undecided."""
    quiet = noisy_plan(0.1)
    times = quiet.times
    worse = plan_of({**times, "case 1": slowed_repeat(times["case 1"])})
    for plan, outcome in ((quiet, (False, False)), (worse, (True, False))):
        assert {try_row(seed, plan) for seed in SEEDS} == {outcome}
    assert {try_row(seed, noisy_plan(10)) for seed in range(4)} == {(False, True)}


def test_other_code_is_judged_beside_the_baselines() -> None:
    """Drift of a fifth from process to process hides no 3 % then.

    A row is judged either way: drift leaves it undecided by its own times.
    """
    plan = drifting_plan(noisy_plan(0.1).times["case 0"])
    by_itself = []
    for seed in SEEDS:
        halves = plan.halves(seed)
        assert plan.judge("case 0", "slower by 3", halves) == Verdict.SLOWER
        assert plan.judge("case 0", REPEAT, halves) == Verdict.SAME
        by_itself.append(plan.judge("case 0", "slower by 3", halves, is_code_same=True))
    assert by_itself.count(Verdict.SLOWER) < 3
    plan = drifting_plan(slowed_repeat(noisy_plan(0.1).times["case 0"]))
    outcomes = [try_row(seed, plan) for seed in range(8)]
    assert all(is_blamed for is_blamed, _ in outcomes)
    assert sum(is_undecided for _, is_undecided in outcomes) > 4


def test_more_processes_decide_what_few_leave_open() -> None:
    """A run's own pace leaves under half the inconclusive verdicts of at most 8 processes."""
    plan = noisy_plan(1)
    few, all_processes = (
        [paced.judge("case 0", REPEAT, plan.halves(seed), is_code_same=True) for seed in range(20)]
        for paced in (replace(plan, pace=Pace(most=8)), plan)
    )
    assert all_processes.count(Verdict.INCONCLUSIVE) < few.count(Verdict.INCONCLUSIVE) / 2


def test_slowdowns_are_found_from_half_the_limit_on() -> None:
    """In quiet times every slowdown beyond half of 3 % is found, planted or scaled; in noise none.

    What calibration missed is made up for: work that was to take 3 %, and took 6, is found as often
    as 1 % would be, if 1 % is asked for.
    """
    for percent, count in ((0.1, 0), (1, 0), (3, 10), (10, 10)):
        assert times_found("case 0", percent, noisy_plan(0.1), trials=10) == count, percent
    assert times_found("case 0", 3, noisy_plan(10), trials=4) == 0
    times = dict(noisy_plan(0.1, planted=(6,)).times["case 0"])
    times["slower by 3"] = times.pop("slower by 6")
    missed = plan_of({"case 0": times})
    assert times_found("case 0", 1, missed, trials=10) == 0
    assert times_found("case 0", 3, missed, trials=10) == 10
    (planted,) = card_trials.sensitivities(missed, trials=2)["case 0"].planted
    assert (planted.percent, planted.found) == (3, 2)
    assert planted.measured_percent == pytest.approx(6, abs=0.2)
    # Alarms count rows and bound their rate, in several processes as in one.
    quiet = card_trials.false_alarms(noisy_plan(0.1), rows=4)
    assert (quiet.rows, quiet.blamed, quiet.undecided) == (4, 0, 0)
    assert quiet.at_most_percent == pytest.approx(52.713)
    noisy = noisy_plan(1)
    alarms = card_trials.false_alarms(noisy, rows=6)
    outcomes = [try_row(seed, noisy) for seed in range(6)]
    assert [alarms.blamed, alarms.undecided] == [sum(side) for side in zip(*outcomes, strict=True)]


def test_each_case_has_its_spread_and_what_is_found() -> None:
    """The measured size is the median over the processes."""
    cases = card_trials.sensitivities(noisy_plan(0.1), trials=3)
    assert list(cases) == ["case 0", "case 1"]
    for case in cases.values():
        counts = [(size.percent, size.found, size.trials) for size in case.planted]
        assert (case.limit_percent, counts) == (3, [(0.1, 0, 3), (3, 3, 3)])
        measured = [size.measured_percent for size in case.planted]
        assert measured == pytest.approx([0.1, 3], abs=0.1)
        spread = {"time": 0.1, "floor": 0.1, "ratio": 0.14}
        assert case.spread_percent == pytest.approx(spread, abs=0.05)
        assert case.visible_percent == pytest.approx(1.75, abs=0.3)


@pytest.mark.parametrize(
    ("planted", "least", "percent"),
    [
        (slowdowns(0, 200), 1.3, 1.31),
        (slowdowns(189, 190), 1.9, 1.94),
        (slowdowns(0, 200)[::-1], 1.0, 1.06),
        (slowdowns(200, 200), 0.7, 0.75),
        (slowdowns(200, 100, 200), 2.5, 2.5),
        (slowdowns(0, 200), 9, 2),
        (slowdowns(200, 200, 189), 0, None),
        (slowdowns(0, 10), 0, None),
    ],
)
def test_the_least_visible_slowdown(
    planted: list[PlantedSlowdown], least: float, percent: float | None
) -> None:
    """It is searched between the planted sizes, to a tenth; never beyond the largest."""
    sizes = []

    def found_from_least_on(size: float) -> int:
        sizes.append(size)
        return 190 if size >= least else 189

    assert card_trials.least_visible(planted, found_from_least_on) == percent
    assert len(sizes) <= 5


def test_at_the_bound_so_few_hits_are_one_in_twenty() -> None:
    """The bound is Clopper and Pearson's: 0 of 600 leaves 0.498 %; more hits raise the bound."""
    assert upper_bound(0, 600) == pytest.approx(1 - 0.05 ** (1 / 600), abs=1e-5)
    assert upper_bound(600, 600) == upper_bound(7, 7) == 1
    for trials in (1, 2, 30, 60, 600):
        hits = range(0, trials, max(trials // 4, 1))
        bounds = [upper_bound(count, trials) for count in hits]
        assert bounds == sorted(bounds)
        for count, p in zip(hits, bounds, strict=True):
            parts = (comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(count + 1))
            assert sum(parts) == pytest.approx(0.05, rel=1e-6)
            assert p > count / trials
    # Many hits leave a bound above their rate, beyond the power of any float.
    for count in (590, 599):
        assert count / 600 < upper_bound(count, 600) < 1
