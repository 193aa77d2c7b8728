"""The step summary: every red case with cause, effect and command, within what GitHub takes."""

import re
from dataclasses import replace

import pytest

from kernelproof.plan.schema import Check
from kernelproof.records.verdict import CaseVerdict, Verdict
from kernelproof.report import markdown as module
from kernelproof.report.markdown import markdown
from kernelproof.report.report_file import report_of
from tests.unit.report.test_report import SOURCE, judged

GITHUB_TAKES = 1024 * 1024
NUMBERS = {
    "time_percent": 5.0,
    "time_low": 3.1,
    "time_high": 6.9,
    "ratio_percent": 4.5,
    "ratio_low": 3.0,
    "ratio_high": 6.0,
}


def _slower(tokens: int, reason: str) -> CaseVerdict:
    one = judged("fail", tokens, reason, numbers={}, row="h200")
    planned = replace(one.planned, check=Check.PERF)
    return replace(one, planned=planned, verdict=Verdict.SLOWER, numbers=NUMBERS)


def test_the_whole_in_markdown() -> None:
    """The verdict, the cells, the red case, then what was not run and what is skipped."""
    some = [
        judged("pass", 1),
        judged("fail", 2, "9 of [16] differ\n  more"),
        judged("missing", 3, "no result"),
        judged("missing", 4, "no result", row="h200"),
        judged("skip", 5, "waits (until 2030-01-02)"),
    ]
    assert markdown(report_of(some, SOURCE)) == (
        "### BLOCKED: 1 fail, 2 missing, 1 pass, 1 skip at cccccccccccc (dirty)\n"
        "\n"
        "| check | cell | kernel | cases | verdicts | worst | time |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
        "| parity | cpu-fp32 | toy | 4 | fail 1, missing 1, pass 1, skip 1 | 0.50 ulp | 0.5 s |\n"
        "| parity | h200-fp32 | toy | 1 | missing 1 |  | 0.0 s |\n"
        "\n"
        "#### Red: 1\n"
        "\n"
        "- **fail** parity toy-cpu-fp32-E8-K2-T2: 9 of \\[16\\] differ\n"
        "  `nox -s reproduce -- toy-cpu-fp32-E8-K2-T2`\n"
        "\n"
        "#### Not run\n"
        "\n"
        "- **missing** parity on cpu, h200: toy-cpu-fp32-E8-K2-T3 and 1 more: no result\n"
        "  `nox -s parity -- --resume --row cpu --row h200`\n"
        "- skip parity on cpu: 1: waits (until 2030-01-02)\n"
    )


def test_a_good_report_has_no_more_than_its_cells() -> None:
    """Nothing red and nothing left out is not told."""
    assert "####" not in markdown(report_of([judged("pass", 1)], SOURCE))


def test_a_slower_case_tells_effect_and_interval_once() -> None:
    """Those of its numbers that the cause has not said already."""
    said = markdown(report_of([_slower(1, "kernel: time +5.00 % (+3.10 to +6.90)")], SOURCE))
    lines = said.splitlines()[8:]
    assert lines == [
        "- **slower** perf toy-h200-fp32-E8-K2-T1: kernel: time +5.00 % (+3.10 to +6.90)  ",
        "  over the floor +4.50 % (+3.00 to +6.00)",
        "  `nox -s perf-regress -- --case toy-h200-fp32-E8-K2-T1`",
    ]


def test_missing_cases_of_two_checks_have_a_command_each() -> None:
    """One that runs parity again does not bring the times."""
    one = judged("missing", 1, "no result")
    timed = replace(one, planned=replace(one.planned, check=Check.PERF))
    said = markdown(report_of([one, judged("missing", 2, "no result"), timed], SOURCE))
    assert "`nox -s parity -- --resume --row cpu`" in said
    assert "`nox -s perf-regress -- --case toy-cpu-fp32-E8-K2-T1`" in said


def _counted(text: str) -> int:
    """How many red cases are told, and counted by the line that ends them."""
    more = re.search(r"^- and ([\d,]+) more red cases, in report\.json$", text, re.MULTILINE)
    return text.count("- **fail** ") + (int(more[1].replace(",", "")) if more else 0)


@pytest.mark.parametrize(
    "cause",
    ["wrong", "é€" * 5_000, "[" * 5_000],
    ids=["short", "wide letters", "escaped letters"],
)
def test_ten_thousand_red_cases_fit(cause: str) -> None:
    """In bytes, not letters; each is told or counted, and nothing else is crowded out."""
    failures = [judged("fail", tokens, cause) for tokens in range(10_000)]
    silent = [judged("missing", tokens, f"no result {tokens}") for tokens in range(10_000)]
    said = markdown(report_of([*failures, *silent], SOURCE))
    assert len(said.encode()) < GITHUB_TAKES
    assert "more red cases" in said
    assert _counted(said) == 10_000
    assert said.startswith("### BLOCKED: 10000 fail, 10000 missing at ")
    assert "- **missing** parity on cpu: toy-cpu-fp32-E8-K2-T0: no result 0" in said


def test_ten_thousand_cells_fit() -> None:
    """And the red cases are still told."""
    rows = [judged("fail", 1, "wrong", row=f"row{number}") for number in range(10_000)]
    said = markdown(report_of(rows, SOURCE))
    assert len(said.encode()) < GITHUB_TAKES
    assert re.search(r"^\| and [\d,]+ more cells, in report\.json \|$", said, re.MULTILINE)
    assert _counted(said) == 10_000


def test_all_are_told_while_they_fit() -> None:
    """A thousand do, without a line that counts."""
    failures = [judged("fail", tokens, "wrong") for tokens in range(1_000)]
    said = markdown(report_of(failures, SOURCE))
    assert (said.count("- **fail** "), "more" in said) == (1_000, False)


def test_the_bound_leaves_room_for_other_steps() -> None:
    """A step summary is 1 MiB at most."""
    assert 0 < module.MOST_BYTES < GITHUB_TAKES


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("<script>x</script>", "\\<script\\>x\\</script\\>"),
        ("a_b*c*`d`|e|", "a\\_b\\*c\\*\\`d\\`\\|e\\|"),
        ("[x](y) #1 \\n {z}", "\\[x\\](y) \\#1 \\\\n \\{z\\}"),
        ("&lt;b&gt; &amp;", "\\&lt;b\\&gt; \\&amp;"),
        ("~~gone~~", "\\~\\~gone\\~\\~"),
    ],
    ids=["tags", "emphasis", "links", "entities", "strikethrough"],
)
def test_a_cause_is_shown_as_it_is(reason: str, shown: str) -> None:
    """A backslash before each letter that would mean something."""
    said = markdown(report_of([judged("fail", 1, reason)], SOURCE))
    assert f"- **fail** parity toy-cpu-fp32-E8-K2-T1: {shown}\n" in said
