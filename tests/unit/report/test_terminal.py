"""The report in a terminal: cells, causes, commands, colours, and text as it was written."""

import io
from typing import Any

from rich.console import Console

from kernelproof.records.verdict import Verdict
from kernelproof.report.report_file import Report
from kernelproof.report.terminal import cells, print_report
from tests.unit.report.made_reports import judged, mixed, report, timed

RED, GREEN, BOLD, DEFAULT, END = (f"\x1b[{code}m" for code in (31, 32, 1, 39, 0))


def _printed(shown: Report, *, in_colour: bool = False) -> list[str]:
    """Returns the lines that a file of 80 columns gets, or a terminal with colours."""
    file = io.StringIO()
    colours: dict[str, Any] = {"color_system": "standard"} if in_colour else {}
    print_report(
        shown, Console(file=file, width=80, force_terminal=in_colour, no_color=False, **colours)
    )
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_the_whole_in_a_terminal() -> None:
    """A line for each cell, the causes with their commands, missing cases last, a conclusion."""
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


def test_blocking_parts_are_red() -> None:
    """They are its cell, its title and the conclusion; the head is bold, a good report green."""
    shown = report(judged("pass", 1), judged("fail", 2, "why", row="h200"))
    head, good, bad, *lines = _printed(shown, in_colour=True)
    assert head.startswith(f"{BOLD}check ")
    assert good.startswith(f"{DEFAULT}parity  cpu-fp32 ")
    assert bad.startswith(f"{RED}parity  h200-fp32 ")
    assert f"{RED}fail toy-h200-fp32-E8-K2-T2{END}" in lines
    assert "why" in lines
    assert lines[-1] == f"{RED}BLOCKED: 1 fail, 1 pass at cccccccccccc (dirty){END}"
    head, good, *lines = _printed(report(judged("pass", 1), judged("skip", 2)), in_colour=True)
    assert good == f"{DEFAULT}parity  cpu-fp32  toy         2  pass 1, skip 1  0.50 ulp  0.2 s{END}"
    conclusion = f"{GREEN}GOOD: 1 pass, 1 skip at cccccccccccc (dirty){END}"
    assert [line for line in lines if line] == [conclusion]


def test_a_cell_blocks_if_any_of_its_cases_does() -> None:
    """Its worst number is an error or a slowdown of its cases."""
    verdicts = [
        judged("pass", 1, numbers={"max_ulp": 1.5}),
        judged("fail", 2, "why", numbers={"max_ulp": 0.25}),
        judged("pass", 3, dtype="bf16", numbers={}),
        timed(Verdict.SAME, 1, {"time_percent": -0.5}),
        timed(Verdict.SLOWER, 2, {"time_percent": 4.056}),
    ]
    lines = [(blocks, words[5]) for blocks, words in cells(report(*verdicts))]
    assert lines == [(True, "1.50 ulp"), (False, ""), (True, "+4.06 %")]


def test_a_long_line_is_not_folded() -> None:
    """A log has no width: each cell is one line, however many verdicts it has."""
    words = [verdict for verdict in Verdict if verdict != Verdict.MISSING]
    lines = _printed(report(*(judged(word, place, "why") for place, word in enumerate(words))))
    assert len(lines[1]) > 120
    assert all(f"{word} 1" in lines[1] for word in words)


def test_a_reason_is_printed_as_it_is() -> None:
    """It has no markup, colours or emoji, and is neither folded nor cut."""
    for reason in (
        "kernels/toy/kernel.py:100: in launch",
        "[bold]x[/bold] [/] [1, 2] \\[b] a\\ :warning: 12",
        f"{'wide ' * 60}end",
        "tensor([[1, -0.0], [nan, inf]]) != https://example.org 'text'",
    ):
        shown = report(judged("fail", 1, reason))
        assert _printed(shown)[4] == reason
        assert reason in _printed(shown, in_colour=True)


def test_missing_cases_of_a_cause_are_together() -> None:
    """They share a title, a reason and a command, which names each row once, in their order."""
    silent = [judged("missing", t, "no result", row=row) for row in ("h200", "cpu") for t in (1, 2)]
    stale = [judged("missing", 99, "its result is of commit d")]
    lines = _printed(report(*silent, *stale))
    assert lines[4:11] == [
        "missing toy-h200-fp32-E8-K2-T1 and 3 more",
        "no result",
        "reproduce: nox -s parity -- --resume --row h200 --row cpu",
        "",
        "missing toy-cpu-fp32-E8-K2-T99",
        "its result is of commit d",
        "reproduce: nox -s parity -- --case toy-cpu-fp32-E8-K2-T99",
    ]
    title = f"{RED}missing toy-cpu-fp32-E8-K2-T1 and 1 more{END}"
    assert title in _printed(report(*silent[2:]), in_colour=True)


def test_twenty_failures_are_shown() -> None:
    """A line counts the others; missing cases are shown all the same."""
    for count in (20, 21, 45):
        failures = [judged("fail", tokens, "wrong") for tokens in range(count)]
        text = "\n".join(_printed(report(*failures, judged("missing", 99, "no result"))))
        assert (text.count("fail toy-"), text.count("missing toy-")) == (20, 1)
        for words in ("more in report.json", f"\nand {count - 20} more in report.json"):
            assert (words in text) == (count > 20)
