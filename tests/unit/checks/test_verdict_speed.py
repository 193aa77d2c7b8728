"""Verdicts on speed: a perf record is judged by its row's baseline, and what the report says."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.checks.perf.bless import bless_perf
from kernelproof.errors import run_command
from kernelproof.machine import revision
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.schema import Check
from kernelproof.records import record_files, sensitivity, time_baseline
from kernelproof.records.timing import ProcessTimes
from kernelproof.records.verdict import CaseVerdict, Verdict, reproduce_command
from kernelproof.report import __main__ as command
from kernelproof.report.report_file import report_of
from tests.unit.checks.perf.timings import (
    MACHINE,
    NOTHING,
    OTHER_CODE,
    SLOWER,
    processes_near,
    timing_of,
)
from tests.unit.records.made_records import record_of
from tests.unit.records.stored_files import card_of
from tests.unit.records.test_time_baseline import ONE, REASON, TWO, place

SOURCE = Revision(commit="c" * 40, dirty=False, tree="7" * 64)
PLAN = [replace(verdict.planned, limit_percent=3.0) for verdict in (ONE, TWO)]
ID = PLAN[0].case.id
NOISE = 40


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results in which both cases of the toy take what their baseline says."""
    bless_perf([ONE, TWO], REASON, place(tmp_path, ONE, TWO), tmp_path)
    monkeypatch.setattr(time_baseline, "load", partial(time_baseline.load, folder=tmp_path))
    visible = partial(sensitivity.require_visible, folder=tmp_path)
    monkeypatch.setattr(sensitivity, "require_visible", visible)
    for planned, us in zip(PLAN, (10, 20), strict=True):
        write(tmp_path, planned, processes_near(us))
    return tmp_path


def write(
    folder: Path, planned: Planned, processes: Sequence[ProcessTimes], **changes: Any
) -> None:
    """Writes the record of a case that was timed, its code as in `timing`."""
    of_timing = changes.pop("timing", {})
    fields = {"machine": MACHINE, **changes}
    record = record_of(planned, timing=timing_of(processes, **of_timing), **fields)
    record_files.write(folder, planned, record)


def _first(folder: Path, plan: Sequence[Planned] = PLAN) -> CaseVerdict:
    return judge(plan, folder, SOURCE)[0]


def test_the_same_times_are_same(folder: Path) -> None:
    """For each case by its own baseline; the numbers are the judge's."""
    judged = judge(PLAN, folder, SOURCE)
    assert [verdict.verdict for verdict in judged] == [Verdict.SAME, Verdict.SAME]
    assert [verdict.numbers["time_us"] for verdict in judged] == [10, 20]
    assert _first(folder, PLAN[:1]).reason == NOTHING
    numbers = report_of(judged, SOURCE).cases[0].numbers
    assert numbers["time_us"] == 10
    assert numbers["limit_percent"] == 3


CODES = "kernel: its code is not the baseline's, aaaaaaaaaaaa -> bbbbbbbbbbbb"
OTHER_COMPILER = {**MACHINE, "packages": {"triton": "4"}}


@pytest.mark.parametrize(
    ("us", "changes", "verdict", "reason"),
    [
        (10.3, {}, "slower", f"{CODES}; {SLOWER}"),
        (9, {}, "faster", "time -10.00 % ("),
        (10, {"machine": OTHER_COMPILER}, "wrong-machine", "the baseline is of another machine: c"),
        (10, {"outcome": "error", "reason": "a bug"}, "error", "a bug"),
        (10, {"outcome": "timeout", "reason": "slow"}, "timeout", "slow"),
        (10, {"commit": "d" * 40}, "missing", "its result is of commit dddddddddddd, expected c"),
        (10, {"machine": {"device": {"name": "cpu"}}}, "missing", "its result is of cpu, expected"),
    ],
    ids=["slower", "faster", "machine", "error", "timeout", "commit", "device"],
)
def test_other_records(
    folder: Path, us: float, changes: dict[str, Any], verdict: str, reason: str
) -> None:
    """Each state of a record has its verdict; what did not pass is not judged by its times."""
    write(folder, PLAN[0], processes_near(us), timing=OTHER_CODE, **changes)
    judged = _first(folder, PLAN[:1])
    assert judged.verdict == verdict
    assert judged.reason.startswith(reason)
    assert judged.verdict.is_good == (verdict == "faster")


def test_noise_is_inconclusive(folder: Path) -> None:
    """It blocks, and says what to do."""
    write(folder, PLAN[0], processes_near(10, noise=NOISE))
    judged = _first(folder)
    assert (judged.verdict, judged.verdict.is_good) == (Verdict.INCONCLUSIVE, False)
    assert judged.reason.startswith("a slowdown of 3 % is neither found nor excluded; time ")
    assert judged.reason.endswith("; run it again")


def test_a_pass_without_times_is_an_error(folder: Path) -> None:
    """It claims to have measured."""
    record_files.write(folder, PLAN[0], record_of(PLAN[0], machine=MACHINE))
    judged = _first(folder)
    said = "found no times in its result, expected some"
    assert (judged.verdict, judged.reason) == (Verdict.ERROR, said)


def test_a_case_that_nobody_blessed(folder: Path) -> None:
    """It blocks, and tells how to bless it; so does one whose row has no baseline at all."""
    case = PLAN[0].case
    for unblessed in (replace(case, dtype="bf16"), replace(case, row="h100")):
        planned = replace(PLAN[0], case=unblessed)
        write(folder, planned, processes_near(10))
        judged = _first(folder, [planned])
        assert judged.verdict == Verdict.NO_BASELINE
        assert judged.reason.startswith("no baseline; measured 10.000 us, 2.000 of the floor; ")
        assert judged.reason.endswith('nox -s bless -- perf --reason "..."')


def test_a_plan_without_a_limit_is_refused(folder: Path) -> None:
    """No default stands in its place: none is as one of nothing, which no gate can see."""
    with pytest.raises(sensitivity.LimitError, match=r": found 0, expected at least 2\.5, "):
        judge([replace(PLAN[0], limit_percent=None)], folder, SOURCE)


def test_cases_of_a_row_share_its_false_alarms(folder: Path) -> None:
    """A row's planned perf cases, run or not, share false alarms; other rows and checks do not."""
    write(folder, PLAN[0], processes_near(10.3, noise=9))
    assert _first(folder, PLAN[:1]).verdict == Verdict.SLOWER
    many = [
        replace(PLAN[0], case=replace(PLAN[0].case, shape=(("T", tokens),)))
        for tokens in range(1000)
    ]
    assert _first(folder, [PLAN[0], *many]).verdict == Verdict.INCONCLUSIVE
    elsewhere = [replace(verdict, case=replace(verdict.case, row="h100")) for verdict in many]
    unlike = [replace(verdict, check=Check.PARITY) for verdict in many]
    assert _first(folder, [PLAN[0], *elsewhere, *unlike]).verdict == Verdict.SLOWER


def test_a_limit_that_the_gate_cannot_see(folder: Path) -> None:
    """LimitError: the matrix promises what nobody can hold."""
    sensitivity.write(
        card_of().model_copy(update={"cases": {ID: card_of().cases.popitem()[1]}}), folder
    )
    assert _first(folder).verdict == Verdict.SAME
    with pytest.raises(
        sensitivity.LimitError, match=r"found 2, expected at least 2\.5, the least that "
    ):
        _first(folder, [replace(PLAN[0], limit_percent=2.0)])


def test_speed_is_reproduced_by_timing_again() -> None:
    """On the row's own machine; its options, read back, leave that one case."""
    planned = cases.plan(matrix.load(), checks=[Check.PERF])[5]
    line = f"nox -s perf-regress -- --case {planned.case.id}"
    for verdict in Verdict:
        assert CaseVerdict(planned=planned, verdict=verdict).reproduce == line
    assert reproduce_command(planned) == line
    selection = Selection(case=(line.rsplit(maxsplit=1)[-1],))
    assert cases.plan(matrix.load(), selection, checks=[Check.PERF]) == (planned,)


def test_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """75 if all that blocks is inconclusive, 1 if anything else blocks as well."""
    for words, code in {
        "same faster skip": 0,
        "inconclusive": 75,
        "same inconclusive inconclusive": 75,
        "inconclusive slower": 1,
        "missing inconclusive": 1,
        "inconclusive no-baseline": 1,
        "wrong-machine": 1,
        "same error": 1,
    }.items():
        judged = [
            CaseVerdict(planned=PLAN[0], verdict=Verdict(word), reason="why")
            for word in words.split()
        ]
        monkeypatch.setattr(command, "judge", lambda *_, judged=judged: judged)
        arguments = ["--row=h200", "--check=perf", f"--results={tmp_path}"]
        assert command.main(arguments) == code, words


def test_the_report_of_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 for the same times, 75 for noise, 1 if a case is missing too, 5 for a cut baseline."""
    state = revision.current()
    first, second = cases.plan(matrix.load(), Selection(row=("h200",)), [Check.PERF])[:2]
    fields: dict[str, Any] = {"commit": state.commit, "tree": state.tree}
    fields["machine"] = {**MACHINE, "device": {"name": first.device}}
    record = record_of(first, timing=timing_of(processes_near(10)), **fields)
    judged = CaseVerdict(planned=first, verdict=Verdict.NO_BASELINE, record=record)
    bless_perf([judged], REASON, place(tmp_path, judged), tmp_path)
    monkeypatch.setattr(time_baseline, "load", partial(time_baseline.load, folder=tmp_path))
    visible = partial(sensitivity.require_visible, folder=tmp_path)
    monkeypatch.setattr(sensitivity, "require_visible", visible)
    folder = tmp_path / "results"
    record_files.write(folder, first, record)

    def report(*planned: Planned) -> tuple[int, str]:
        named = [f"--case={case.case.id}" for case in planned]
        arguments = ["--check=perf", f"--results={folder}", *named]
        code = run_command(lambda: command.main(arguments))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    code, said = report(first)
    assert (code, f"GOOD: 1 same at {state.commit[:12]}" in said) == (0, True), said
    write(folder, first, processes_near(10, noise=NOISE), **fields)
    assert report(first)[0] == 75
    code, said = report(first, second)
    assert (code, "BLOCKED: 1 inconclusive, 1 missing" in said) == (1, True), said
    assert f"reproduce: nox -s perf-regress -- --case {second.case.id}" in said
    file = time_baseline.path_of(first.case.row, first.case.kernel, tmp_path)
    file.write_bytes(file.read_bytes()[:-9])
    time_baseline.load.func.cache_clear()  # type: ignore[attr-defined]
    code, said = report(first)
    assert (code, said.count("\n"), "found text that is no JSON" in said) == (5, 1, True), said
