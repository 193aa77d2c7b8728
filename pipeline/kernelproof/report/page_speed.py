"""Times over T for the page's chart: of bench where there are some, else of results or baselines.

A set is of one row, kernel, dtype and other axes; it has a curve each for the kernel, its fastest
floor and its peers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from kernelproof.records.bench_run import BenchRun
from kernelproof.records.time_baseline import TimeBaseline
from kernelproof.report.report_file import Report

_AXIS = "T"
# Of a case's id, behind kernel and row: the dtype, then the sizes by axis.
_PARTS = re.compile(r"([a-z0-9]+)((?:-[A-Z][0-9]{1,13})+)")


class Key(NamedTuple):
    """What the curves of one chart share."""

    row: str
    kernel: str
    dtype: str
    axes: str


Curves = dict[str, dict[int, float]]


def sets(
    report: Report, baselines: Iterable[TimeBaseline], benches: Iterable[BenchRun]
) -> list[dict[str, Any]]:
    """Every set that has times, with the best source that it has."""
    found: dict[Key, tuple[str, Curves]] = {}
    for source, key, t, times in (
        *_of_benches(benches),
        *_of_report(report),
        *_of_baselines(baselines),
    ):
        kept, curves = found.setdefault(key, (source, {}))
        if kept != source:
            continue
        for name, us in times.items():
            curves.setdefault(name, {})[t] = us
    return [
        {
            **key._asdict(),
            "source": source,
            "curves": [
                {"name": name, "points": sorted(map(list, points.items()))}
                for name, points in curves.items()
            ],
        }
        for key, (source, curves) in found.items()
    ]


_Told = tuple[str, Key, int, dict[str, float]]


def _key(row: str, kernel: str, dtype: str, shape: Mapping[str, int]) -> Key:
    axes = "-".join(f"{axis}{size}" for axis, size in sorted(shape.items()) if axis != _AXIS)
    return Key(row, kernel, dtype, axes)


def _of_benches(benches: Iterable[BenchRun]) -> Iterator[_Told]:
    for bench in benches:
        dirty = " (dirty)" if bench.dirty else ""
        source = f"bench of {bench.date} at {bench.commit[:12]}{dirty}"
        for one in bench.measured:
            times = {"kernel": one.ours.timing, "floor": one.floor}
            times |= {name: entry.timing for name, entry in one.peers.items()}
            known = {name: timing.us for name, timing in times.items() if timing}
            if one.shape.get(_AXIS):
                key = _key(bench.row, one.kernel, one.dtype, one.shape)
                yield source, key, one.shape[_AXIS], known


def _of_report(report: Report) -> Iterator[_Told]:
    for case in report.cases:
        names = {"kernel": "time_us", "floor": "floor_us"}
        times = {name: case.numbers[of] for name, of in names.items() if of in case.numbers}
        if times and case.shape.get(_AXIS):
            key = _key(case.row, case.kernel, case.dtype, case.shape)
            yield f"results at {report.commit[:12]}", key, case.shape[_AXIS], times


def _of_baselines(baselines: Iterable[TimeBaseline]) -> Iterator[_Told]:
    for baseline in baselines:
        own = baseline.kernelproof
        for case, stored in baseline.stored.items():
            parts = _PARTS.fullmatch(case.removeprefix(f"{own.kernel}-{own.row}-"))
            dtype, axes = (parts[1], parts[2]) if parts else ("", "")
            sizes = {axis[0]: int(axis[1:]) for axis in axes.split("-") if axis}
            if sizes.get(_AXIS):
                times = {"kernel": stored.timing.us, "floor": stored.timing.floor_us}
                key = _key(own.row, own.kernel, dtype, sizes)
                yield f"baseline of {stored.commit[:12]}", key, sizes[_AXIS], times
