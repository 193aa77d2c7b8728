"""`report.json`, which other tools read: pinned key by key."""

import json
import math

import pytest
from pydantic import BaseModel, ValidationError

from kernelproof.records.verdict import Verdict
from kernelproof.report.report_file import Report
from tests.unit.report.made_reports import judged, mixed, report


def test_the_whole_of_a_report() -> None:
    """Version 1 has these keys at these places, and no others."""
    missing = judged("missing", 2, "no result", row="h200", dtype="bf16")
    case = {
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
    }
    silent = {
        "id": "toy-h200-bf16-E8-K2-T2",
        "row": "h200",
        "dtype": "bf16",
        "shape": {"E": 8, "K": 2, "T": 2},
        "verdict": "missing",
        "blocks": True,
        "reason": "no result",
        "reproduce": "nox -s parity -- --case toy-h200-bf16-E8-K2-T2",
        "seconds": None,
        "digest": None,
        "numbers": {},
    }
    assert json.loads(report(judged("pass", 1), missing).model_dump_json()) == {
        "version": 1,
        "date": None,
        "commit": "c" * 40,
        "dirty": True,
        "rows": ["cpu", "h200"],
        "cases": [case, {**case, **silent}],
        "summary": {"pass": 1, "missing": 1},
        "blocks": True,
        "machines": {"cpu": {"os": "Linux", "device": {"name": "cpu"}}},
    }


def test_a_report_reads_back() -> None:
    """The model that writes it reads the same, of which nothing can be set."""
    shown = mixed()
    assert shown.rows == ["cpu", "h200"]
    assert [case.verdict for case in shown.blocking] == ["fail", "missing", "error", "timeout"]
    assert Report.model_validate_json(shown.model_dump_json()) == shown
    parts: list[tuple[BaseModel, str]] = [(shown, "blocks"), (shown.cases[0], "verdict")]
    for part, name in parts:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, False)


def test_one_bad_verdict_blocks_the_whole() -> None:
    """It does so among good ones, wherever it stands; good ones alone block nothing.

    The report is undecided if inconclusive verdicts alone block it.
    """
    for verdict in Verdict:
        shown = report(judged("pass", 1), judged(verdict, 2, "why"), judged("skip", 3, "why"))
        assert shown.blocks == (not verdict.is_good), verdict
        assert [case.blocks for case in shown.cases] == [False, not verdict.is_good, False]
        assert shown.is_undecided == (verdict == Verdict.INCONCLUSIVE)
    assert not report(judged("inconclusive", 1), judged("slower", 2)).is_undecided


def test_any_number_leaves_it_json() -> None:
    """Strict readers refuse Infinity and NaN, which JSON lacks."""
    for number in (math.inf, -math.inf, math.nan):
        shown = report(judged("fail", 1, "far off", numbers={"max_ulp": number}))
        read = json.loads(shown.model_dump_json(), parse_constant=pytest.fail)
        assert list(read["cases"][0]["numbers"]) == ["max_ulp"]
