"""The report's forms to the letter: colours, joints, and what of a case each of them tells."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from rich.console import Console

from kernelproof.plan.schema import Check
from kernelproof.records.verdict import CaseVerdict, Verdict
from kernelproof.report.junit import junit
from kernelproof.report.markdown import markdown
from kernelproof.report.page import ASSETS, page
from kernelproof.report.report_file import Report, report_of
from kernelproof.report.terminal import cells, print_report
from tests.unit.report.test_page import content_of
from tests.unit.report.test_report import SOURCE, judged, mixed

RED, GREEN, BOLD, DEFAULT, PLAIN = (f"\x1b[{code}m" for code in (31, 32, 1, 39, 0))


def _coloured(report: Report) -> list[str]:
    """The lines that a terminal with colours gets."""
    file = io.StringIO()
    terminal: dict[str, Any] = {"force_terminal": True, "color_system": "standard"}
    print_report(report, Console(file=file, width=100, no_color=False, **terminal))
    return file.getvalue().splitlines()


def _speed(verdict: Verdict, tokens: int, **numbers: float) -> CaseVerdict:
    one = judged("fail", tokens, "why", numbers={}, row="h200")
    planned = replace(one.planned, check=Check.PERF)
    return replace(one, planned=planned, verdict=verdict, numbers=numbers)


def test_what_was_read_stays_as_it_is() -> None:
    """A report, and each case of it."""
    report = mixed()
    parts: list[tuple[BaseModel, str]] = [(report, "blocks"), (report.cases[0], "verdict")]
    for part, name in parts:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, False)


def test_what_blocks_is_red() -> None:
    """The line of its cell, its own, and the conclusion; the head is bold, all else as it comes."""
    lines = _coloured(report_of([judged("pass", 1), judged("fail", 2, "why", row="h200")], SOURCE))
    head, good, bad = lines[:3]
    assert head.startswith(f"{BOLD}check ")
    assert good.startswith(f"{DEFAULT}parity  cpu-fp32 ")
    assert bad.startswith(f"{RED}parity  h200-fp32 ")
    assert f"{RED}fail toy-h200-fp32-E8-K2-T2{PLAIN}" in lines
    assert "why" in lines
    assert lines[-1] == f"{RED}BLOCKED: 1 fail, 1 pass at cccccccccccc (dirty){PLAIN}"


def test_what_is_good_is_green() -> None:
    """The conclusion alone."""
    lines = _coloured(report_of([judged("pass", 1)], SOURCE))
    assert lines[1].startswith(f"{DEFAULT}parity  cpu-fp32 ")
    assert lines[-1] == f"{GREEN}GOOD: 1 pass at cccccccccccc (dirty){PLAIN}"


def test_a_name_of_a_picture_is_no_picture() -> None:
    """What stands between colons is what somebody wrote."""
    lines = _coloured(report_of([judged("fail", 1, ":warning: [bold]x[/bold] 12")], SOURCE))
    assert ":warning: [bold]x[/bold] 12" in lines


def test_a_cell_blocks_where_any_of_its_cases_does() -> None:
    """And tells the worst that its cases have, of their errors or of their slowdowns."""
    some = [
        judged("pass", 1, numbers={"max_ulp": 1.5}),
        judged("fail", 2, "why", numbers={"max_ulp": 0.25}),
        judged("pass", 3, dtype="bf16", numbers={}),
        _speed(Verdict.SAME, 1, time_percent=-0.5),
        _speed(Verdict.SLOWER, 2, time_percent=4.056),
    ]
    told = [(blocks, line[5]) for blocks, line in cells(report_of(some, SOURCE))]
    assert told == [(True, "1.50 ulp"), (False, ""), (True, "+4.06 %")]


def test_two_silent_cases_are_told_together() -> None:
    """As many more as there are."""
    silent = [judged("missing", tokens, "no result") for tokens in (1, 2)]
    assert f"{RED}missing toy-cpu-fp32-E8-K2-T1 and 1 more{PLAIN}" in _coloured(
        report_of(silent, SOURCE)
    )


def test_a_case_without_a_result_took_no_time() -> None:
    """In the XML that CI reads."""
    text = junit(report_of([judged("missing", 1, "no result")], SOURCE))
    (test,) = ET.fromstring(text.encode()).iter("testcase")  # noqa: S314  (the project's own)
    assert test.get("time") == "0.000"


def test_every_effect_with_an_interval_is_told() -> None:
    """Beside the baseline's code, by itself, over the floor; one without both ends is not."""
    whole = {"against": 6.0, "time": 5.0, "ratio": 4.0}
    numbers = {
        f"{name}_{part}": value + by
        for name, value in whole.items()
        for part, by in (("percent", 0), ("low", -1), ("high", 1))
    }
    report = report_of([_speed(Verdict.SLOWER, 1, **numbers)], SOURCE)
    told = (
        "in the same processes +6.00 % (+5.00 to +7.00); time +5.00 % (+4.00 to +6.00); "
        "over the floor +4.00 % (+3.00 to +5.00)"
    )
    assert f"  \n  {told}\n" in markdown(report)
    for gone in ("time_percent", "time_low", "time_high"):
        kept = {name: value for name, value in numbers.items() if name != gone}
        said = markdown(report_of([_speed(Verdict.SLOWER, 1, **kept)], SOURCE))
        assert "(+5.00 to +7.00); over the floor" in said


def test_thousands_are_told_with_commas() -> None:
    """Of what was not run, and of what the matrix skips."""
    silent = [judged("missing", tokens, "no result") for tokens in range(1_235)]
    skipped = [judged("skip", tokens, "waits") for tokens in range(1_234)]
    said = markdown(report_of([*silent, *skipped], SOURCE))
    assert "- **missing** parity on cpu: toy-cpu-fp32-E8-K2-T0 and 1,234 more: no result\n" in said
    assert "- skip parity on cpu: 1,234: waits\n" in said


def test_files_of_the_page_are_lines_apart() -> None:
    """A comment that ends one of them ends there."""
    text = page(content_of(mixed()))
    scripts = [file.read_text() for file in sorted(ASSETS.glob("*.js")) if file.stem != "page"]
    for script in scripts:
        assert f"{script}\n" in text
    assert "\n" + (ASSETS / "page.js").read_text() in text
