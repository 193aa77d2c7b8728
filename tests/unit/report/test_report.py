"""The report: `report.json`, which other tools read, is pinned key by key."""

import json
import math
from typing import Any, NoReturn

import pytest

from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Case, Planned
from kernelproof.plan.schema import Check
from kernelproof.records.verdict import CaseVerdict, Verdict
from kernelproof.report.report_file import Report, report_of
from tests.unit.records.test_record_files import record_of

SOURCE = Revision(commit="c" * 40, dirty=True, tree="7" * 64)
RECORDED = {Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.TIMEOUT}


def judged(verdict: str, tokens: int, reason: str = "", **changes: Any) -> CaseVerdict:
    """A case of a toy kernel with its verdict, and with a record where that verdict has one."""
    numbers = changes.pop("numbers", {"launches": 1.0, "max_ulp": 0.5})
    names = {"kernel": "toy", "row": "cpu", "dtype": "fp32", **changes}
    case = Case(**names, shape=(("E", 8), ("K", 2), ("T", tokens)))
    planned = Planned(case=case, check=Check.PARITY, device="cpu", golden=False)
    record = record_of(planned, reason=reason, numbers=numbers)
    return CaseVerdict(
        planned=planned,
        verdict=Verdict(verdict),
        reason=reason,
        record=record if verdict in RECORDED else None,
    )


def mixed() -> Report:
    """Every verdict at least once, in two rows."""
    two_lines = "ids is not that of the reference: 9 of 16 values differ\n  place 0: found 3"
    return report_of(
        [
            judged("pass", 1, numbers={"max_ulp": 1.25}),
            judged("fail", 2, two_lines),
            judged("missing", 3, "no result"),
            judged("skip", 4, "waits for #1 (until 2030-01-02)", row="h200", dtype="bf16"),
            judged("error", 5, "a <bug> & more", row="h200", dtype="bf16"),
            judged("timeout", 6, "Timeout (>120s)", row="h200", dtype="bf16"),
        ],
        SOURCE,
    )


def _two() -> Report:
    some = [judged("pass", 1), judged("missing", 2, "no result", row="h200", dtype="bf16")]
    return report_of(some, SOURCE)


def test_the_whole_of_a_report() -> None:
    """Version 1: these keys at these places, and no others."""
    assert json.loads(_two().model_dump_json()) == {
        "version": 1,
        "date": None,
        "commit": "c" * 40,
        "dirty": True,
        "rows": ["cpu", "h200"],
        "cases": [
            {
                "id": "toy-cpu-fp32-E8-K2-T1",
                "check": "parity",
                "row": "cpu",
                "kernel": "toy",
                "dtype": "fp32",
                "shape": {"E": 8, "K": 2, "T": 1},
                "verdict": "pass",
                "blocks": False,
                "reason": "",
                "reproduce": "nox -s reproduce -- toy-cpu-fp32-E8-K2-T1",
                "seconds": 0.25,
                "digest": "1" * 64,
                "numbers": {"launches": 1.0, "max_ulp": 0.5},
            },
            {
                "id": "toy-h200-bf16-E8-K2-T2",
                "check": "parity",
                "row": "h200",
                "kernel": "toy",
                "dtype": "bf16",
                "shape": {"E": 8, "K": 2, "T": 2},
                "verdict": "missing",
                "blocks": True,
                "reason": "no result",
                "reproduce": "nox -s parity -- --case toy-h200-bf16-E8-K2-T2",
                "seconds": None,
                "digest": None,
                "numbers": {},
            },
        ],
        "summary": {"pass": 1, "missing": 1},
        "blocks": True,
        "machines": {"cpu": {"os": "Linux", "device": {"name": "cpu"}}},
    }


def test_a_report_reads_back() -> None:
    """The model that writes it refuses what it would not write, and takes what it did."""
    report = mixed()
    assert Report.model_validate_json(report.model_dump_json()) == report


def test_the_summary_counts_every_case() -> None:
    """Only the verdicts that occur, each as often as it does; the rows in the plan's order."""
    report = mixed()
    counts = {"pass": 1, "fail": 1, "missing": 1, "skip": 1, "error": 1, "timeout": 1}
    assert report.summary == counts
    assert report.rows == ["cpu", "h200"]
    blocking = [case.verdict for case in report.blocking]
    assert blocking == ["fail", "missing", "error", "timeout"]


@pytest.mark.parametrize("verdict", Verdict, ids=str)
def test_one_bad_verdict_blocks_the_whole(verdict: Verdict) -> None:
    """Among good ones, wherever it stands; good ones alone let it through."""
    cases = [judged("pass", 1), judged(verdict, 2, "why"), judged("skip", 3, "why")]
    report = report_of(cases, SOURCE)
    assert report.blocks == (not verdict.is_good)
    assert [case.blocks for case in report.cases] == [False, not verdict.is_good, False]


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan], ids=str)
def test_any_number_leaves_it_json(number: float) -> None:
    """Strict JSON has neither Infinity nor NaN, and other tools' readers refuse them."""

    def refuse(constant: str) -> NoReturn:
        raise AssertionError(constant)

    report = report_of([judged("fail", 1, "far off", numbers={"max_ulp": number})], SOURCE)
    read = json.loads(report.model_dump_json(), parse_constant=refuse)
    assert list(read["cases"][0]["numbers"]) == ["max_ulp"]
