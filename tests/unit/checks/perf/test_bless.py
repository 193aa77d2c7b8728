"""The blessing of times: what is refused, and what of an older baseline stays."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.checks.perf.bless import bless_perf
from kernelproof.errors import Exit, RefusedError, ResultsError, UserError
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.time_baseline import TimeBaseline
from kernelproof.records.verdict import CaseVerdict, Verdict
from tests.unit.checks.perf.timings import processes_near, timing_of
from tests.unit.records import test_time_baseline as made
from tests.unit.records.made_records import record_of
from tests.unit.records.test_time_baseline import KERNEL, ONE, REASON, ROW, TWO, judged_of, place

ID, OTHER_ID = ONE.planned.case.id, TWO.planned.case.id
STORED = {"same", "faster", "slower", "inconclusive", "no-baseline", "wrong-machine"}
NO_CARD = "found no gate card of it, expected one: nox -s gate-card"


def bless(folder: Path, *judged: CaseVerdict, reason: str = REASON) -> str:
    """Blesses the cases from the results in `folder`, and returns what is said."""
    return bless_perf(judged, reason, folder / "results", folder)


def refusal(
    folder: Path, *judged: CaseVerdict, reason: str = REASON, error: type[UserError] = RefusedError
) -> str:
    """Returns the message of an error that leaves the baseline as it was."""
    file = time_baseline.path_of(ROW, KERNEL, folder)
    before = file.read_bytes() if file.exists() else None
    with pytest.raises(error) as caught:
        bless(folder, *judged, reason=reason)
    assert before == (file.read_bytes() if file.exists() else None)
    return str(caught.value)


def baseline_in(folder: Path) -> TimeBaseline:
    """Returns the toy's baseline, which is there."""
    baseline = time_baseline.load(ROW, KERNEL, folder)
    assert baseline is not None
    return baseline


def test_only_times_are_stored(tmp_path: Path) -> None:
    """Whatever they were judged to be; a case that has none, or fewer than a run, is refused."""
    place(tmp_path, ONE, TWO)
    assert bless(tmp_path, ONE, TWO) == f"{tmp_path}/h200/toy.json: 2 cases; commit it"
    for verdict in Verdict:
        judged = replace(ONE, verdict=verdict, reason="because\nof this")
        if verdict in STORED:
            bless(tmp_path, judged, reason=f"{REASON}, of {ID}")
            assert list(baseline_in(tmp_path).stored) == [OTHER_ID, ID]
        else:
            message = f"{ID}: found {verdict}, expected times to store: because"
            assert refusal(tmp_path, TWO, judged) == message
    for record in (None, record_of(ONE.planned)):
        judged = replace(ONE, record=record, reason="why")
        assert refusal(tmp_path, judged) == f"{ID}: found no times, expected some; why"
    few = judged_of(1, timing=timing_of(processes_near(10)[:7]))
    assert refusal(tmp_path, few) == f"{ID}: found times of 7 processes, expected at least 8"


def test_a_slower_case_has_to_be_named(tmp_path: Path) -> None:
    """The reason has its name or a pattern; so nobody blesses a slowdown unawares."""
    place(tmp_path, ONE, TWO)
    slower = replace(ONE, verdict=Verdict.SLOWER, reason="kernel: +3 %")
    expected = "found it slower, expected its name in the reason (* stands for anything)"
    for reason in (
        "slower on purpose",
        "slower on purpose: toy",
        "toy-h200-fp32-E8-K2-T2 is to be slower",
        "TOY-*",
    ):
        assert refusal(tmp_path, TWO, slower, reason=reason) == f"{ID}: {expected}: kernel: +3 %"
    for reason in (
        f"slower on purpose: {ID}.",
        f"{ID}, which is rarely used",
        "toy-h200-*-T1: one more check",
        "all of them: *",
    ):
        bless(tmp_path, slower, TWO, reason=reason)
        assert baseline_in(tmp_path).kernelproof.blessings[0].reason == reason


def test_no_gate_card(tmp_path: Path) -> None:
    """Without the row's card, or the case in it, nobody knows how noisy it may be."""
    place(tmp_path, ONE, TWO)
    three = judged_of(3)
    assert refusal(tmp_path, ONE, three) == f"{three.planned.case.id}: {NO_CARD}"
    case = replace(TWO.planned.case, row="h100")
    elsewhere = replace(TWO, planned=replace(TWO.planned, case=case))
    assert refusal(tmp_path, ONE, elsewhere) == f"{case.id}: {NO_CARD}"
    assert not time_baseline.path_of("h100", KERNEL, tmp_path).exists()
    sensitivity.path_of(ROW, tmp_path).unlink()
    sensitivity.load.cache_clear()
    assert refusal(tmp_path, ONE) == f"{ID}: {NO_CARD}"


def test_times_noisier_than_the_card(tmp_path: Path) -> None:
    """Over twice its spread, and over half a percent, times say nothing to be held to.

    The judge leaves one bad process out, and so does this; two are noise.
    """
    mend = "by its gate card; run it again on a quiet machine"
    for noise, spread, difference in (
        (17, 0.1, "0.58 % between processes, expected at most 0.50 %"),
        (17, 0.25, "0.58 % between processes, expected at most 0.50 %"),
        (25, 0.4, "0.85 % between processes, expected at most 0.80 %"),
        (17, 0.3, None),
        (14, 0.01, None),
    ):
        judged = judged_of(1, timing=timing_of(processes_near(10, noise=noise)))
        place(tmp_path, judged, time=spread)
        if difference:
            assert refusal(tmp_path, judged) == f"{ID}: found {difference}, {mend}"
        else:
            bless(tmp_path, judged)
    quiet, noisy = (
        judged_of(1, timing=timing_of([*processes_near(10)[bad:], *processes_near(20)[:bad]]))
        for bad in (1, 2)
    )
    place(tmp_path, quiet)
    bless(tmp_path, quiet)
    place(tmp_path, noisy)
    assert " % between processes, expected at most 0.50 %" in refusal(tmp_path, noisy)


def test_samples_of_another_run(tmp_path: Path) -> None:
    """If they differ in a result and in pytest-benchmark's file, one of the two is older."""
    file = place(tmp_path, ONE, TWO) / "perf" / f"{ROW}.benchmark.json"
    message = (
        f"{ID}: found other samples in h200.benchmark.json than in its result, expected those of "
        "one run; run it again"
    )
    assert refusal(tmp_path, judged_of(1, 11), error=ResultsError) == message
    content = json.loads(file.read_bytes())
    del content["benchmarks"][0]
    file.write_text(json.dumps(content))
    assert refusal(tmp_path, ONE, error=ResultsError) == message
    # An absent or spoiled file is a ResultsError, too: exit code 3.
    file = place(tmp_path, ONE, TWO) / "perf" / f"{ROW}.benchmark.json"
    text = file.read_text()
    for spoiled in (text[:1000], text.replace("extra_info", "extra"), None):
        file.write_text(spoiled) if spoiled else file.unlink()
        message = refusal(tmp_path, ONE, error=ResultsError)
        assert re.search("benchmark.json: .* run (it|perf-regress again)$", message, re.DOTALL)
    assert ResultsError.exit == Exit.RESULTS


def test_cases_that_are_not_blessed_now_are_kept(tmp_path: Path) -> None:
    """With their times, and the commit and the machine that these are of.

    The last twenty blessings stay, too, the newest first.
    """
    place(tmp_path, ONE, TWO)
    bless(tmp_path, ONE, TWO)
    kept = baseline_in(tmp_path).stored[OTHER_ID]
    for commit, us in (("d" * 40, 9), ("e" * 40, 8)):
        machine = {"device": {"name": "NVIDIA H200", "driver": us}}
        fresh = judged_of(1, us, record={"commit": commit, "machine": machine})
        place(tmp_path, fresh)
        bless(tmp_path, fresh, reason="faster")
        stored = baseline_in(tmp_path).stored
        assert stored.keys() == {ID, OTHER_ID}
        assert stored[OTHER_ID] == kept
        case = stored[ID]
        assert (case.timing, case.machine, case.commit) == (made.timing_in(fresh), machine, commit)
    blessings = baseline_in(tmp_path).kernelproof.blessings
    assert [(blessing.reason, blessing.commit[0], [*blessing.cases]) for blessing in blessings] == [
        ("faster", "e", [ID]),
        ("faster", "d", [ID]),
        (REASON, "c", [ID, OTHER_ID]),
    ]
    for number in range(23):
        bless(tmp_path, fresh, reason=f"number {number}")
    reasons = [blessing.reason for blessing in baseline_in(tmp_path).kernelproof.blessings]
    assert reasons == [f"number {number}" for number in range(22, 2, -1)]
    assert len(baseline_in(tmp_path).benchmarks) == 2
