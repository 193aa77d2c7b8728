"""The step summary: every red case with cause, effect and command, within GitHub's limit."""

import re

import pytest

from kernelproof.records.verdict import Verdict
from kernelproof.report.markdown import markdown
from tests.unit.report.made_reports import judged, report, timed

MOST, MOST_OF_A_PART, MOST_OF_A_CAUSE, OF_A_LINE = 1_000_000, 200_000, 400, 200
GITHUB_TAKES = 1024 * 1024
EFFECTS = {
    f"{name}_{part}": value + distance
    for name, value in {"against": 6.0, "time": 5.0, "ratio": 4.0}.items()
    for part, distance in (("percent", 0), ("low", -1), ("high", 1))
}


def test_the_whole_in_markdown() -> None:
    """The conclusion, the cells, the red case, then missing and skipped cases, if there are any."""
    verdicts = [
        judged("pass", 1),
        judged("fail", 2, "9 of [16] differ\n  more"),
        judged("missing", 3, "no result"),
        judged("missing", 4, "no result", row="h200"),
        judged("skip", 5, "waits (until 2030-01-02)"),
    ]
    assert markdown(report(*verdicts)) == (
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
    assert "####" not in markdown(report(verdicts[0]))


def test_effects_with_their_intervals() -> None:
    """All three are there; one without both ends, or within the cause, is left out."""
    effects = (
        "in the same processes +6.00 % (+5.00 to +7.00); time +5.00 % (+4.00 to +6.00); "
        "over the floor +4.00 % (+3.00 to +5.00)"
    )
    assert f"  \n  {effects}\n" in markdown(report(timed(Verdict.SLOWER, 1, EFFECTS)))
    without_time = "(+5.00 to +7.00); over the floor"
    for gone in ("time_percent", "time_low", "time_high"):
        kept = {name: value for name, value in EFFECTS.items() if name != gone}
        assert without_time in markdown(report(timed(Verdict.SLOWER, 1, kept)))
    cause = "kernel: time +5.00 % (+4.00 to +6.00)"
    lines = markdown(report(timed(Verdict.SLOWER, 1, EFFECTS, cause))).splitlines()
    assert lines[8] == f"- **slower** perf toy-h200-fp32-E8-K2-T1: {cause}  "
    assert without_time in lines[9]
    assert lines[10] == "  `nox -s perf-regress -- --case toy-h200-fp32-E8-K2-T1`"


def test_missing_cases_of_two_checks_have_a_command_each() -> None:
    """A run of parity brings no times."""
    parity = [judged("missing", tokens, "no result") for tokens in (1, 2)]
    summary = markdown(report(*parity, timed(Verdict.MISSING, 1, {}, "no result")))
    assert "`nox -s parity -- --resume --row cpu`" in summary
    assert "`nox -s perf-regress -- --case toy-h200-fp32-E8-K2-T1`" in summary


def _counted(summary: str) -> int:
    """Returns the number of red cases, shown or counted by the line that ends them."""
    shown = summary.count("- **fail** ")
    more = re.search(r"^- and ([\d,]+) more red cases, in report\.json$", summary, re.MULTILINE)
    count = int(more[1].replace(",", "")) if more else 0
    assert not more or more[1] == f"{count:,}"
    return shown + count


@pytest.mark.parametrize("cause", ["wrong", "é€" * 5_000, "[" * 5_000], ids=len)
def test_ten_thousand_red_cases_fit(cause: str) -> None:
    """In bytes, not letters; each is shown or counted, and nothing else is crowded out."""
    failures = [judged("fail", t, cause, row=f"row{t}") for t in range(10_000)]
    silent = [judged("missing", tokens, f"no result {tokens}") for tokens in range(10_000)]
    summary = markdown(report(*failures, *silent))
    assert len(summary.encode()) < GITHUB_TAKES
    assert "more red cases" in summary
    assert _counted(summary) == 10_000
    assert re.search(r"^\| and [\d,]+ more cells, in report\.json \|$", summary, re.MULTILINE)
    assert summary.startswith("### BLOCKED: 10000 fail, 10000 missing at ")
    assert "- **missing** parity on cpu: toy-cpu-fp32-E8-K2-T0: no result 0" in summary


def test_a_cause_is_shown_as_it_is() -> None:
    """A backslash stands before each letter that would mean something; 400 letters are shown."""
    causes = {
        "<script>x</script>": "\\<script\\>x\\</script\\>",
        "a_b*c*`d`|e|": "a\\_b\\*c\\*\\`d\\`\\|e\\|",
        "[x](y) #1 \\n {z}": "\\[x\\](y) \\#1 \\\\n \\{z\\}",
        "&lt;b&gt; &amp;": "\\&lt;b\\&gt; \\&amp;",
        "~~gone~~": "\\~\\~gone\\~\\~",
        "x" * MOST_OF_A_CAUSE: "x" * MOST_OF_A_CAUSE,
        "x" * (MOST_OF_A_CAUSE + 1): "x" * (MOST_OF_A_CAUSE - 1) + "…",
    }
    for cause, shown in causes.items():
        summary = markdown(report(judged("fail", 1, cause)))
        assert f"- **fail** parity toy-cpu-fp32-E8-K2-T1: {shown}\n" in summary


def _size(summary: str, start: str) -> int:
    """Returns the bytes of the lines that start so, each with its end and its second line."""
    lines = summary.split("\n")
    places = [place for place, line in enumerate(lines) if line.startswith(start)]
    second = [place + 1 for place in places if lines[place + 1].startswith("  ")]
    return sum(len(lines[place].encode()) + 1 for place in (*places, *second))


@pytest.mark.parametrize(
    ("verdict", "start", "more"),
    [
        ("pass", "| parity ", "| and 1 more cells, in report.json |"),
        ("missing", "- **missing** ", "- and 1 more, in report.json"),
    ],
    ids=["cells", "not run"],
)
def test_a_part_has_its_share(verdict: str, start: str, more: str) -> None:
    """Two lines that fill it are shown; if the second is a byte longer, it is counted."""

    def two_lines(letters: int) -> str:
        names = ("a" * 5_000, "b" * letters)
        return markdown(
            report(*(judged(verdict, 1, f"why {name[0]}", kernel=name) for name in names))
        )

    letters = 5_000
    size = _size(two_lines(letters), start)
    in_line = _size(two_lines(letters + 1), start) - size
    assert (MOST_OF_A_PART - size) % in_line == 0
    letters += (MOST_OF_A_PART - size) // in_line
    full, over = two_lines(letters), two_lines(letters + 1)
    assert (_size(full, start), more in full) == (MOST_OF_A_PART, False)
    assert _size(over, start) < MOST_OF_A_PART
    assert over.count(more) == 1


def test_red_cases_have_the_rest() -> None:
    """Only the room for a line that would count them is left."""
    count = 2_500

    def red(*letters: int) -> str:
        failures = (judged("fail", t, "x" * length) for t, length in enumerate(letters))
        return markdown(report(*failures))

    most = MOST - OF_A_LINE + len(f"\n#### Red: {count}\n\n")
    each, left = divmod(most - len(red(*[0] * count)), count)
    lengths = [each + (place < left) for place in range(count)]
    assert max(lengths) < MOST_OF_A_CAUSE
    full = red(*lengths)
    assert (len(full.encode()), "more" in full) == (most, False)
    assert red(*lengths[:-1], lengths[-1] + 1).endswith("- and 1 more red cases, in report.json\n")


def test_counts_have_commas() -> None:
    """The summary writes its counts of missing and of skipped cases with commas."""
    silent = [judged("missing", tokens, "no result") for tokens in range(1_235)]
    skipped = [judged("skip", tokens, "waits") for tokens in range(1_234)]
    summary = markdown(report(*silent, *skipped))
    first = "- **missing** parity on cpu: toy-cpu-fp32-E8-K2-T0"
    assert f"{first} and 1,234 more: no result\n" in summary
    assert "- skip parity on cpu: 1,234: waits\n" in summary
