"""The verdict on one case's speed: every branch, with its reason, from made-up processes."""

from collections.abc import Sequence
from typing import Any

import pytest

from kernelproof.checks.perf.judge import SpeedFinding, judge_timing
from kernelproof.records.timing import (
    FLOOR,
    KERNEL,
    REFERENCE,
    CaseTiming,
    ProcessTimes,
    StoredTiming,
)
from kernelproof.records.verdict import Verdict

LIMIT = 3.0
MACHINE: dict[str, Any] = {
    "os": "Linux 6.1",
    "python": "3.11.9",
    "processor": "Xeon",
    "packages": {"triton": "3.6.0", "torch": "2.9.0"},
    "device": {
        "name": "NVIDIA H200",
        "driver": "570.1",
        "max_sm_clock_mhz": 1980,
        "max_memory_clock_mhz": 3201,
        "power_limit_mw": 700000,
        "ecc": True,
    },
}
# By how much each process differs from the mean.
JITTER = (0, 0.0010, -0.0010, 0.0005, -0.0005, 0.0002, -0.0002, 0)
NOTHING = "time +0.00 % (-0.13 to +0.13), over the floor +0.00 % (-0.13 to +0.13)"
SLOWER = "time +3.00 % (+2.87 to +3.13), over the floor +3.00 % (+2.87 to +3.13)"
BESIDE = "against the code of 0123456789ab in the same processes"
OTHER_CODE = {"code_hash": "b" * 64}


def process_of(
    kernel: float, *, floor: float = 5, sentinel: float = 100, **changes: Any
) -> ProcessTimes:
    """One process that took so many microseconds; `reference` for the baseline's code beside it."""
    samples = {KERNEL: [kernel] * 3, FLOOR: [floor] * 3}
    if reference := changes.pop("reference", None):
        samples[REFERENCE] = [reference] * 3
    fields = {"discarded": 0, "sm_clock_mhz": 1980, "temperature_c": 40, **changes}
    return ProcessTimes(samples_us=samples, sentinel_us=sentinel, **fields)


def timing_of(processes: Sequence[ProcessTimes], **changes: Any) -> CaseTiming:
    """A case's times, of code ``a…`` beside the floor ``copy`` of code ``f…``."""
    fields: dict[str, Any] = {"floor": "copy", "bytes": None, "launches": 1, **changes}
    hashes = {"code_hash": "a" * 64, "floor_hash": "f" * 64}
    return CaseTiming(processes=list(processes), **{**hashes, **fields})


def taking(
    kernel: float, *, noise: float = 1, floor_noise: float = 0, **beside: Any
) -> list[ProcessTimes]:
    """Eight processes that differ by the jitter, `noise` times as much, about so many us."""
    floor = beside.pop("floor", 5)
    return [
        process_of(kernel * (1 + noise * by), floor=floor * (1 + floor_noise * other), **beside)
        for by, other in zip(JITTER, JITTER[::-1], strict=True)
    ]


STORED = StoredTiming(timing=timing_of(taking(10)), machine=MACHINE, commit="0123456789abcdef")


def judged(
    new: CaseTiming, machine: dict[str, Any] = MACHINE, stored: StoredTiming = STORED
) -> SpeedFinding:
    """The finding on `new`, of one comparison."""
    return judge_timing(new, machine, stored, limit=LIMIT, comparisons=1)


def with_(path: str, value: Any) -> dict[str, Any]:
    """The machine with another word at `path`."""
    outer, _, name = path.rpartition(".")
    return (
        {**MACHINE, outer: {**MACHINE[outer], name: value}} if outer else {**MACHINE, name: value}
    )


def test_no_baseline_tells_the_time() -> None:
    """And how to make it the one to hold; it blocks."""
    found = judge_timing(timing_of(taking(10)), MACHINE, None, limit=LIMIT, comparisons=1)
    assert found == SpeedFinding(
        verdict=Verdict.NO_BASELINE,
        reason="no baseline; measured 10.000 us, 2.000 of the floor; if this is the speed to hold: "
        'nox -s bless -- perf --reason "..."',
        numbers={
            "time_us": 10,
            "floor_us": 5,
            "ratio_to_floor": 2,
            "processes": 8,
            "discarded": 0,
            "limit_percent": 3,
        },
    )


@pytest.mark.parametrize(
    ("path", "value", "told"),
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
def test_another_machine_is_not_compared_with(path: str, value: object, told: str) -> None:
    """Whichever condition differs, and however slow it is; one that is unknown does not count."""
    new = timing_of(taking(10.3), **OTHER_CODE)
    found = judged(new, with_(path, value))
    assert found.verdict == Verdict.WRONG_MACHINE
    assert found.reason == f"the baseline is of another machine: {told}; {SLOWER}"
    assert not found.wants_reference
    for unknown in (with_(path, None), with_(path, ["a list"])):
        assert judged(new, unknown).verdict == Verdict.SLOWER


def test_every_difference_is_told() -> None:
    """In the order of the conditions; what a machine does not say at all is unknown."""
    other = with_("device.name", "NVIDIA H100")
    other["packages"] = {"triton": "3.7.1", "torch": None}
    found = judged(timing_of(taking(10)), other)
    told = "GPU NVIDIA H200 -> NVIDIA H100; compiler 3.6.0 -> 3.7.1"
    assert found.reason == f"the baseline is of another machine: {told}; {NOTHING}"
    assert judged(timing_of(taking(10)), {}).verdict == Verdict.SAME
    assert judged(timing_of(taking(10)), {"device": "a word"}).verdict == Verdict.SAME


def test_the_same_time_is_same() -> None:
    """And so is one that is slower by less than half the limit, other code or not."""
    found = judged(timing_of(taking(10)))
    assert (found.verdict, found.reason, found.wants_reference) == (Verdict.SAME, NOTHING, False)
    assert found.numbers["time_percent"] == pytest.approx(0, abs=0.001)
    assert found.numbers["ratio_high"] == pytest.approx(0.13, abs=0.01)
    found = judged(timing_of(taking(10.1), **OTHER_CODE))
    assert (found.verdict, found.wants_reference) == (Verdict.SAME, False)


def test_a_shorter_time_is_faster() -> None:
    """By more than half the limit, over the floor, too."""
    found = judged(timing_of(taking(9.6)))
    told = "time -4.00 % (-4.12 to -3.88), over the floor -4.00 % (-4.12 to -3.88)"
    assert (found.verdict, found.reason) == (Verdict.FASTER, told)


@pytest.mark.parametrize("hashes", [("a", "b"), (None, "b"), ("a", None), (None, None)], ids=str)
def test_other_code_is_blamed_and_the_baselines_wanted(hashes: tuple[str | None, ...]) -> None:
    """Code that nobody knows is not the baseline's: beside its own, that is decided."""
    old, new = (name and name * 64 for name in hashes)
    stored = StoredTiming(timing=timing_of(taking(10), code_hash=old), machine=MACHINE, commit="0")
    found = judged(timing_of(taking(10.3), code_hash=new), stored=stored)
    shown = [(name or "unknown")[:12] for name in (old, new)]
    told = f"kernel: its code is not the baseline's, {shown[0]} -> {shown[1]}; {SLOWER}"
    assert (found.verdict, found.reason) == (Verdict.SLOWER, told)
    assert found.wants_reference


@pytest.mark.parametrize(
    ("machine", "changes", "told"),
    [
        (with_("device.driver", "580.2"), {}, "machine: {code}, but driver 570.1 -> 580.2"),
        (with_("python", "3.12.1"), {}, "machine: {code}, but python 3.11.9 -> 3.12.1"),
        (with_("processor", "EPYC"), {}, "machine: {code}, but processor Xeon -> EPYC"),
        (
            MACHINE,
            {"sentinel": 102.5},
            "machine: {code}, to the instruction; the sentinel takes +2.5 %",
        ),
        (MACHINE, {"discarded": 2}, "measurement: {code}; 16 rounds met a throttled clock"),
    ],
    ids=["driver", "python", "processor", "sentinel", "throttled"],
)
def test_the_baselines_code_is_not_blamed(
    machine: dict[str, Any], changes: dict[str, Any], told: str
) -> None:
    """It is slower, and blocks; what else differs is named, and no other code is timed beside."""
    found = judged(timing_of(taking(10.3, **changes)), machine)
    cause = told.format(code="the code is the baseline's")
    assert (found.verdict, found.reason) == (Verdict.SLOWER, f"{cause}; {SLOWER}")
    assert not found.wants_reference
