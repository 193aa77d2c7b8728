"""Times over T for the page's charts: those of bench, or else of results, or else of baselines.

A chart is of one row, kernel, dtype and sizes of all axes but T. It has a curve for the kernel, one
for its fastest floor, and one for each peer.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kernelproof.records.bench_run import BenchRun
from kernelproof.records.time_baseline import TimeBaseline
from kernelproof.report.report_file import Report

_AXIS = "T"
# The end of a case's id, after kernel and row: the dtype, then the size of each axis.
_PARTS = re.compile(r"([a-z0-9]+)((?:-[A-Z][0-9]{1,13})+)")


class ChartKey(NamedTuple):
    """The row, kernel, dtype and axes that the curves of one chart share."""

    row: str
    kernel: str
    dtype: str
    axes: str


Curves = dict[str, dict[int, float]]


def sets(
    report: Report, baselines: Iterable[TimeBaseline], benches: Iterable[BenchRun]
) -> list[dict[str, Any]]:
    """Returns every chart that has times, with the first of its sources, best first."""
    charts: dict[ChartKey, tuple[str, Curves]] = {}
    entries = (*_of_benches(benches), *_of_report(report), *_of_baselines(baselines))
    for source, names, shape, times in entries:
        axes = "-".join(f"{axis}{size}" for axis, size in sorted(shape.items()) if axis != _AXIS)
        if not times or not shape.get(_AXIS):
            continue
        kept, curves = charts.setdefault(ChartKey(*names, axes), (source, {}))
        for name, us in times.items() if kept == source else ():
            curves.setdefault(name, {})[shape[_AXIS]] = us
    return [
        {
            **key._asdict(),
            "source": source,
            "curves": [
                {"name": name, "points": sorted(map(list, points.items()))}
                for name, points in curves.items()
            ],
        }
        for key, (source, curves) in charts.items()
    ]


# Source; row, kernel and dtype; sizes by axis; times in microseconds by curve.
_Times = tuple[str, tuple[str, str, str], Mapping[str, int], dict[str, float]]


def _of_benches(benches: Iterable[BenchRun]) -> Iterator[_Times]:
    for bench in benches:
        dirty = " (dirty)" if bench.dirty else ""
        source = f"bench of {bench.date} at {bench.commit[:12]}{dirty}"
        for case in bench.measured:
            timings = {"kernel": case.ours.timing, "floor": case.floor}
            timings |= {name: entry.timing for name, entry in case.peers.items()}
            times = {name: timing.us for name, timing in timings.items() if timing}
            yield source, (bench.row, case.kernel, case.dtype), case.shape, times


def _of_report(report: Report) -> Iterator[_Times]:
    for case in report.cases:
        names = {"kernel": "time_us", "floor": "floor_us"}
        times = {curve: case.numbers[name] for curve, name in names.items() if name in case.numbers}
        key = (case.row, case.kernel, case.dtype)
        yield f"results at {report.commit[:12]}", key, case.shape, times


def _of_baselines(baselines: Iterable[TimeBaseline]) -> Iterator[_Times]:
    for baseline in baselines:
        own = baseline.kernelproof
        for case, stored in baseline.stored.items():
            parts = _PARTS.fullmatch(case.removeprefix(f"{own.kernel}-{own.row}-"))
            dtype, axes = (parts[1], parts[2]) if parts else ("", "")
            sizes = {axis[0]: int(axis[1:]) for axis in axes.split("-") if axis}
            times = {"kernel": stored.timing.us, "floor": stored.timing.floor_us}
            yield f"baseline of {stored.commit[:12]}", (own.row, own.kernel, dtype), sizes, times
