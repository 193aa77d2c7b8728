"""Runs of a tool, judged and told: whose each report is, and what a silent tool is worth."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kernelproof.selftest.sanitize import tool_tables
from kernelproof.selftest.sanitize.case_answer import Answer, answers_in
from kernelproof.selftest.sanitize.tool_findings import Judged, judge
from kernelproof.selftest.sanitize.tool_run import Run
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


def _judged(*reports: str, total: int | None = None, **changes: Any) -> Judged:
    """A run with these reports that is good but for them, and for `changes`."""
    run = Run(
        tool=MEMCHECK,
        limit=240,
        seconds=21.4,
        code=REPORTED,
        log=_log(*reports, total=total),
        answers=tuple(Answer(case=case, outcome="pass", launches=9) for case in CASES),
    )
    return judge(replace(run, **changes), CASES)


def test_a_good_run() -> None:
    """Every planted fault, and nothing else."""
    one = _judged(SAW, SAW, SAW, SAW)
    assert (one.is_good, one.findings, one.problems) == (True, (), ())
    assert tool_tables.line(one) == (
        "memcheck   3 cases, 27 launches, 0 errors, 21 s; planted fault found"
    )


@pytest.mark.parametrize("each", [1, 2, 3])
def test_a_report_is_of_the_case_around_it(each: int) -> None:
    """That between the planted faults before it and behind it, however often those are told."""
    seen = [SAW] * each
    one = _judged(*seen, *seen, FOUND, *seen, FOUND, FOUND, *seen)
    assert [finding.case for finding in one.findings] == [CASES[1], CASES[2], CASES[2]]
    assert {finding.report.kernel for finding in one.findings} == {"_toy_kernel"}
    assert (one.problems, one.has_seen, one.is_good) == ((), True, False)


def test_a_report_outside_of_all_cases() -> None:
    """Before the first planted fault, or behind the last."""
    one = _judged(FOUND, SAW, SAW, SAW, SAW, "========= Target application returned an error\n")
    assert [finding.case for finding in one.findings] == ["", ""]


def test_errors_are_told() -> None:
    """Alike ones once; each with its case, the report's first lines and the command."""
    one = _judged(SAW, FOUND, FOUND, FOUND, SAW, SAW, SAW)
    assert tool_tables.line(one).endswith("3 errors, 21 s; planted fault found")
    assert tool_tables.blocking(one, Path("results/sanitize/memcheck.log")) == [
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
    ("reports", "changes", "said"),
    [
        ([], {"code": 0}, "the tool saw nothing of a planted fault: 0 of 4 were found"),
        ([SAW, SAW, SAW], {}, "the tool saw planted faults 3 times, expected 4, or each as often"),
        ([SAW] * 5, {}, "the tool saw planted faults 5 times, expected 4, or each as often"),
        ([SAW] * 4, {"code": 0}, "exit code 0, expected 86, by which a tool says that it saw"),
        ([SAW] * 4, {"code": None}, "no end within 240 s: killed at 3 of 3 cases"),
        ([SAW] * 4, {"log": SAW * 4}, "its log has no summary: it ended before its time"),
        ([SAW] * 4, {"total": 1500}, "1,500 reports, of which its log has 4"),
        ([SAW] * 4, {"answers": ()}, "toy-h200-fp32-T7: did not run to its end"),
        (
            [SAW] * 4,
            {
                "answers": tuple(
                    Answer(case=case, outcome="fail", reason="ids differ", launches=1)
                    for case in CASES
                )
            },
            "fail toy-h200-fp32-T7: ids differ",
        ),
    ],
)
def test_what_else_is_wrong(reports: list[str], changes: dict[str, Any], said: str) -> None:
    """Blocks, and is told."""
    one = _judged(*reports, **changes)
    assert not one.is_good
    assert any(problem.startswith(said) for problem in one.problems), one.problems
    told = tool_tables.blocking(one, Path("memcheck.log"))
    assert any(line.startswith(f"memcheck: {said}") for line in told)


def test_a_tool_that_is_blind_is_not_called_good() -> None:
    """Though it has no error."""
    one = _judged(code=0)
    assert tool_tables.line(one).endswith("0 errors, 21 s; planted fault NOT found")
    assert not one.is_good


def test_record() -> None:
    """All of it, as JSON."""
    one = _judged(SAW, FOUND, SAW, SAW, SAW)
    whole = json.loads(tool_tables.as_json([one], {"row": "h200"}))
    assert (whole["version"], whole["row"]) == (1, "h200")
    (tool,) = whole["tools"]
    assert tool["planted"] == {"launches": 4, "reports": 4}
    assert (tool["tool"], tool["good"], tool["launches"], tool["reports"]) == (
        "memcheck",
        False,
        27,
        5,
    )
    assert tool["findings"][0]["case"] == CASES[0]
    assert tool["findings"][0]["report"][0] == "Invalid __global__ read of size 16 bytes"


def test_half_an_answer_is_none(tmp_path: Path) -> None:
    """Of a process that died while it wrote."""
    file = tmp_path / "answers"
    assert list(answers_in(file)) == []
    whole = Answer(case="a", outcome="pass", launches=1).model_dump_json()
    file.write_text(f"{whole}\n{whole[:20]}")
    assert [answer.case for answer in answers_in(file)] == ["a"]
