"""Curves of the page: where their figures are from, and what is no curve."""

from typing import Any

import pytest

from kernelproof.records import time_baseline
from kernelproof.report import page_speed
from kernelproof.report.report_file import Report, report_of
from tests.unit.report.test_page_data import _bench
from tests.unit.report.test_report import SOURCE, judged

TIMES = {"time_us": 2.0, "floor_us": 1.0}


def _report(**numbers: float) -> Report:
    return report_of([judged("pass", 4, numbers=numbers)], SOURCE)


def _curves(one: dict[str, Any]) -> dict[str, list[list[float]]]:
    return {curve["name"]: curve["points"] for curve in one["curves"]}


def test_both_times_of_a_result_are_curves() -> None:
    """Of those that it has; without any it is no set."""
    (one,) = page_speed.sets(_report(**TIMES), [], [])
    assert _curves(one) == {"kernel": [[4, 2.0]], "floor": [[4, 1.0]]}
    (one,) = page_speed.sets(_report(floor_us=1.0, max_ulp=0.5), [], [])
    assert _curves(one) == {"floor": [[4, 1.0]]}
    assert page_speed.sets(_report(max_ulp=0.5), [], []) == []


@pytest.mark.parametrize("shape", [{"E": 8}, {"E": 8, "T": 0}], ids=str)
def test_a_case_of_no_tokens_has_no_place(shape: dict[str, int]) -> None:
    """On an axis of them."""
    case = _report(**TIMES).cases[0].model_copy(update={"shape": shape})
    report = _report().model_copy(update={"cases": [case]})
    assert page_speed.sets(report, [], []) == []


def test_a_set_is_of_the_other_axes_in_their_order() -> None:
    """By their names, wherever a kernel has them."""
    case = _report(**TIMES).cases[0]
    turned = case.model_copy(update={"shape": {"T": 8, "K": 2, "E": 8}})
    report = _report().model_copy(update={"cases": [case, turned]})
    (one,) = page_speed.sets(report, [], [])
    assert (one["axes"], [t for t, _ in one["curves"][0]["points"]]) == ("E8-K2", [4, 8])


def test_times_of_a_dirty_tree_say_so() -> None:
    """They are of no commit."""
    dirty = _bench([1]).model_copy(update={"dirty": True})
    (one,) = page_speed.sets(_report(), [], [dirty])
    assert one["source"] == "bench of 2026-11-24 at bbbbbbbbbbbb (dirty)"


@pytest.mark.parametrize("case", ["toy-h200-fp32", "toy-h200-fp32-E8", "toy-h200-fp32-E8-T0", "x"])
def test_a_stored_case_of_no_tokens_has_no_place(case: str) -> None:
    """Nor has one of a name that is none."""
    stored = time_baseline.load("h200", "gemma4_routing")
    assert stored
    first = stored.benchmarks[0]
    other = first.model_copy(
        update={"extra_info": first.extra_info.model_copy(update={"case": case})}
    )
    own = stored.kernelproof.model_copy(update={"kernel": "toy"})
    odd = stored.model_copy(update={"benchmarks": [other], "kernelproof": own})
    assert page_speed.sets(_report(), [odd], []) == []


def test_a_baseline_has_its_commit_and_both_curves() -> None:
    """Of each case that is stored, the kernel and its floor."""
    stored = time_baseline.load("h200", "gemma4_routing")
    assert stored
    sets = page_speed.sets(_report(), [stored], [])
    commits = {kept.commit for kept in stored.stored.values()}
    assert {one["source"] for one in sets} == {f"baseline of {commit[:12]}" for commit in commits}
    curves = _curves(sets[0])
    kept = stored.stored["gemma4_routing-h200-fp32-E128-K8-T1"].timing
    assert curves["kernel"][0] == [1, kept.us]
    assert curves["floor"][0] == [1, kept.floor_us]
    assert curves.keys() == {"kernel", "floor"}
