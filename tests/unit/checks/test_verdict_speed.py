"""Verdicts on speed: a perf record is judged by its row's baseline, and what the report says."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.checks.perf.bless import bless_perf
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
from tests.unit.extending.tree import Tree
from tests.unit.records.made_records import record_of
from tests.unit.records.stored_files import card_of
from tests.unit.records.test_time_baseline import ONE, REASON, TWO, place

SOURCE = Revision(commit="c" * 40, dirty=False, tree="7" * 64)
PLAN = [replace(one.planned, limit_percent=3.0) for one in (ONE, TWO)]
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
    assert [one.verdict for one in judged] == [Verdict.SAME, Verdict.SAME]
    assert [one.numbers["time_us"] for one in judged] == [10, 20]
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
    told = "found no times in its result, expected some"
    assert (judged.verdict, judged.reason) == (Verdict.ERROR, told)


def test_a_case_that_nobody_blessed(folder: Path) -> None:
    """It blocks, and tells how to bless it; so does one whose row has no baseline at all."""
    case = PLAN[0].case
    for other in (replace(case, dtype="bf16"), replace(case, row="h100")):
        planned = replace(PLAN[0], case=other)
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
    """Those that are planned, run or not; not those of another row or check."""
    write(folder, PLAN[0], processes_near(10.3, noise=9))
    assert _first(folder, PLAN[:1]).verdict == Verdict.SLOWER
    many = [
        replace(PLAN[0], case=replace(PLAN[0].case, shape=(("T", tokens),)))
        for tokens in range(1000)
    ]
    assert _first(folder, [PLAN[0], *many]).verdict == Verdict.INCONCLUSIVE
    elsewhere = [replace(one, case=replace(one.case, row="h100")) for one in many]
    unlike = [replace(one, check=Check.PARITY) for one in many]
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


@pytest.mark.parametrize("verdict", Verdict, ids=str)
def test_speed_is_reproduced_by_timing_again(verdict: Verdict) -> None:
    """On the row's own machine; its options, read back, leave that one case."""
    planned = cases.plan(matrix.load(), checks=[Check.PERF])[5]
    told = f"nox -s perf-regress -- --case {planned.case.id}"
    assert CaseVerdict(planned=planned, verdict=verdict).reproduce == told
    assert reproduce_command(planned) == told
    selection = Selection(case=(told.rsplit(maxsplit=1)[-1],))
    assert cases.plan(matrix.load(), selection, checks=[Check.PERF]) == (planned,)


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ("same faster skip", 0),
        ("inconclusive", 75),
        ("same inconclusive inconclusive", 75),
        ("inconclusive slower", 1),
        ("missing inconclusive", 1),
        ("inconclusive no-baseline", 1),
        ("wrong-machine", 1),
        ("same error", 1),
    ],
)
def test_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdicts: str, code: int
) -> None:
    """75 where all that blocks is inconclusive, 1 where anything else blocks as well."""
    words = verdicts.split()
    judged = [CaseVerdict(planned=PLAN[0], verdict=Verdict(word), reason="why") for word in words]
    monkeypatch.setattr(command, "judge", lambda *_: judged)
    assert command.main(["--row=h200", "--check=perf", f"--results={tmp_path}"]) == code


def test_the_report_of_a_row_as_a_process(tmp_path: Path) -> None:
    """0 for the same times, 75 for noise, 1 where a case is missing too, 5 for a cut baseline."""
    tree, folder = Tree.at(tmp_path / "tree"), tmp_path / "results"
    stored, state = tree.root / "pipeline" / "baselines" / "perf", revision.current(tree.root)
    one, two = cases.plan(matrix.load(), Selection(row=("h200",)), [Check.PERF])[:2]
    fields: dict[str, Any] = {"commit": state.commit, "tree": state.tree}
    fields["machine"] = {**MACHINE, "device": {"name": one.device}}
    record = record_of(one, timing=timing_of(processes_near(10)), **fields)
    judged = CaseVerdict(planned=one, verdict=Verdict.NO_BASELINE, record=record)
    bless_perf([judged], REASON, place(stored, judged), stored)
    sensitivity.path_of(one.case.row, stored).unlink()
    record_files.write(folder, one, record)

    def report(*planned: Planned) -> tuple[int, str]:
        named = [f"--case={each.case.id}" for each in planned]
        done = tree.report("--check=perf", f"--results={folder}", *named)
        return done.returncode, done.stdout + done.stderr

    code, said = report(one)
    assert (code, f"GOOD: 1 same at {state.commit}" in said) == (0, True), said
    write(folder, one, processes_near(10, noise=NOISE), **fields)
    assert report(one)[0] == 75
    code, said = report(one, two)
    assert (code, "BLOCKED: 1 inconclusive, 1 missing" in said) == (1, True), said
    assert f"reproduce: nox -s perf-regress -- --case {two.case.id}" in said
    file = time_baseline.path_of(one.case.row, one.case.kernel, stored)
    file.write_bytes(file.read_bytes()[:-9])
    code, said = report(one)
    assert (code, said.count("\n"), "found text that is no JSON" in said) == (5, 1, True), said
