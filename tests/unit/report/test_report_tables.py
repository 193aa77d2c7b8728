"""The report for people: a line a cell, each cause as it was told, and how to see it again."""

import io

import pytest
from rich.console import Console

from kernelproof.report.report_file import Report, report_of
from kernelproof.report.terminal import print_report
from tests.unit.report.test_report import SOURCE, judged, mixed


def _printed(report: Report) -> list[str]:
    """The lines that a file of 80 columns gets."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=80, force_terminal=False))
    return [line.rstrip() for line in file.getvalue().splitlines()]


def _of_reason(reason: str) -> Report:
    return report_of([judged("fail", 1, reason)], SOURCE)


def test_the_whole_in_a_terminal() -> None:
    """A line a cell, the causes with what reproduces them, the silent ones last, a conclusion."""
    assert "\n".join(_printed(mixed())) == (
        "check   cell       kernel  cases  verdicts                    worst      time\n"
        "parity  cpu-fp32   toy         3  fail 1, missing 1, pass 1   1.25 ulp  0.5 s\n"
        "parity  h200-bf16  toy         3  error 1, skip 1, timeout 1  0.50 ulp  0.5 s\n"
        "\n"
        "fail toy-cpu-fp32-E8-K2-T2\n"
        "ids is not that of the reference: 9 of 16 values differ\n"
        "  place 0: found 3\n"
        "reproduce: nox -s reproduce -- toy-cpu-fp32-E8-K2-T2\n"
        "\n"
        "error toy-h200-bf16-E8-K2-T5\n"
        "a <bug> & more\n"
        "reproduce: nox -s reproduce -- toy-h200-bf16-E8-K2-T5\n"
        "\n"
        "timeout toy-h200-bf16-E8-K2-T6\n"
        "Timeout (>120s)\n"
        "reproduce: nox -s reproduce -- toy-h200-bf16-E8-K2-T6\n"
        "\n"
        "missing toy-cpu-fp32-E8-K2-T3\n"
        "no result\n"
        "reproduce: nox -s parity -- --case toy-cpu-fp32-E8-K2-T3\n"
        "\n"
        "BLOCKED: 1 error, 1 fail, 1 missing, 1 pass, 1 skip, 1 timeout at cccccccccccc (dirty)"
    )


def test_a_good_report_is_short() -> None:
    """The cell and the conclusion."""
    lines = _printed(report_of([judged("pass", 1), judged("skip", 2, "why")], SOURCE))
    assert [line for line in lines if line] == [
        "check   cell      kernel  cases  verdicts        worst      time",
        "parity  cpu-fp32  toy         2  pass 1, skip 1  0.50 ulp  0.2 s",
        "GOOD: 1 pass, 1 skip at cccccccccccc (dirty)",
    ]


@pytest.mark.parametrize(
    "reason",
    [
        "kernels/toy/kernel.py:100: in launch",
        "[bold]x[/bold] [/] [1, 2] \\[b] a\\",
        "wide " * 60,
        "tensor([[1, -0.0], [nan, inf]]) != https://example.org 'text'",
    ],
    ids=["place", "markup", "wide", "values"],
)
def test_a_reason_is_printed_as_it_is(reason: str) -> None:
    """No word of it is taken for markup or for a picture, and none is folded or cut."""
    assert _printed(_of_reason(reason))[4] == reason.rstrip()


def test_silent_cases_are_told_together() -> None:
    """Once a reason, with what runs them all; report.json names each."""
    silent = [judged("missing", tokens, "no result") for tokens in range(30)]
    stale = [judged("missing", 99, "its result is of commit d")]
    lines = _printed(report_of([*silent, *stale], SOURCE))
    assert lines[3:10] == [
        "missing toy-cpu-fp32-E8-K2-T0 and 29 more",
        "no result",
        "reproduce: nox -s parity -- --resume --row cpu",
        "",
        "missing toy-cpu-fp32-E8-K2-T99",
        "its result is of commit d",
        "reproduce: nox -s parity -- --case toy-cpu-fp32-E8-K2-T99",
    ]


def test_silent_cases_of_two_rows_are_run_again_on_both() -> None:
    """The command names each row once, in the plan's order."""
    silent = [judged("missing", t, "no result", row=row) for row in ("h200", "cpu") for t in (1, 2)]
    lines = _printed(report_of(silent, SOURCE))
    assert "missing toy-h200-fp32-E8-K2-T1 and 3 more" in lines
    assert "reproduce: nox -s parity -- --resume --row h200 --row cpu" in lines


@pytest.mark.parametrize(("count", "hidden"), [(20, 0), (21, 1), (45, 25)], ids=str)
def test_twenty_failures_are_told(count: int, hidden: int) -> None:
    """More are counted, and never without saying so; silent ones are not crowded out."""
    failures = [judged("fail", tokens, "wrong") for tokens in range(count)]
    report = report_of([*failures, judged("missing", 99, "no result")], SOURCE)
    text = "\n".join(_printed(report))
    assert text.count("fail toy-") == 20
    assert text.count("missing toy-") == 1
    assert (f"and {hidden} more in report.json" in text) == bool(hidden)
    assert ("more in report.json" in text) == bool(hidden)
