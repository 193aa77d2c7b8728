"""Verdicts: exactly one for everything planned, and only what was proved is good."""

import datetime
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.errors import ResultsError
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned, Selection
from kernelproof.plan.schema import Check, Skip
from kernelproof.records import record_files
from kernelproof.records.record_files import Outcome
from kernelproof.records.verdict import CaseVerdict, Verdict, reproduce_command
from tests.unit.records.made_records import CASE, PLANNED, record_of

SOURCE = Revision(commit="c" * 40, dirty=False, tree="7" * 64)
GOOD = {"pass", "same", "faster", "skip"}
SILENCE = "no result: it did not run, or died before it could say"

State = Callable[[Path, Planned], None]


def _written(**changes: Any) -> State:
    return lambda folder, planned: record_files.write(
        folder, planned, record_of(planned, **changes)
    )


def _holding(content: bytes) -> State:
    def write(folder: Path, planned: Planned) -> None:
        file = record_files.path_of(folder, planned)
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)

    return write


def _cut(folder: Path, planned: Planned) -> None:
    content = record_of(planned).model_dump_json().encode()
    _holding(content[: len(content) // 2])(folder, planned)


def _draft(folder: Path, planned: Planned) -> None:
    _written()(folder, planned)
    file = record_files.path_of(folder, planned)
    file.rename(file.with_name(f".{file.name}.1.tmp"))


def _nothing(folder: Path, planned: Planned) -> None:
    record_files.discard(folder, [planned])


def _unblessed(plan: Sequence[Planned]) -> tuple[Planned, ...]:
    """The plan for made-up records, whose bits are nobody's."""
    return tuple(replace(planned, golden=False) for planned in plan)


# What lies in the folder of results: the verdict, and how its reason begins after the file's name.
STATES: dict[str, tuple[State, str, str]] = {
    "pass": (_written(), "pass", ""),
    "fail": (_written(outcome="fail", reason="9 values differ"), "fail", "9 values differ"),
    "error": (_written(outcome="error", reason="a bug"), "error", "a bug"),
    "crash": (_written(outcome="crash", reason="its process"), "crash", "its process"),
    "timeout": (_written(outcome="timeout", reason="Timeout"), "timeout", "Timeout"),
    "dirty": (_written(dirty=True), "pass", ""),
    "nothing": (_nothing, "missing", SILENCE),
    "draft": (_draft, "missing", SILENCE),
    "other commit": (
        _written(commit="d" * 40),
        "missing",
        "its result is of commit dddddddddddd, expected cccccccccccc",
    ),
    "other files": (
        _written(tree="8" * 64),
        "missing",
        "its result is of other files than these, at the same commit: run it again",
    ),
    "other machine": (
        _written(machine={"device": {"name": "NVIDIA H100"}}),
        "missing",
        "its result is of NVIDIA H100, expected cpu: run it on that machine",
    ),
    "unnamed machine": (
        _written(machine={}),
        "missing",
        "its result is of an unnamed device, expected cpu: run it on that machine",
    ),
    "empty": (_holding(b""), "error", "found text that is no JSON"),
    "cut": (_cut, "error", "found text that is no JSON"),
    "oversized": (_holding(b" " * 2**21), "error", "found over 1,048,576 bytes"),
    "other case": (
        lambda folder, planned: _holding(
            record_of(replace(planned, case=replace(planned.case, dtype="fp64")))
            .model_dump_json()
            .encode()
        )(folder, planned),
        "error",
        "found the record of ",
    ),
    "said skip": (
        lambda folder, planned: _holding(
            record_of(planned).model_dump_json().replace('"pass"', '"skip"').encode()
        )(folder, planned),
        "error",
        "outcome: input should be ",
    ),
    "said same": (
        lambda folder, planned: _holding(
            record_of(planned).model_dump_json().replace('"pass"', '"same"').encode()
        )(folder, planned),
        "error",
        "outcome: input should be ",
    ),
    "extra field": (
        lambda folder, planned: _holding(
            record_of(planned).model_dump_json().replace("{", '{"mine":1,', 1).encode()
        )(folder, planned),
        "error",
        "mine: extra inputs are not permitted",
    ),
    "wrong type": (
        lambda folder, planned: _holding(
            record_of(planned).model_dump_json().replace("false", '"no"').encode()
        )(folder, planned),
        "error",
        "dirty: input should be a valid boolean",
    ),
}


def test_words() -> None:
    """Pass, same, faster and skip let a build through; a record's outcomes are among the words."""
    assert {str(verdict) for verdict in Verdict if verdict.is_good} == GOOD
    assert {*get_args(Outcome), "missing", "skip"} <= {*map(str, Verdict)}


def test_each_state_of_a_record(tmp_path: Path) -> None:
    """A record that is not whole is an error, one that is not of this source is missing."""
    wrong = []
    for name, (write, expected, reason) in STATES.items():
        write(tmp_path, PLANNED)
        (verdict,) = judge([PLANNED], tmp_path, SOURCE)
        is_judged = (
            verdict.verdict == expected
            and verdict.reason.removeprefix(f"{CASE.id}.json: ").startswith(reason)
            and bool(verdict.reason) == bool(reason)
            and (verdict.record is not None) == (name in {*get_args(Outcome), "dirty"})
        )
        wrong += [] if is_judged else [f"{name}: {verdict}"]
        shutil.rmtree(tmp_path / "parity", ignore_errors=True)
    assert wrong == []


def test_a_record_of_another_commit_names_both(tmp_path: Path) -> None:
    """The reason names the record's commit and the expected commit by twelve digits each."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED, commit="d" * 40))
    (judged,) = judge([PLANNED], tmp_path, SOURCE)
    assert judged.reason == "its result is of commit dddddddddddd, expected cccccccccccc"


def test_one_verdict_for_everything_planned(tmp_path: Path) -> None:
    """In the plan's order, whatever lies in the folder, strangers included."""
    selection = Selection(row=("cpu", "h200"))
    plan = _unblessed(cases.plan(matrix.load(), selection, checks=[Check.PARITY]))
    names = list(STATES)
    for i, planned in enumerate(plan):
        STATES[names[i % len(names)]][0](tmp_path, planned)
    _written()(tmp_path, PLANNED)
    (tmp_path / "parity" / "notes.txt").write_text("mine")
    judged = judge(plan, tmp_path, SOURCE)
    assert [verdict.planned for verdict in judged] == list(plan)
    expected = [STATES[names[i % len(names)]][1] for i in range(len(plan))]
    assert [str(verdict.verdict) for verdict in judged] == expected


def test_no_folder_is_missing_throughout(tmp_path: Path) -> None:
    """A run that never began."""
    plan = cases.plan(matrix.load())
    judged = judge(plan, tmp_path / "nowhere", SOURCE)
    assert [verdict.planned for verdict in judged] == list(plan)
    assert {(verdict.verdict, verdict.reason) for verdict in judged} == {(Verdict.MISSING, SILENCE)}


def test_a_file_for_a_folder_is_no_verdict(tmp_path: Path) -> None:
    """`judge` raises ResultsError if a file stands where the folder of results should be."""
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError):
        judge([PLANNED], tmp_path / "file", SOURCE)


@pytest.mark.parametrize("name", ["nothing", "pass", "fail", "cut"])
def test_a_skip_comes_from_the_matrix(tmp_path: Path, name: str) -> None:
    """Whatever record there is; beside it, the next case is judged by its own."""
    today = datetime.date(2030, 1, 2)
    real = matrix.load()
    skipped, kept = cases.cases_of(real)[:2]
    skip = Skip(cases=skipped.id, check=Check.PARITY, reason="waits for #1", until=today)
    plan = _unblessed(cases.plan(real.model_copy(update={"skips": [skip]}))[:2])
    write, verdict, _ = STATES[name]
    for planned in plan:
        write(tmp_path, planned)
    first, second = judge(plan, tmp_path, SOURCE)
    expected = CaseVerdict(
        planned=plan[0], verdict=Verdict.SKIP, reason="waits for #1 (until 2030-01-02)"
    )
    assert first == expected
    assert (second.planned.case, second.verdict) == (kept, verdict)


def test_without_git_a_record_is_known_by_its_files(tmp_path: Path) -> None:
    """The commit is unknown on both sides; other files are refused all the same."""
    record_files.write(tmp_path, PLANNED, record_of(PLANNED, commit="unknown", dirty=True))
    here = Revision(commit="unknown", dirty=True, tree="7" * 64)
    elsewhere = replace(here, tree="8" * 64)
    verdicts = [judge([PLANNED], tmp_path, source)[0].verdict for source in (here, elsewhere)]
    assert verdicts == [Verdict.PASS, Verdict.MISSING]


def test_the_command_that_reproduces_selects_just_that_case() -> None:
    """Its options, read back, leave one case of the whole plan."""
    real = matrix.load()
    for planned in cases.plan(real)[::37]:
        is_perf = planned.check == Check.PERF
        words = "perf-regress -- --case" if is_perf else "reproduce --"
        command = reproduce_command(planned)
        assert command == f"nox -s {words} {planned.case.id}"
        selection = Selection(case=(command.split()[-1],))
        assert cases.plan(real, selection, checks=[planned.check]) == (planned,)
