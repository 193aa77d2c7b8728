"""Tables as text: the widths of columns, their sides, and the rows of Markdown."""

import pytest

from kernelproof.files.text_table import aligned, markdown_rows

ROWS = [("name", "count", "note"), ("a", "1", "first"), ("longer", "12345", "")]


def test_columns_are_aligned() -> None:
    """Each is as wide as its widest cell; no line ends with a space, and no cell is dropped."""
    lines = ["name    count  note", "a           1  first", "longer  12345"]
    assert aligned(ROWS, right={1}) == lines
    assert aligned([]) == []
    with pytest.raises(ValueError, match="zip"):
        aligned([("a", "b"), ("c",)])


def test_markdown_has_a_rule_below_the_heads() -> None:
    """It says which columns are aligned to the right."""
    rule = "| --- | ---: | --- |"
    lines = ["| name | count | note |", rule, "| a | 1 | first |"]
    assert markdown_rows(ROWS[:2], right={1}) == lines
