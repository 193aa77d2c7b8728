"""The blessing of times: stores fresh results of a row as its baseline, with a reason."""

import datetime
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from pydantic import ValidationError

from kernelproof.checks.perf.effect import trim
from kernelproof.errors import RefusedError, ResultsError
from kernelproof.plan.repository import shown_path
from kernelproof.plan.timing_pace import Pace
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.record_files import Record
from kernelproof.records.time_baseline import FOLDER, StoredCase, TimeBlessing
from kernelproof.records.timing import KERNEL, CaseTiming
from kernelproof.records.verdict import CaseVerdict, Verdict

# The most spread between processes: so many times the gate card's, and at least these percent.
_MOST_TIMES_CARD, _LEAST_SPREAD_PERCENT = 2.0, 0.5
# The host's properties that a baseline keeps of pytest-benchmark's.
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
    """Writes the baseline of each row and kernel in `judged`, and returns a line for each file.

    Raises RefusedError, before anything is written, if a case was not measured, is noisier than
    its gate card allows, or is slower and not named in the reason.
    """
    groups: dict[tuple[str, str], list[CaseVerdict]] = {}
    for verdict in judged:
        _require_measured(verdict, reason)
        _require_quiet(verdict, folder)
        case = verdict.planned.case
        groups.setdefault((case.row, case.kernel), []).append(verdict)
    contents = [_content(group, reason, results, folder) for group in groups.values()]
    return "\n".join(
        f"{shown_path(time_baseline.write(content, folder))}: {len(content['benchmarks'])} cases; "
        "commit it"
        for content in contents
    )


def _record_of(verdict: CaseVerdict) -> tuple[Record, CaseTiming]:
    """Returns the record of a case and its times; raises RefusedError if it has none."""
    if verdict.record is None or verdict.record.timing is None:
        case = verdict.planned.case.id
        raise RefusedError(f"{case}: found no times, expected some; {verdict.reason}")
    return verdict.record, verdict.record.timing


def _require_measured(verdict: CaseVerdict, reason: str) -> None:
    """Raises RefusedError if a case has too few times, or is slower and `reason` lacks its name."""
    case = verdict.planned.case.id
    if verdict.verdict not in _MEASURED:
        first = verdict.reason.partition("\n")[0]
        raise RefusedError(f"{case}: found {verdict.verdict}, expected times to store: {first}")
    _, timing = _record_of(verdict)
    if (count := len(timing.processes)) < Pace.first:
        counts = f"found times of {count} processes, expected at least {Pace.first}"
        raise RefusedError(f"{case}: {counts}")
    is_named = any(fnmatchcase(case, word.strip(",.;:")) for word in reason.split())
    if verdict.verdict == Verdict.SLOWER and not is_named:
        expected = "expected its name in the reason (* stands for anything)"
        raise RefusedError(f"{case}: found it slower, {expected}: {verdict.reason}")


def _require_quiet(verdict: CaseVerdict, folder: Path) -> None:
    """Raises RefusedError if the processes of a case differ by more than its gate card allows."""
    case = verdict.planned.case
    card = sensitivity.load(case.row, folder)
    if card is None or case.id not in card.cases:
        raise RefusedError(f"{case.id}: found no gate card of it, expected one: nox -s gate-card")
    _, timing = _record_of(verdict)
    times = trim(timing.times(KERNEL))  # without a bad process, as the judge will
    spread = 100 * stdev(times) / fmean(times)
    card_spread = card.cases[case.id].spread_percent["time"]
    most = max(_MOST_TIMES_CARD * card_spread, _LEAST_SPREAD_PERCENT)
    if spread > most:
        parts = f"found {spread:.2f} % between processes, expected at most {most:.2f} %"
        mend = "by its gate card; run it again on a quiet machine"
        raise RefusedError(f"{case.id}: {parts}, {mend}")


def _content(
    judged: Sequence[CaseVerdict], reason: str, results: Path, folder: Path
) -> dict[str, Any]:
    """Returns the baseline of one row and kernel: pytest-benchmark's own content, with ours.

    The fresh cases take the place of the old ones, and the other stored cases are kept.
    """
    row, kernel = judged[0].planned.case.row, judged[0].planned.case.kernel
    content = _benchmark_content(results / "perf" / f"{row}.benchmark.json")
    fresh = _fresh(content, judged)
    old = time_baseline.load(row, kernel, folder)
    kept = [] if old is None else _kept(time_baseline.path_of(row, kernel, folder), set(fresh))
    record, _ = _record_of(judged[0])
    blessings = [_blessing(judged, reason, record), *(old.kernelproof.blessings if old else [])]
    newest = blessings[: time_baseline.BLESSINGS_KEPT]
    own = {
        "version": 1,
        "row": row,
        "kernel": kernel,
        "commit": record.commit,
        "machine": time_baseline.committed(record.machine),
        "blessings": [blessing.model_dump() for blessing in newest],
    }
    # pytest-benchmark's facts of the host without its name, of the commit without its folder's.
    info = {name: content["machine_info"].get(name) for name in _MACHINE_INFO}
    commit = {name: content["commit_info"].get(name) for name in ("id", "time", "dirty")}
    return {
        **{name: content.get(name) for name in ("datetime", "version")},
        "machine_info": {"node": row, **info},
        "commit_info": commit,
        "benchmarks": [*kept, *fresh.values()],
        "kernelproof": own,
    }


def _fresh(content: dict[str, Any], judged: Sequence[CaseVerdict]) -> dict[str, Any]:
    """Returns pytest-benchmark's entry of each judged case, by its id.

    Raises ResultsError if an entry is missing, or has other samples than the record of its case.
    """
    benchmarks = {_stored_case(benchmark).case: benchmark for benchmark in content["benchmarks"]}
    fresh = {}
    for verdict in judged:
        case = verdict.planned.case
        benchmark = benchmarks.get(case.id)
        if benchmark is None or _stored_case(benchmark).timing != _record_of(verdict)[1]:
            where = f"{case.row}.benchmark.json than in its result"
            message = f"found other samples in {where}, expected those of one run; run it again"
            raise ResultsError(f"{case.id}: {message}")
        fresh[case.id] = benchmark
    return fresh


def _kept(file: Path, blessed: set[str]) -> list[Any]:
    """Returns the stored cases that are not blessed now, each with its own commit and machine."""
    content = json.loads(file.read_bytes())
    origin = {name: content["kernelproof"][name] for name in ("commit", "machine")}
    return [
        {**benchmark, "extra_info": {**origin, **benchmark["extra_info"]}}
        for benchmark in content["benchmarks"]
        if benchmark["extra_info"]["case"] not in blessed
    ]


def _benchmark_content(file: Path) -> dict[str, Any]:
    """Returns the content of pytest-benchmark's file; raises ResultsError if it is none."""
    try:
        content: dict[str, Any] = json.loads(file.read_bytes())
        if missing := {"benchmarks", "machine_info", "commit_info"} - content.keys():
            raise ValueError(f"found no {', '.join(sorted(missing))}")  # noqa: TRY301
    except (OSError, ValueError, AttributeError) as error:
        message = f"{shown_path(file)}: {error}; expected what perf-regress leaves; run it"
        raise ResultsError(message) from None
    return content


def _stored_case(benchmark: dict[str, Any]) -> StoredCase:
    """Returns our part of pytest-benchmark's entry; raises ResultsError if it has none."""
    try:
        return StoredCase.model_validate_json(json.dumps(benchmark["extra_info"]))
    except (KeyError, ValidationError) as error:
        raise ResultsError(f"benchmark.json: {error}; run perf-regress again") from None


def _blessing(judged: Sequence[CaseVerdict], reason: str, record: Record) -> TimeBlessing:
    timings = {verdict.planned.case.id: _record_of(verdict)[1] for verdict in judged}
    return TimeBlessing(
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        reason=reason,
        commit=record.commit,
        machine=f"{record.device}, driver {record.machine.get('device', {}).get('driver')}",
        cases={
            name: time_baseline.BlessedTime(
                time_us=round(timing.us, 4), ratio_to_floor=round(timing.ratio, 4)
            )
            for name, timing in timings.items()
        },
    )
