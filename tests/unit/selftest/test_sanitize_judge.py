"""Judged runs of a tool: the case of each report, and the worth of a tool that is silent."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernelproof.selftest.sanitize import tool_tables
from kernelproof.selftest.sanitize.tool_findings import JudgedRun, judge
from kernelproof.selftest.sanitize.tool_run import CaseAnswer, ToolRun, answers_in
from kernelproof.selftest.sanitize.tools import REPORTED, TOOLS
from tests.unit.selftest.compute_sanitizer import FOUND, PLANTED

CASES = ["toy-h200-fp32-T1", "toy-h200-fp32-T7", "toy-h200-fp32-T9"]
MEMCHECK = TOOLS[0]
SAW = PLANTED["memcheck"]


def _log(*reports: str, total: int | None = None) -> str:
    count = len(reports) if total is None else total
    return (
        f"========= COMPUTE-SANITIZER\n{''.join(reports)}========= ERROR SUMMARY: {count} errors\n"
    )


def _answers(**fields: Any) -> tuple[CaseAnswer, ...]:
    return tuple(CaseAnswer(case=case, **fields) for case in CASES)


def _judged(*reports: str, total: int | None = None, **changes: Any) -> JudgedRun:
    """Returns a judged run with these reports; its other fields are good, or those of `changes`."""
    run = ToolRun(
        tool=MEMCHECK,
        limit=240,
        seconds=21.4,
        code=REPORTED,
        log=_log(*reports, total=total),
        answers=_answers(outcome="pass", launches=9),
    )
    return judge(replace(run, **changes), CASES)


def test_a_good_run() -> None:
    """A good run has every planted error and no other report; a blind tool has neither."""
    judged = _judged(SAW, SAW, SAW, SAW)
    assert (judged.is_good, judged.findings, judged.problems) == (True, (), ())
    assert tool_tables.summary_line(judged) == (
        "memcheck   3 cases, 27 launches, 0 errors, 21 s; planted error found"
    )
    blind = _judged(code=0)
    assert tool_tables.summary_line(blind).endswith("0 errors, 21 s; planted error NOT found")


@pytest.mark.parametrize("each", [1, 2, 3])
def test_a_report_is_of_the_case_around_it(each: int) -> None:
    """The case stands between planted errors, of any number of reports; outside there is none."""
    seen = [SAW] * each
    judged = _judged(*seen, *seen, FOUND, *seen, FOUND, FOUND, *seen)
    assert [finding.case for finding in judged.findings] == [CASES[1], CASES[2], CASES[2]]
    assert {finding.report.kernel for finding in judged.findings} == {"_toy_kernel"}
    assert (judged.problems, judged.has_seen, judged.is_good) == ((), True, False)
    ended = "========= Target application returned an error\n"
    judged = _judged(FOUND, *seen, *seen, *seen, *seen, ended)
    assert [finding.case for finding in judged.findings] == ["", ""]


def test_findings_are_shown() -> None:
    """Findings of one kind are shown once, with case, first lines of the report and command."""
    judged = _judged(SAW, FOUND, FOUND, FOUND, SAW, SAW, SAW)
    assert tool_tables.summary_line(judged).endswith("3 errors, 21 s; planted error found")
    assert tool_tables.blocking_lines(judged, Path("results/sanitize/memcheck.log")) == [
        "memcheck: toy-h200-fp32-T1 (_toy_kernel)",
        "  Invalid __global__ read of size 16 bytes",
        "    at _toy_kernel+0x2f0 in kernel.py:33",
        "    by thread (7,0,0) in block (2,0,0)",
        "    Access to 0x7f3ea2a00400 is out of bounds",
        "    and is 1 bytes after the nearest allocation at 0x7f3ea2a00000 of size 1,024 bytes",
        "  and 2 more like this",
        "  reproduce: nox -s sanitize -- --tool memcheck --case toy-h200-fp32-T1",
        "the whole log: results/sanitize/memcheck.log; "
        "what the process printed: results/sanitize/memcheck.out",
    ]


@pytest.mark.parametrize(
    ("reports", "changes", "message"),
    [
        ([], {"code": 0}, "the tool saw nothing of a planted error: 0 of 4 were reported"),
        ([SAW] * 3, {}, "the tool saw planted errors 3 times, expected 4 or a multiple of it"),
        ([SAW] * 5, {}, "the tool saw planted errors 5 times, expected 4 or a multiple of it"),
        ([SAW] * 4, {"code": 0}, "exit code 0, expected 86, by which a tool says that it saw"),
        ([SAW] * 4, {"code": None}, "no end within 240 s: killed at 3 of 3 cases"),
        ([SAW] * 4, {"log": SAW * 4}, "its log has no summary: it ended before its time"),
        ([SAW] * 4, {"total": 1500}, "1,500 reports, of which its log has 4"),
        ([SAW] * 4, {"answers": ()}, "toy-h200-fp32-T7: did not run to its end"),
        (
            [SAW] * 4,
            {"answers": _answers(outcome="fail", reason="ids differ", launches=1)},
            "fail toy-h200-fp32-T7: ids differ",
        ),
    ],
)
def test_other_problems_block(reports: list[str], changes: dict[str, Any], message: str) -> None:
    """A run with a problem is not good, and the output says why."""
    judged = _judged(*reports, **changes)
    assert not judged.is_good
    assert any(problem.startswith(message) for problem in judged.problems), judged.problems
    lines = tool_tables.blocking_lines(judged, Path("memcheck.log"))
    assert any(line.startswith(f"memcheck: {message}") for line in lines)


def test_record() -> None:
    """The record holds the whole run, as JSON."""
    judged = _judged(SAW, FOUND, SAW, SAW, SAW)
    record = json.loads(tool_tables.as_json([judged], {"row": "h200"}))
    assert (record["version"], record["row"]) == (1, "h200")
    (tool,) = record["tools"]
    assert tool["planted"] == {"launches": 4, "reports": 4}
    assert (tool["tool"], tool["good"]) == ("memcheck", False)
    assert (tool["launches"], tool["reports"]) == (27, 5)
    assert tool["findings"][0]["case"] == CASES[0]
    assert tool["findings"][0]["report"][0] == "Invalid __global__ read of size 16 bytes"


def test_half_an_answer_is_left_out(tmp_path: Path) -> None:
    """A process may have died while it wrote an answer."""
    file = tmp_path / "answers"
    assert list(answers_in(file)) == []
    answer = CaseAnswer(case="a", outcome="pass", launches=1).model_dump_json()
    file.write_text(f"{answer}\n{answer[:20]}")
    assert [answer.case for answer in answers_in(file)] == ["a"]
