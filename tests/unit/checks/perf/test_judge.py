"""The verdict on one case's speed: every branch, with its reason, from made-up processes."""

from dataclasses import replace
from typing import Any

import pytest

from kernelproof.checks.perf.effect import Effect, effect
from kernelproof.checks.perf.judge import SpeedFinding, classify, judge_timing
from kernelproof.records.timing import KERNEL, CaseTiming, StoredTiming
from kernelproof.records.verdict import Verdict
from tests.unit.checks.perf import timings
from tests.unit.checks.perf.timings import BASELINE, MACHINE, NOTHING, OTHER_CODE, SLOWER

LIMIT = 3.0
SAME_TIME = "time +0.00 % (-0.13 to +0.13)"
SAME_RATIO = "over the floor +0.00 % (-0.13 to +0.13)"
AGAINST = "against the code of 0123456789ab in the same processes"
OPEN = "a slowdown of 3 % is neither found nor excluded"


def judge(
    timing: CaseTiming,
    machine: dict[str, Any] = MACHINE,
    stored: StoredTiming | None = BASELINE,
    comparisons: int = 1,
) -> SpeedFinding:
    """Returns the finding on `timing` within 3 %."""
    return judge_timing(timing, machine, stored, limit=LIMIT, comparisons=comparisons)


def near(kernel: float, *, code: dict[str, str] | None = None, **changes: Any) -> CaseTiming:
    """Returns the timing of eight processes near `kernel` microseconds."""
    return timings.timing_of(timings.processes_near(kernel, **changes), **(code or {}))


def machine_with(path: str, value: Any) -> dict[str, Any]:
    """Returns MACHINE with another value at a dotted path."""
    outer, _, name = path.rpartition(".")
    return MACHINE | ({outer: {**MACHINE[outer], name: value}} if outer else {name: value})


def test_no_baseline_tells_the_time() -> None:
    """The reason says how to make it the one to hold."""
    numbers = {"time_us": 10.0, "floor_us": 5, "ratio_to_floor": 2, "processes": 8, "discarded": 0}
    assert judge(near(10), stored=None) == SpeedFinding(
        verdict=Verdict.NO_BASELINE,
        reason="no baseline; measured 10.000 us, 2.000 of the floor; if this is the speed to hold: "
        'nox -s bless -- perf --reason "..."',
        numbers=numbers | {"limit_percent": 3},
    )


@pytest.mark.parametrize(
    ("path", "value", "change"),
    [
        ("device.name", "NVIDIA H100", "GPU NVIDIA H200 -> NVIDIA H100"),
        ("device.max_sm_clock_mhz", 1755, "clock policy 1980 -> 1755"),
        ("device.max_memory_clock_mhz", 2619, "clock policy 3201 -> 2619"),
        ("device.power_limit_mw", 500000, "power limit 700000 -> 500000"),
        ("device.ecc", False, "ECC True -> False"),
        ("packages.triton", "3.7.1", "compiler 3.6.0 -> 3.7.1"),
        ("packages.torch", "2.10.0", "toolchain 2.9.0 -> 2.10.0"),
    ],
)
def test_another_machine_is_not_compared_with(path: str, value: object, change: str) -> None:
    """Any condition that differs decides, however slow the case is; an unknown one does not."""
    new = near(10.3, code=OTHER_CODE)
    finding = judge(new, machine_with(path, value))
    assert (finding.verdict, finding.wants_reference) == (Verdict.WRONG_MACHINE, False)
    assert finding.reason == f"the baseline is of another machine: {change}; {SLOWER}"
    for unknown in (None, ["a list"]):
        assert judge(new, machine_with(path, unknown)).verdict == Verdict.SLOWER


def test_every_difference_is_told() -> None:
    """Differences stand in the order of the conditions; what a machine lacks is unknown."""
    machine = machine_with("device.name", "NVIDIA H100")
    machine["packages"] = {"triton": "3.7.1", "torch": None}
    changes = "GPU NVIDIA H200 -> NVIDIA H100; compiler 3.6.0 -> 3.7.1"
    reason = f"the baseline is of another machine: {changes}; {NOTHING}"
    assert judge(near(10), machine).reason == reason
    for unknown in ({}, {"device": "a word"}):
        assert judge(near(10), unknown).verdict == Verdict.SAME


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
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
def test_an_interval_alone(low: float, high: float, verdict: str) -> None:
    """Its verdict changes beyond half of the limit of 3 %, and at the limit."""
    assert classify(Effect(percent=0, low=low, high=high), LIMIT) == verdict


# Timings with the code of the baseline, verdicts, and how their reasons begin or end. Of those with
# a question mark the baseline's own code is to be timed beside, if the code is another one.
AGREEMENT = {
    "same": (near(10), "same", NOTHING),
    "slower by less than half the limit": (near(10.1), "same", ""),
    "faster": (near(9.6), "faster", "over the floor -4.00 % (-4.12 to -3.88)"),
    "noise?": (near(10.1, noise=30), "inconclusive", f"{OPEN}; time +1.00 % (-1…; run it again"),
    "a slightly noisy floor": (near(10, floor_noise=20), "same", ""),
    "a noisy floor": (near(10, floor_noise=40), "same", ""),
    "a very noisy floor": (near(10, floor_noise=80), "same", ""),
    "a slow floor": (near(10, floor=5.5), "same", ""),
    "faster, a very noisy floor": (near(9.6, floor_noise=80), "same", ""),
    "slower, a noisy floor?": (near(10.3, floor_noise=40), "inconclusive", ""),
    "a slower machine?": (near(10.5, floor=5.25), "same", SAME_RATIO),
    "a much slower machine?": (near(15, floor=7.5), "same", SAME_RATIO),
    "a faster machine hides a slowdown?": (
        near(10, floor=4.8),
        "inconclusive",
        f"{OPEN}; {SAME_TIME}, over the floor +4.17 % (+4.03 to +4.30); run it again…",
    ),
    "a faster machine": (near(9.6, floor=4.8), "same", ""),
}


@pytest.mark.parametrize("name", AGREEMENT)
def test_time_and_floor_decide_together(name: str) -> None:
    """A slower machine slows the floor, too, and a bad floor leaves the time as it was."""
    timing, verdict, reason = AGREEMENT[name]
    began, _, ended = reason.rpartition("…")
    for changes, is_wanted in (({}, False), (OTHER_CODE, name.endswith("?"))):
        finding = judge(timing.model_copy(update=changes))
        assert (finding.verdict, finding.wants_reference) == (verdict, is_wanted)
        assert finding.reason.startswith(began)
        assert finding.reason.endswith(ended)


@pytest.mark.parametrize(
    "changes", [{"floor": "tiles"}, {"floor_hash": "e" * 64}, {"floor_hash": None}], ids=str
)
def test_another_floor_is_replaced_by_the_sentinel(changes: dict[str, Any]) -> None:
    """A floor that got faster makes nothing slower, and one that got slower hides nothing."""
    finding = judge(near(10, floor=4, code=changes))
    over = "over the sentinel, as the floor is another"
    reason = f"{SAME_TIME}, {over} +0.00 % (-0.13 to +0.13)"
    assert (finding.verdict, finding.reason) == (Verdict.SAME, reason)
    assert judge(near(10.3, floor=6, code=changes)).verdict == Verdict.SLOWER
    # The sentinel gained 10 %: a kernel that gained nothing is suspect, one that gained is not.
    for us, verdict in ((10, Verdict.INCONCLUSIVE), (9, Verdict.SAME)):
        assert judge(near(us, floor=6, sentinel=90, code=changes)).verdict == verdict


def test_one_or_two_processes_decide_nothing() -> None:
    """However slow they are, and beside the baseline's code as well."""
    for count in (1, 2):
        slow = timings.processes_near(12)[:count]
        finding = judge(timings.timing_of(slow))
        assert finding.verdict == Verdict.INCONCLUSIVE
        assert "(-100.00 to +inf)" in finding.reason
        pairs = timings.processes_near(12, reference=10)[:count]
        finding = judge(timings.timing_of(slow, reference="01", reference_processes=pairs))
        assert finding.verdict == Verdict.INCONCLUSIVE
    # A slowdown that is found of one case alone is open among many.
    noisy = near(10.3, noise=10)
    verdicts = [judge(noisy, comparisons=count).verdict for count in (1, 1000)]
    assert verdicts == [Verdict.SLOWER, Verdict.INCONCLUSIVE]


@pytest.mark.parametrize("hashes", [("a", "b"), (None, "b"), ("a", None), (None, None)], ids=str)
def test_other_code_is_blamed_and_the_baselines_wanted(hashes: tuple[str | None, ...]) -> None:
    """Unknown code is not the baseline's: timed beside its own, that is decided."""
    old, new = (name and name * 64 for name in hashes)
    baseline = BASELINE.timing.model_copy(update={"code_hash": old})
    timing = near(10.3).model_copy(update={"code_hash": new})
    finding = judge(timing, stored=replace(BASELINE, timing=baseline))
    codes = [(name or "unknown")[:12] for name in (old, new)]
    reason = f"kernel: its code is not the baseline's, {codes[0]} -> {codes[1]}; {SLOWER}"
    assert (finding.verdict, finding.reason) == (Verdict.SLOWER, reason)
    assert finding.wants_reference


DRIVER = "driver 570.1 -> 580.2"
# The machine, changes of the times, and what the reason says after "the code is the baseline's".
CAUSES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "driver": (machine_with("device.driver", "580.2"), {}, f"machine: …, but {DRIVER}"),
    "python": (machine_with("python", "3.12.1"), {}, "machine: …, but python 3.11.9 -> 3.12.1"),
    "processor": (machine_with("processor", "EPYC"), {}, "machine: …, but processor Xeon -> EPYC"),
    "two": (
        {**machine_with("device.driver", "580.2"), "python": "3.12.1"},
        {},
        f"machine: …, but {DRIVER}; python 3.11.9 -> 3.12.1",
    ),
    **{
        percent: (
            MACHINE,
            {"sentinel": us},
            f"machine: …, to the instruction; the sentinel takes {percent} %",
        )
        for us, percent in ((102.5, "+2.5"), (150, "+50.0"), (80, "-20.0"))
    },
    "throttled": (MACHINE, {"discarded": 2}, "measurement: …; 16 rounds met a throttled clock"),
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_baselines_code_is_not_blamed(name: str) -> None:
    """It is slower, and blocks; the reason names what else differs."""
    machine, changes, cause = CAUSES[name]
    finding = judge(near(10.3, **changes), machine)
    reason = f"{cause}; {SLOWER}".replace("…", "the code is the baseline's")
    assert (finding.verdict, finding.reason) == (Verdict.SLOWER, reason)
    assert not finding.wants_reference


BESIDE_MACHINE = f"not the kernel but the machine is slower: {AGAINST} "


@pytest.mark.parametrize(
    ("us", "pair", "verdict", "reason"),
    [
        (10.3, (12.36, 12), "slower", f"kernel: {AGAINST} +3.00 % (+2.91 to +3.09); {SLOWER}"),
        (10.3, (10.3, 10.3), "same", f"{BESIDE_MACHINE}…(-0.09 to +0.09); {SLOWER}"),
        (10.3, (10.3, 11), "faster", f"{BESIDE_MACHINE}…; {SLOWER}"),
        (10.3, (10.1, 10, 40), "inconclusive", f"{OPEN}: {AGAINST} +…; {SLOWER}; run it again"),
        (10, (9.98, 9.6), "slower", f"kernel: {AGAINST} …; {NOTHING}"),
        (10, (10, 10), "same", f"{AGAINST} …; {NOTHING}"),
    ],
)
def test_the_baselines_code_beside_it_decides(
    us: float, pair: tuple[float, ...], verdict: str, reason: str
) -> None:
    """Whatever the machine does; a time that is the same may hide a slowdown."""
    finding = judge(beside(near(us, code=OTHER_CODE), *pair))
    assert (finding.verdict, finding.wants_reference) == (verdict, False)
    began, _, ended = reason.partition("…")
    assert finding.reason.startswith(began)
    assert finding.reason.endswith(ended)


def beside(timing: CaseTiming, kernel: float, reference: float, noise: float = 1) -> CaseTiming:
    """Returns the timing with processes that timed the baseline's code beside the kernel."""
    pairs = timings.processes_near(kernel, noise=noise, reference=reference)
    update = {"reference": BASELINE.commit, "reference_processes": pairs}
    return timing.model_copy(update=update)


def test_a_slower_machine_is_named_from_half_the_limit_on() -> None:
    """The time must be surely slower by more than that; at just half of it nothing is said."""
    timing = beside(near(10.2, code=OTHER_CODE), 10, 10)
    low = effect(timing.times(KERNEL), BASELINE.timing.times(KERNEL)).low
    assert 1.5 < low < 2
    for limit, is_named in ((1.99 * low, True), (2 * low, False), (2.5 * low, False)):
        finding = judge_timing(timing, MACHINE, BASELINE, limit=limit, comparisons=1)
        assert finding.reason.startswith(BESIDE_MACHINE) == is_named


def test_numbers_are_told_to_a_few_digits() -> None:
    """Times and ratios have four, percentages three, and each effect has both its ends."""
    timing = near(10.123456, floor=5.056789, discarded=1)
    other_floor = BASELINE.timing.model_copy(update={"floor": "other"})
    numbers = judge(timing, stored=replace(BASELINE, timing=other_floor)).numbers
    assert numbers["time_us"] == round(timing.us, 4) == 10.1235
    assert numbers["floor_us"] == round(timing.floor_us, 4) == 5.0568
    assert numbers["ratio_to_floor"] == round(timing.ratio, 4) == 2.002
    assert (numbers["processes"], numbers["discarded"], numbers["limit_percent"]) == (8, 8, 3)
    time = effect(timing.times(KERNEL), BASELINE.timing.times(KERNEL))
    ends = ("percent", "low", "high")
    assert [numbers[f"time_{end}"] for end in ends] == [
        round(getattr(time, end), 3) for end in ends
    ]
    assert list(numbers)[6:] == [f"{name}_{end}" for name in ("time", "ratio") for end in ends]
    numbers = judge(near(10)).numbers
    assert numbers["time_percent"] == pytest.approx(0, abs=0.001)
    assert numbers["ratio_high"] == pytest.approx(0.13, abs=0.01)
    numbers = judge(beside(near(10.3, code=OTHER_CODE), 12.36, 12)).numbers
    assert numbers["against_percent"] == pytest.approx(3, abs=0.01)
