"""What the judge of speed tells of a case: its numbers, its words, and its limits to the digit."""

from dataclasses import replace
from typing import Any

import pytest

from kernelproof.checks.perf.effect import effect
from kernelproof.checks.perf.judge import judge_timing
from kernelproof.records.verdict import Verdict
from tests.unit.checks.perf.test_perf_judge import (
    MACHINE,
    OTHER_CODE,
    SLOWER,
    STORED,
    judged,
    taking,
    timing_of,
    with_,
)

BESIDE = {"reference": STORED.commit}


def test_numbers_are_told_to_a_few_digits() -> None:
    """Times and ratios to four, percentages to three, each effect with both its ends."""
    new = timing_of(taking(10.123456, floor=5.056789, discarded=1))
    found = judged(new, stored=replace(STORED, timing=timing_of(taking(10), floor="other")))
    numbers = found.numbers
    assert numbers["time_us"] == round(new.us, 4) == 10.1235
    assert numbers["floor_us"] == round(new.floor_us, 4) == 5.0568
    assert numbers["ratio_to_floor"] == round(new.ratio, 4) == 2.002
    assert (numbers["processes"], numbers["discarded"], numbers["limit_percent"]) == (8, 8, 3)
    time = effect(new.times("kernel"), STORED.timing.times("kernel"))
    told = {name: numbers[f"time_{name}"] for name in ("percent", "low", "high")}
    assert told == {name: round(getattr(time, name), 3) for name in told}
    assert list(numbers)[6:] == [
        *("time_percent", "time_low", "time_high"),
        *("ratio_percent", "ratio_low", "ratio_high"),
    ]


def test_a_slower_machine_is_named_from_half_the_limit_on() -> None:
    """Where the time is surely slower by more than that; at just half of it nothing is said."""
    new = timing_of(taking(10.2), **OTHER_CODE, reference_processes=taking(10, reference=10))
    low = effect(new.times("kernel"), STORED.timing.times("kernel")).low
    assert 1.5 < low < 2

    def reason(limit: float) -> str:
        timed = new.model_copy(update=BESIDE)
        return judge_timing(timed, MACHINE, STORED, limit=limit, comparisons=1).reason

    began = "not the kernel but the machine is slower: "
    assert reason(1.99 * low).startswith(began)
    assert not reason(2 * low).startswith(began)
    assert not reason(2.5 * low).startswith(began)


def test_all_that_may_explain_a_slowdown_is_told() -> None:
    """In the order of the conditions."""
    machine = {**with_("device.driver", "580.2"), "python": "3.12.1"}
    told = "machine: the code is the baseline's, but driver 570.1 -> 580.2; python 3.11.9 -> 3.12.1"
    found = judged(timing_of(taking(10.3)), machine)
    assert (found.verdict, found.reason) == (Verdict.SLOWER, f"{told}; {SLOWER}")


@pytest.mark.parametrize(("sentinel", "told"), [(150, "+50.0 %"), (80, "-20.0 %")])
def test_the_sentinel_is_told_in_percent(sentinel: float, told: str) -> None:
    """Of what it took beside the baseline."""
    changes: dict[str, Any] = {"sentinel": sentinel}
    found = judged(timing_of(taking(10.3, **changes)))
    code = "machine: the code is the baseline's, to the instruction; the sentinel takes "
    assert found.reason == f"{code}{told}; {SLOWER}"
