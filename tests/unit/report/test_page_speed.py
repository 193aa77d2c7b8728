"""Curves of the page: the sources of their figures, and cases without a place on the axis."""

from typing import Any

from kernelproof.report import page_speed
from kernelproof.report.report_file import Report
from tests.unit.report.made_reports import TIMED_CASE, TIMING, baseline_of, bench_of, judged, report

TIMES = {"time_us": 2.0, "floor_us": 1.0}
NO_TIMES = report(judged("pass", 4, numbers={"max_ulp": 0.5}))


def _timed(*shapes: dict[str, int], **numbers: float) -> Report:
    """Returns a report of cases with these shapes and times."""
    (case,) = report(judged("pass", 4, numbers=numbers or TIMES)).cases
    cases = [case.model_copy(update={"shape": shape}) for shape in shapes]
    return report().model_copy(update={"cases": cases})


def _curves(chart: dict[str, Any]) -> dict[str, list[list[float]]]:
    return {curve["name"]: curve["points"] for curve in chart["curves"]}


def test_curves_of_bench() -> None:
    """Kernel, fastest floor, and each timed peer, by T in order; T = 0 has no place."""
    (chart,) = page_speed.sets(report(), [], [bench_of([2048, 0, 1])])
    names = [chart[name] for name in ("row", "kernel", "dtype", "axes", "source")]
    assert names == ["cpu", "toy", "fp32", "E8-K2", "bench of 2026-11-24 at bbbbbbbbbbbb"]
    assert chart["curves"] == [
        {"name": "kernel", "points": [[1, 1.0], [2048, 2048.0]]},
        {"name": "floor", "points": [[1, 0.25], [2048, 512.0]]},
        {"name": "eager", "points": [[1, 3.0], [2048, 6144.0]]},
    ]
    dirty = bench_of([1]).model_copy(update={"dirty": True})
    (chart,) = page_speed.sets(NO_TIMES, [], [dirty])
    assert chart["source"] == "bench of 2026-11-24 at bbbbbbbbbbbb (dirty)"


def test_curves_of_results() -> None:
    """They are shown if bench has none of these axes, and never mixed with those of bench."""
    shapes = [{"E": 8, "K": 2, "T": 4}, {"T": 2, "K": 2, "E": 8}, {"E": 8}, {"E": 8, "T": 0}]
    (chart,) = page_speed.sets(_timed(*shapes), [], [])
    assert (chart["axes"], chart["source"]) == ("E8-K2", "results at cccccccccccc")
    assert _curves(chart) == {"kernel": [[2, 2.0], [4, 2.0]], "floor": [[2, 1.0], [4, 1.0]]}
    (chart,) = page_speed.sets(_timed(*shapes), [], [bench_of([1])])
    assert chart["source"].startswith("bench of ")
    assert _curves(chart)["kernel"] == [[1, 1.0]]
    (chart,) = page_speed.sets(_timed(shapes[0], floor_us=1.0, max_ulp=0.5), [], [])
    assert _curves(chart) == {"floor": [[4, 1.0]]}
    assert page_speed.sets(NO_TIMES, [], []) == []


def test_curves_of_a_baseline() -> None:
    """Kernel and floor of each stored case, by dtype; a case without tokens has no place.

    Nor has one whose name is of another form.
    """
    odd = ("toy-h200-fp32", "toy-h200-fp32-E8", "toy-h200-fp32-E8-T0", "x")
    cases = [f"toy-h200-{words}" for words in ("fp32-E8-K2-T262144", "bf16-E8-K2-T1")]
    charts = page_speed.sets(NO_TIMES, [baseline_of(TIMED_CASE, *odd, *cases)], [])
    assert [(chart["dtype"], chart["axes"]) for chart in charts] == [
        ("fp32", "E8-K2"),
        ("bf16", "E8-K2"),
    ]
    assert {chart["source"] for chart in charts} == {"baseline of cccccccccccc"}
    assert [(chart["row"], chart["kernel"]) for chart in charts] == [("h200", "toy")] * 2
    assert _curves(charts[0]) == {
        "kernel": [[1, TIMING.us], [262144, TIMING.us]],
        "floor": [[1, TIMING.floor_us], [262144, TIMING.floor_us]],
    }
