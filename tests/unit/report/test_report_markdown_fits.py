"""The Markdown report at its bounds, to the byte: what just fits is told, one more is counted."""

from collections.abc import Sequence

import pytest

from kernelproof.records.verdict import CaseVerdict
from kernelproof.report.markdown import markdown
from kernelproof.report.report_file import report_of
from tests.unit.report.test_report import SOURCE, judged

MOST, MOST_OF_A_PART, MOST_OF_A_CAUSE, OF_A_LINE = 1_000_000, 200_000, 400, 200


def _said(some: Sequence[CaseVerdict]) -> str:
    return markdown(report_of(some, SOURCE))


def _size(said: str, began: str) -> int:
    """The bytes of the lines that begin so, their ends among them, of two lines each at most."""
    lines = said.split("\n")
    told = [place for place, line in enumerate(lines) if line.startswith(began)]
    more = [place + 1 for place in told if lines[place + 1].startswith("  ")]
    return sum(len(lines[place].encode()) + 1 for place in (*told, *more))


@pytest.mark.parametrize(
    ("verdict", "began", "more"),
    [
        ("pass", "| parity ", "| and 1 more cells, in report.json |"),
        ("missing", "- **missing** ", "- and 1 more, in report.json"),
    ],
    ids=["cells", "not run"],
)
def test_a_part_has_its_share(verdict: str, began: str, more: str) -> None:
    """Two lines that fill it are told; where the second is a byte longer, it is counted."""

    def two(letters: int) -> str:
        names = ("a" * 5_000, "b" * letters)
        return _said([judged(verdict, 1, f"why {name[0]}", kernel=name) for name in names])

    letters = 5_000
    in_line = _size(two(letters + 1), began) - _size(two(letters), began)
    spare = MOST_OF_A_PART - _size(two(letters), began)
    assert spare % in_line == 0
    full = two(letters + spare // in_line)
    assert (_size(full, began), more in full) == (MOST_OF_A_PART, False)
    over = two(letters + spare // in_line + 1)
    assert _size(over, began) < MOST_OF_A_PART
    assert over.count(more) == 1


def test_red_cases_have_what_the_others_leave() -> None:
    """But for a line that would count them."""
    count = 2_500

    def red(*letters: int) -> str:
        return _said([judged("fail", t, "x" * length) for t, length in enumerate(letters)])

    most = MOST - OF_A_LINE + len(f"\n#### Red: {count}\n\n")
    each, left = divmod(most - len(red(*[0] * count)), count)
    lengths = [each + (place < left) for place in range(count)]
    assert max(lengths) < MOST_OF_A_CAUSE
    full = red(*lengths)
    assert (len(full.encode()), "more" in full) == (most, False)
    assert red(*lengths[:-1], lengths[-1] + 1).endswith("- and 1 more red cases, in report.json\n")


def test_what_is_counted_has_commas() -> None:
    """Of thousands."""
    said = _said([judged("fail", tokens, "x" * MOST_OF_A_CAUSE) for tokens in range(4_000)])
    told = said.count("- **fail** ")
    assert 1_000 < told < 3_000
    assert said.endswith(f"- and {4_000 - told:,} more red cases, in report.json\n")


@pytest.mark.parametrize(
    ("letters", "shown"),
    [(400, "x" * 400), (401, "x" * 399 + "…"), (5_000, "x" * 399 + "…")],
    ids=["just", "over", "long"],
)
def test_a_cause_is_cut(letters: int, shown: str) -> None:
    """Where it has over four hundred letters; what is left out is an ellipsis."""
    said = _said([judged("fail", 1, "x" * letters)])
    assert f"- **fail** parity toy-cpu-fp32-E8-K2-T1: {shown}\n" in said
