"""Tables as text: aligned columns for a terminal, and rows of Markdown."""

from collections.abc import Collection, Sequence

Rows = Sequence[Sequence[str]]


def aligned(rows: Rows, *, right: Collection[int] = ()) -> list[str]:
    """Returns the rows as lines of columns that are two spaces apart.

    A column is as wide as its widest cell. Those whose numbers are in `right` are aligned to the
    right, all others to the left.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def markdown_rows(rows: Rows, *, right: Collection[int] = ()) -> list[str]:
    """Returns a Markdown table: its heads, which are the first row, a rule, then all other rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    rule = " | ".join("---:" if number in right else "---" for number in range(len(rows[0])))
    return [lines[0], f"| {rule} |", *lines[1:]]
