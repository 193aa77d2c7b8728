"""Verdicts where time and floor do not agree, or where the baseline's code was timed beside."""

from typing import Any

import pytest

from kernelproof.checks.perf.effect import Effect
from kernelproof.checks.perf.judge import classify, judge_timing
from kernelproof.records.timing import StoredTiming
from kernelproof.records.verdict import Verdict
from tests.unit.checks.perf.test_perf_judge import (
    BESIDE,
    LIMIT,
    MACHINE,
    NOTHING,
    OTHER_CODE,
    SLOWER,
    STORED,
    judged,
    taking,
    timing_of,
)

OPEN = "a slowdown of 3 % is neither found nor excluded"


@pytest.mark.parametrize(
    ("low", "high", "speed"),
    [
        (1.51, 9, "slower"),
        (1.5, 2.99, "same"),
        (1.5, 3, "inconclusive"),
        (-1, 1, "same"),
        (-9, 2.99, "same"),
        (-9, 3, "inconclusive"),
        (-9, -1.51, "faster"),
        (-9, -1.5, "same"),
        (-100, float("inf"), "inconclusive"),
        (float("nan"), float("nan"), "inconclusive"),
    ],
)
def test_zones(low: float, high: float, speed: str) -> None:
    """Beyond half of the limit of 3 %, or short of the limit; else nothing is concluded."""
    assert classify(Effect(percent=0, low=low, high=high), LIMIT) == speed


def test_noise_is_inconclusive() -> None:
    """Where a slowdown of the limit may be there or not; other code is then timed beside."""
    noisy = taking(10.1, noise=30)
    for changes, wants in (({}, False), (OTHER_CODE, True)):
        found = judged(timing_of(noisy, **changes))
        assert (found.verdict, found.wants_reference) == (Verdict.INCONCLUSIVE, wants)
        assert found.reason.startswith(f"{OPEN}; time +1.00 % (-1")
        assert found.reason.endswith("); run it again")


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_processes_decide_nothing(count: int) -> None:
    """However slow they are, and beside the baseline's code as well."""
    slow = taking(12)[:count]
    found = judged(timing_of(slow))
    assert found.verdict == Verdict.INCONCLUSIVE
    assert "(-100.00 to +inf)" in found.reason
    pairs = taking(12, reference=10)[:count]
    found = judged(timing_of(slow, reference="01", reference_processes=pairs))
    assert found.verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize("floor_noise", [20, 40, 80])
def test_a_noisy_floor_blames_nobody(floor_noise: float) -> None:
    """A time that is the same stays that, whatever its floor does."""
    found = judged(timing_of(taking(10, floor_noise=floor_noise), **OTHER_CODE))
    assert found.verdict == Verdict.SAME


def test_a_floor_on_a_bad_day_hides_nothing_and_blames_nobody() -> None:
    """Slower or faster by itself: a time that is the same is the same."""
    assert judged(timing_of(taking(10, floor=5.5))).verdict == Verdict.SAME
    noisy = timing_of(taking(10.3, floor_noise=40))
    assert judged(noisy).verdict == Verdict.INCONCLUSIVE


@pytest.mark.parametrize("by", [1.05, 1.5])
def test_a_slower_machine_is_not_blamed_on_the_kernel(by: float) -> None:
    """Its floor takes longer by as much; where the code is another one, that is made sure of."""
    for changes, wants in (({}, False), (OTHER_CODE, True)):
        found = judged(timing_of(taking(10 * by, floor=5 * by), **changes))
        assert (found.verdict, found.wants_reference) == (Verdict.SAME, wants)
    told = "over the floor +0.00 % (-0.13 to +0.13)"
    assert found.reason.endswith(told)


def test_a_faster_machine_hides_no_slowdown() -> None:
    """The floor gained 4 % and the kernel nothing: not the same, and made sure of."""
    for changes, wants in (({}, False), (OTHER_CODE, True)):
        found = judged(timing_of(taking(10, floor=4.8), **changes))
        assert (found.verdict, found.wants_reference) == (Verdict.INCONCLUSIVE, wants)
    ratio = "time +0.00 % (-0.13 to +0.13), over the floor +4.17 % (+4.03 to +4.30)"
    assert found.reason == f"{OPEN}; {ratio}; run it again"


def test_a_faster_machine_is_no_faster_kernel() -> None:
    """Both gained 4 %: the same."""
    assert judged(timing_of(taking(9.6, floor=4.8))).verdict == Verdict.SAME


@pytest.mark.parametrize(
    "other", [{"floor": "tiles"}, {"floor_hash": "e" * 64}, {"floor_hash": None}], ids=str
)
def test_another_floor_is_replaced_by_the_sentinel(other: dict[str, Any]) -> None:
    """A floor that got faster makes nothing slower; one that got slower hides nothing."""
    over = "over the sentinel, as the floor is another"
    found = judged(timing_of(taking(10, floor=4), **other))
    assert (found.verdict, found.reason) == (
        Verdict.SAME,
        f"time +0.00 % (-0.13 to +0.13), {over} +0.00 % (-0.13 to +0.13)",
    )
    assert judged(timing_of(taking(10.3, floor=6), **other)).verdict == Verdict.SLOWER


def test_a_faster_machine_hides_no_slowdown_where_the_floor_is_another() -> None:
    """The sentinel gained 10 %, the kernel nothing; a new floor that takes longer says nothing."""
    hidden = timing_of(taking(10, floor=6, sentinel=90), floor="tiles")
    assert judged(hidden).verdict == Verdict.INCONCLUSIVE
    fair = timing_of(taking(9, floor=6, sentinel=90), floor="tiles")
    assert judged(fair).verdict == Verdict.SAME


def _beside(kernel: float, reference: float, *, noise: float = 1) -> Any:
    """The finding on a kernel that looks slower, the baseline's code timed beside it."""
    pairs = taking(kernel, noise=noise, reference=reference)
    new = timing_of(taking(10.3), **OTHER_CODE, reference=STORED.commit, reference_processes=pairs)
    return judged(new)


def test_the_kernel_is_slower_than_the_baselines_code_beside_it() -> None:
    """Then it is the kernel, whatever the machine does."""
    found = _beside(12.36, 12)
    told = f"kernel: {BESIDE} +3.00 % (+2.91 to +3.09); {SLOWER}"
    assert (found.verdict, found.reason, found.wants_reference) == (Verdict.SLOWER, told, False)
    assert found.numbers["against_percent"] == pytest.approx(3, abs=0.01)


def test_the_baselines_code_beside_it_is_as_slow() -> None:
    """Then it is the machine, and lets a build through."""
    found = _beside(10.3, 10.3)
    assert found.verdict == Verdict.SAME
    began = f"not the kernel but the machine is slower: {BESIDE} "
    assert found.reason.startswith(began)
    assert found.reason.endswith(f" % (-0.09 to +0.09); {SLOWER}")


def test_the_baselines_code_beside_it_is_slower() -> None:
    """Then the kernel is faster, on a machine that is slower."""
    found = _beside(10.3, 11)
    assert found.verdict == Verdict.FASTER
    assert found.reason.startswith("not the kernel but the machine is slower: ")


def test_the_baselines_code_beside_it_decides_nothing() -> None:
    """Then nothing is concluded, though by the baseline it is slower."""
    found = _beside(10.1, 10, noise=40)
    assert found.verdict == Verdict.INCONCLUSIVE
    assert found.reason.startswith(f"{OPEN}: {BESIDE} +")
    assert found.reason.endswith(f"; {SLOWER}; run it again")


def test_what_was_beside_decides_a_same_time_too() -> None:
    """A faster machine that hid a slowdown; nothing is said of a machine that is not slower."""
    beside = {"reference": STORED.commit, "reference_processes": taking(9.98, reference=9.6)}
    found = judged(timing_of(taking(10), **OTHER_CODE, **beside))
    assert found.verdict == Verdict.SLOWER
    beside["reference_processes"] = taking(10, reference=10)
    found = judged(timing_of(taking(10), **OTHER_CODE, **beside))
    assert found.verdict == Verdict.SAME
    assert found.reason.startswith(BESIDE)
    assert found.reason.endswith(NOTHING)


def test_more_cases_together_are_judged_more_cautiously() -> None:
    """What is found of one alone is open among many."""
    new = timing_of(taking(10.3, noise=10))
    stored = StoredTiming(timing=STORED.timing, machine=MACHINE, commit="0")
    speeds = [
        judge_timing(new, MACHINE, stored, limit=LIMIT, comparisons=n).verdict for n in (1, 1000)
    ]
    assert speeds == [Verdict.SLOWER, Verdict.INCONCLUSIVE]
