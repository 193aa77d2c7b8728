"""Blessing of times: fresh results of a row become its baseline, on purpose, with a reason."""

import datetime
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pydantic import ValidationError

from kernelproof.checks.perf.effect import trimmed
from kernelproof.errors import RefusedError, ResultsError
from kernelproof.plan.repository import shown_path
from kernelproof.plan.timing_pace import Pace
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.record_files import Record
from kernelproof.records.time_baseline import (
    BLESSINGS_KEPT,
    FOLDER,
    BlessedTime,
    StoredCase,
    TimeBlessing,
)
from kernelproof.records.timing import KERNEL, CaseTiming
from kernelproof.records.verdict import CaseVerdict, Verdict

# The spread between processes that is refused: times the gate card's, and at least in percent.
_TIMES_THE_CARDS, _NO_NOISE_PERCENT = 2.0, 0.5
_MACHINE_INFO = ("processor", "machine", "system", "python_implementation", "python_version")
_MEASURED = {
    Verdict.SAME,
    Verdict.FASTER,
    Verdict.SLOWER,
    Verdict.INCONCLUSIVE,
    Verdict.NO_BASELINE,
    Verdict.WRONG_MACHINE,
}


def bless_perf(
    judged: Sequence[CaseVerdict], reason: str, results: Path, folder: Path = FOLDER
) -> str:
    """Writes the baseline of each row and kernel in `judged`, and says what was written.

    RefusedError, and nothing written, where a case was not measured, or is noisier than its gate
    card, or is slower and not named in the reason.
    """
    for one in judged:
        _require_measured(one, reason)
        _require_quiet(one, folder)
    written = []
    groups = dict.fromkeys((one.planned.case.row, one.planned.case.kernel) for one in judged)
    for row, kernel in groups:
        chosen = [one for one in judged if one.planned.case.row == row]
        chosen = [one for one in chosen if one.planned.case.kernel == kernel]
        written.append(_content(row, kernel, chosen, reason, results, folder))
    said = []
    for content in written:
        file = time_baseline.write(content, folder)
        said.append(f"{shown_path(file)}: {len(content['benchmarks'])} cases; commit it")
    return "\n".join(said)


def _timing(one: CaseVerdict) -> CaseTiming:
    if one.record is None or one.record.timing is None:
        raise RefusedError(f"{one.planned.case.id}: found no times, expected some; {one.reason}")
    return one.record.timing


def _require_measured(one: CaseVerdict, reason: str) -> None:
    case = one.planned.case.id
    if one.verdict not in _MEASURED:
        first = one.reason.partition("\n")[0]
        raise RefusedError(f"{case}: found {one.verdict}, expected times to store: {first}")
    count = len(_timing(one).processes)
    if count < Pace.first:
        message = f"{case}: found times of {count} processes, expected at least {Pace.first}"
        raise RefusedError(message)
    is_named = any(fnmatchcase(case, word.strip(",.;:")) for word in reason.split())
    if one.verdict == Verdict.SLOWER and not is_named:
        message = (
            f"{case}: found it slower, expected its name in the reason (* stands for anything): "
            f"{one.reason}"
        )
        raise RefusedError(message)


def _require_quiet(one: CaseVerdict, folder: Path) -> None:
    case = one.planned.case
    found = sensitivity.load(case.row, folder)
    of_case = found.cases.get(case.id) if found else None
    if of_case is None:
        message = f"{case.id}: found no gate card of it, expected one: nox -s gate-card"
        raise RefusedError(message)
    times = trimmed(_timing(one).times(KERNEL))  # as the judge will: without a bad process
    spread = 100 * stdev(times) / fmean(times)
    most = max(_TIMES_THE_CARDS * of_case.spread_percent["time"], _NO_NOISE_PERCENT)
    if spread > most:
        message = (
            f"{case.id}: found {spread:.2f} % between processes, expected at most {most:.2f} %, by "
            f"its gate card; run it again on a quiet machine"
        )
        raise RefusedError(message)


def _content(
    row: str, kernel: str, judged: Sequence[CaseVerdict], reason: str, results: Path, folder: Path
) -> dict[str, Any]:
    """The file to write: pytest-benchmark's own, the fresh cases in the place of the old ones."""
    content = _of_pytest_benchmark(results / "perf" / f"{row}.benchmark.json")
    fresh: dict[str, Any] = {}
    for benchmark in content["benchmarks"]:
        fresh[_extra(benchmark).case] = benchmark
    for one in judged:
        benchmark = fresh.get(one.planned.case.id)
        if benchmark is None or _extra(benchmark).timing != _timing(one):
            message = (
                f"{one.planned.case.id}: found other samples in {row}.benchmark.json than in its "
                f"result, expected those of one run; run it again"
            )
            raise ResultsError(message)
    chosen = [fresh[one.planned.case.id] for one in judged]
    old = time_baseline.load(row, kernel, folder)
    names = {one.planned.case.id for one in judged}
    kept = [] if old is None else _kept(time_baseline.path_of(row, kernel, folder), names)
    record = judged[0].record
    if record is None:
        raise RefusedError(f"{kernel} on {row}: found no result, expected one")
    blessings = [_blessing(judged, reason, record), *(old.kernelproof.blessings if old else [])]
    own = {
        "version": 1,
        "row": row,
        "kernel": kernel,
        "commit": record.commit,
        "machine": time_baseline.committed(record.machine),
        "blessings": [one.model_dump() for one in blessings[:BLESSINGS_KEPT]],
    }
    # What pytest-benchmark says of the host, less its name, and of the commit, less its folder's.
    info = {name: content["machine_info"].get(name) for name in _MACHINE_INFO}
    commit = {name: content["commit_info"].get(name) for name in ("id", "time", "dirty")}
    return {
        **{name: content.get(name) for name in ("datetime", "version")},
        "machine_info": {"node": row, **info},
        "commit_info": commit,
        "benchmarks": [*kept, *chosen],
        "kernelproof": own,
    }


def _kept(file: Path, blessed: set[str]) -> list[Any]:
    """The stored cases that are not blessed now, each with the commit and machine that it is of."""
    content = json.loads(file.read_bytes())
    origin = {name: content["kernelproof"][name] for name in ("commit", "machine")}
    return [
        {**one, "extra_info": {**origin, **one["extra_info"]}}
        for one in content["benchmarks"]
        if one["extra_info"]["case"] not in blessed
    ]


def _of_pytest_benchmark(file: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
        if missing := {"benchmarks", "machine_info", "commit_info"} - content.keys():
            raise ValueError(f"found no {', '.join(sorted(missing))}")  # noqa: TRY301
    except (OSError, ValueError, AttributeError) as error:
        message = f"{shown_path(file)}: {error}; expected what perf-regress leaves; run it"
        raise ResultsError(message) from None
    return content


def _extra(benchmark: dict[str, Any]) -> StoredCase:
    try:
        return StoredCase.model_validate_json(json.dumps(benchmark["extra_info"]))
    except (KeyError, ValidationError) as error:
        raise ResultsError(f"benchmark.json: {error}; run perf-regress again") from None


def _blessing(judged: Sequence[CaseVerdict], reason: str, record: Record) -> TimeBlessing:
    timings = {one.planned.case.id: _timing(one) for one in judged}
    return TimeBlessing(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        reason=reason,
        commit=record.commit,
        machine=f"{record.device}, driver {record.machine.get('device', {}).get('driver')}",
        cases={
            name: BlessedTime(time_us=round(one.us, 4), ratio_to_floor=round(one.ratio, 4))
            for name, one in timings.items()
        },
    )
