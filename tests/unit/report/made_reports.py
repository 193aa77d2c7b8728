"""Made-up verdicts and reports, and what their page holds."""

import datetime
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kernelproof.machine.revision import Revision
from kernelproof.plan import matrix
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Check
from kernelproof.records.bench_run import BenchRun
from kernelproof.records.time_baseline import TimeBaseline
from kernelproof.records.verdict import CaseVerdict, Verdict
from kernelproof.report import page_data
from kernelproof.report.page_data import PageSources
from kernelproof.report.report_file import Report, report_of
from tests.unit.records.made_records import record_of
from tests.unit.records.test_time_baseline import ONE, timing_in

REVISION = Revision(commit="c" * 40, dirty=True, tree="7" * 64)
NOON = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.UTC)
CASE = "toy-cpu-fp32-E8-K2-T1"
TIMED_CASE = "toy-h200-fp32-E8-K2-T1"
TIMING = timing_in(ONE)
NOTHING = PageSources(golden=[], locks=[], baselines=[], cards=[], benches=[], mutants=None)
PLAN = matrix.load()
_RECORDED = {Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.TIMEOUT}


def judged(verdict: str, tokens: int, reason: str = "", **changes: Any) -> CaseVerdict:
    """Returns the verdict of a toy kernel's case, with a record if such a verdict has one."""
    numbers = changes.pop("numbers", {"launches": 1.0, "max_ulp": 0.5})
    names = {"kernel": "toy", "row": "cpu", "dtype": "fp32", **changes}
    case = Case(**names, shape=(("E", 8), ("K", 2), ("T", tokens)))
    planned = Planned(case=case, check=Check.PARITY, device="cpu", golden=False)
    record = record_of(planned, reason=reason, numbers=numbers)
    return CaseVerdict(
        planned=planned,
        verdict=Verdict(verdict),
        reason=reason,
        record=record if verdict in _RECORDED else None,
    )


def timed(
    verdict: Verdict, tokens: int, numbers: dict[str, float], reason: str = "why"
) -> CaseVerdict:
    """Returns the verdict of a case of perf on the h200 row, with these numbers."""
    parity = judged("fail", tokens, reason, numbers={}, row="h200")
    planned = replace(parity.planned, check=Check.PERF)
    return replace(parity, planned=planned, verdict=verdict, numbers=numbers)


def report(*verdicts: CaseVerdict) -> Report:
    """Returns the report of these verdicts."""
    return report_of(verdicts, REVISION)


def mixed() -> Report:
    """Returns a report of several verdicts in two rows."""
    two_lines = "ids is not that of the reference: 9 of 16 values differ\n  place 0: found 3"
    return report(
        judged("pass", 1, numbers={"max_ulp": 1.25}),
        judged("fail", 2, two_lines),
        judged("missing", 3, "no result"),
        judged("skip", 4, "waits for #1 (until 2030-01-02)", row="h200", dtype="bf16"),
        judged("error", 5, "a <bug> & more", row="h200", dtype="bf16"),
        judged("timeout", 6, "Timeout (>120s)", row="h200", dtype="bf16"),
    )


def run_of(
    place: int,
    us: float | None,
    ratio: float | None = None,
    verdict: str = "pass",
    limit: float | None = 3.0,
) -> Report:
    """Returns the report of one case at commit number `place`, with a time in microseconds.

    The time over the floor is the same number if no other is given.
    """
    numbers = {"time_us": us, "ratio_to_floor": us if ratio is None else ratio}
    known = {name: value for name, value in numbers.items() if value is not None}
    known |= {"limit_percent": limit} if limit is not None else {}
    revision = Revision(commit=f"{place:040}", dirty=False, tree="7" * 64)
    date = NOON + datetime.timedelta(hours=place)
    return report_of([judged(verdict, 1, numbers=known)], revision, date)


def runs_of(
    times: Sequence[float], limit: float | None = 3.0, ratios: Sequence[float] = ()
) -> list[Report]:
    """Returns a run for each time, with a time over the floor if `ratios` has them."""
    return [
        run_of(place, us, ratios[place] if ratios else None, limit=limit)
        for place, us in enumerate(times)
    ]


def content_of(shown: Report, **sources: Any) -> dict[str, Any]:
    """Returns the content of a report's page, with some stored files beside it."""
    return page_data.content(shown, PLAN, replace(NOTHING, **sources))


def bench_of(sizes: list[int]) -> BenchRun:
    """Returns a run of bench over some T: the kernel takes T us, its floors half and a quarter."""
    measured = [
        {
            "case": f"toy-cpu-fp32-E8-K2-T{size}",
            "kernel": "toy",
            "dtype": "fp32",
            "shape": {"E": 8, "K": 2, "T": size},
            "sets": 1,
            "least_bytes": 1,
            "ours": _entry(size or 1),
            "floors": {"slow": _entry((size or 1) / 2), "fast": _entry((size or 1) / 4)},
            "peers": {"eager": _entry(3 * (size or 1)), "vllm": {"state": "not installed"}},
        }
        for size in sizes
    ]
    head = {"row": "cpu", "date": "2026-11-24", "command": "x", "commit": "b" * 40, "dirty": False}
    return BenchRun.model_validate({**head, "machine": {}, "measured": measured})


def baseline_of(*cases: str) -> TimeBaseline:
    """Returns a baseline of the toy on the h200 row, blessed twice, with the same times by case."""
    blessing: dict[str, Any] = {"reason": "why", "commit": "c" * 40, "machine": "A GPU"}
    blessing["cases"] = {case: {"time_us": 10.0, "ratio_to_floor": 2.0} for case in cases}
    own = {
        "version": 1,
        "row": "h200",
        "kernel": "toy",
        "commit": "c" * 40,
        "machine": {"os": "Moon"},
        "blessings": [{**blessing, "date": day} for day in ("2026-12-01", "2026-11-24")],
    }
    timing = TIMING.model_dump(mode="json")
    benchmarks = [{"extra_info": {"case": case, "timing": timing}} for case in cases]
    return TimeBaseline.model_validate({"benchmarks": benchmarks, "kernelproof": own})


def _entry(us: float) -> dict[str, Any]:
    timing = {"samples_us": [us], "launches": 1, "is_graph": True}
    return {"state": "timed", "timing": timing}
