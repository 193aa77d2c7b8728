"""Verdicts where bits are blessed: a pass with other bits fails, and nothing else is asked."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.judge_plan import judge
from kernelproof.records import golden, record_files
from kernelproof.records.verdict import CaseVerdict, Verdict
from tests.unit.checks.test_verdict import SOURCE
from tests.unit.records.made_records import PLANNED, record_of
from tests.unit.records.stored_files import golden_of

BLESSED = replace(PLANNED, golden=True)
MOVED = {"digest": "3" * 64}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results, beside which the bits of the case are blessed."""
    golden.write(golden_of(), tmp_path)
    monkeypatch.setattr(golden, "objection", partial(golden.objection, folder=tmp_path))
    return tmp_path


def _judged(folder: Path, **changes: Any) -> CaseVerdict:
    record_files.write(folder, BLESSED, record_of(BLESSED, **changes))
    (judged,) = judge([BLESSED], folder, SOURCE)
    return judged


def test_the_blessed_bits_pass(folder: Path) -> None:
    """With their record, and nothing to say."""
    judged = _judged(folder)
    assert (judged.verdict, judged.reason) == (Verdict.PASS, "")
    assert judged.record == record_of(BLESSED)


def test_other_bits_fail(folder: Path) -> None:
    """Although kernel and reference agree; golden says why, and the record stays."""
    judged = _judged(folder, **MOVED)
    assert judged.verdict == Verdict.FAIL
    assert judged.reason.startswith("golden: the definition moved: ")
    assert judged.record == record_of(BLESSED, **MOVED)


def test_bits_that_are_not_blessed_are_not_asked(folder: Path) -> None:
    """The matrix does not want them."""
    record_files.write(folder, PLANNED, record_of(PLANNED, **MOVED))
    (judged,) = judge([PLANNED], folder, SOURCE)
    assert (judged.verdict, judged.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize("outcome", ["fail", "error", "timeout"])
def test_what_did_not_pass_keeps_its_own_reason(folder: Path, outcome: str) -> None:
    """Its bits are nobody's."""
    judged = _judged(folder, outcome=outcome, reason="9 values differ", **MOVED)
    assert (judged.verdict, judged.reason) == (outcome, "9 values differ")
