"""Blessing of times: what is refused, and what of an older baseline stays."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.checks.perf.bless import bless_perf
from kernelproof.errors import Exit, RefusedError, ResultsError, UserError
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.record_files import Record
from kernelproof.records.time_baseline import TimeBaseline
from kernelproof.records.verdict import CaseVerdict, Verdict
from tests.unit.checks.perf.timings import processes_near, timing_of
from tests.unit.records.made_records import record_of
from tests.unit.records.test_time_baseline import (
    KERNEL,
    ONE,
    REASON,
    ROW,
    TWO,
    judged_of,
    place,
    timing_in,
)

ID = "toy-h200-fp32-E8-K2-T1"


def refused(
    folder: Path, *judged: CaseVerdict, reason: str = REASON, error: type[UserError] = RefusedError
) -> str:
    """What is said, and nothing written."""
    file = time_baseline.path_of(ROW, KERNEL, folder)
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(error) as caught:
        bless_perf(judged, reason, folder / "results", folder)
    assert before == (file.read_bytes() if file.exists() else None)
    return str(caught.value)


def loaded(folder: Path) -> TimeBaseline:
    """The toy's baseline, which is there."""
    found = time_baseline.load(ROW, KERNEL, folder)
    assert found is not None
    return found


def test_what_is_written_is_told(tmp_path: Path) -> None:
    """The file, and how many cases it holds."""
    said = bless_perf([ONE, TWO], REASON, place(tmp_path, ONE, TWO), tmp_path)
    assert said == f"{tmp_path}/h200/toy.json: 2 cases; commit it"


@pytest.mark.parametrize("verdict", Verdict, ids=str)
def test_only_times_are_stored(tmp_path: Path, verdict: Verdict) -> None:
    """Whatever they were judged to be; a case that has none is refused."""
    place(tmp_path, ONE, TWO)
    one = replace(ONE, verdict=verdict, reason="because\nof this")
    if verdict in {"same", "faster", "slower", "inconclusive", "no-baseline", "wrong-machine"}:
        bless_perf([one], f"{REASON}, of {ID}", tmp_path / "results", tmp_path)
        assert list(loaded(tmp_path).stored) == [ID]
    else:
        told = f"{ID}: found {verdict}, expected times to store: because"
        assert refused(tmp_path, TWO, one) == told


@pytest.mark.parametrize("record", [None, record_of(ONE.planned)], ids=["no record", "no times"])
def test_a_result_without_times(tmp_path: Path, record: Record | None) -> None:
    """Whatever its verdict claims."""
    place(tmp_path, ONE, TWO)
    one = replace(ONE, record=record, reason="why")
    assert refused(tmp_path, one) == f"{ID}: found no times, expected some; why"


def test_too_few_processes(tmp_path: Path) -> None:
    """Fewer than a run takes at first."""
    one = judged_of(1, timing=timing_of(processes_near(10)[:7]))
    place(tmp_path, one)
    told = f"{ID}: found times of 7 processes, expected at least 8"
    assert refused(tmp_path, one) == told


@pytest.mark.parametrize(
    ("reason", "is_named"),
    [
        ("slower on purpose", False),
        ("slower on purpose: toy", False),
        ("toy-h200-fp32-E8-K2-T2 is to be slower", False),
        ("TOY-*", False),
        (f"slower on purpose: {ID}.", True),
        (f"{ID}, which is rarely used", True),
        ("toy-h200-*-T1: one more check", True),
        ("all of them: *", True),
    ],
)
def test_a_slower_case_has_to_be_named(tmp_path: Path, reason: str, *, is_named: bool) -> None:
    """In the reason, by its name or a pattern; so nobody blesses a slowdown unawares."""
    place(tmp_path, ONE, TWO)
    one = replace(ONE, verdict=Verdict.SLOWER, reason="kernel: +3 %")
    if is_named:
        bless_perf([one, TWO], reason, tmp_path / "results", tmp_path)
        assert loaded(tmp_path).kernelproof.blessings[0].reason == reason
        return
    told = "found it slower, expected its name in the reason (* stands for anything): kernel: +3 %"
    assert refused(tmp_path, TWO, one, reason=reason) == f"{ID}: {told}"


def test_no_gate_card(tmp_path: Path) -> None:
    """Of the row, or of this case: nobody knows how noisy it may be."""
    place(tmp_path, ONE, TWO)
    three = judged_of(3)
    told = "found no gate card of it, expected one: nox -s gate-card"
    assert refused(tmp_path, ONE, three) == f"{three.planned.case.id}: {told}"
    sensitivity.path_of(ROW, tmp_path).unlink()
    sensitivity.load.cache_clear()
    assert refused(tmp_path, ONE) == f"{ID}: {told}"


@pytest.mark.parametrize(
    ("noise", "spread", "told"),
    [
        (17, 0.1, "0.58 % between processes, expected at most 0.50 %"),
        (17, 0.25, "0.58 % between processes, expected at most 0.50 %"),
        (25, 0.4, "0.85 % between processes, expected at most 0.80 %"),
        (17, 0.3, None),
        (14, 0.01, None),
    ],
    ids=["noisy", "twice", "noisier", "its own", "quiet"],
)
def test_times_noisier_than_the_card(
    tmp_path: Path, noise: float, spread: float, told: str | None
) -> None:
    """Over twice its spread, and over half a percent, they say nothing to be held to."""
    one = judged_of(1, timing=timing_of(processes_near(10, noise=noise)))
    place(tmp_path, one, time=spread)
    if told is None:
        bless_perf([one], REASON, tmp_path / "results", tmp_path)
        return
    mend = "by its gate card; run it again on a quiet machine"
    assert refused(tmp_path, one) == f"{ID}: found {told}, {mend}"


def test_one_bad_process_is_no_noise(tmp_path: Path) -> None:
    """The judge leaves it out as well; two are noise."""
    one, two = (
        judged_of(1, timing=timing_of([*processes_near(10)[bad:], *processes_near(20)[:bad]]))
        for bad in (1, 2)
    )
    bless_perf([one], REASON, place(tmp_path, one), tmp_path)
    place(tmp_path, two)
    assert " % between processes, expected at most 0.50 %" in refused(tmp_path, two)


def test_samples_of_another_run(tmp_path: Path) -> None:
    """Of a result and of pytest-benchmark's file: one of the two is older."""
    place(tmp_path, ONE, TWO)
    told = (
        f"{ID}: found other samples in h200.benchmark.json than in its result, expected those of "
        "one run; run it again"
    )
    assert refused(tmp_path, judged_of(1, 11), error=ResultsError) == told
    file = tmp_path / "results" / "perf" / f"{ROW}.benchmark.json"
    content = json.loads(file.read_bytes())
    del content["benchmarks"][0]
    file.write_text(json.dumps(content))
    assert refused(tmp_path, ONE, error=ResultsError) == told


def _absent(file: Path) -> None:
    file.unlink()


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def _without_extra(file: Path) -> None:
    file.write_text(file.read_text().replace('"extra_info"', '"extra"'))


@pytest.mark.parametrize("spoil", [_absent, _cut, _without_extra])
def test_what_pytest_benchmark_left_is_needed(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """ResultsError, exit code 3, where it is not there or not whole."""
    file = place(tmp_path, ONE, TWO) / "perf" / f"{ROW}.benchmark.json"
    spoil(file)
    said = refused(tmp_path, ONE, error=ResultsError)
    assert "benchmark.json: " in said
    assert said.endswith(("expected what perf-regress leaves; run it", "run perf-regress again"))
    assert ResultsError.exit == Exit.RESULTS


def test_cases_that_are_not_blessed_now_are_kept(tmp_path: Path) -> None:
    """With their times, and the commit and the machine that these are of."""
    bless_perf([ONE, TWO], REASON, place(tmp_path, ONE, TWO), tmp_path)
    kept = loaded(tmp_path).stored[TWO.planned.case.id]
    for commit, us in (("d" * 40, 9), ("e" * 40, 8)):
        machine = {"device": {"name": "NVIDIA H200", "driver": us}}
        fresh = judged_of(1, us, record={"commit": commit, "machine": machine})
        bless_perf([fresh], "faster", place(tmp_path, fresh), tmp_path)
        stored = loaded(tmp_path).stored
        assert stored[TWO.planned.case.id] == kept
        one = stored[ID]
        assert (one.timing, one.machine, one.commit) == (timing_in(fresh), machine, commit)
        assert len(stored) == 2
    told = [(one.reason, one.commit[0], list(one.cases)) for one in _blessings(tmp_path)]
    assert told == [
        ("faster", "e", [ID]),
        ("faster", "d", [ID]),
        (REASON, "c", [ID, TWO.planned.case.id]),
    ]


def _blessings(folder: Path) -> list[time_baseline.TimeBlessing]:
    return loaded(folder).kernelproof.blessings


def test_the_history_is_bounded(tmp_path: Path) -> None:
    """Twenty blessings, the newest first."""
    results = place(tmp_path, ONE, TWO)
    for number in range(23):
        bless_perf([ONE, TWO], f"number {number}", results, tmp_path)
    reasons = [one.reason for one in _blessings(tmp_path)]
    assert reasons == [f"number {number}" for number in range(22, 2, -1)]
    content = json.loads(time_baseline.path_of(ROW, KERNEL, tmp_path).read_bytes())
    assert len(content["benchmarks"]) == 2


def test_each_row_has_a_file_of_its_own(tmp_path: Path) -> None:
    """One that is refused keeps all others from being written."""
    place(tmp_path, ONE, TWO)
    case = replace(TWO.planned.case, row="h100")
    other = replace(TWO, planned=replace(TWO.planned, case=case))
    said = refused(tmp_path, ONE, other)
    assert said.startswith("toy-h100-fp32-E8-K2-T2: found no gate card of it")
    assert not time_baseline.path_of("h100", KERNEL, tmp_path).exists()
