"""Escapes untrusted text before it reaches a terminal or a page.

A reason, a name or a path may hold a control sequence that a terminal obeys, a mark that turns a
line around, or half a character.
"""

_SHOWN = 200


def plain(text: str) -> str:
    """Returns the text with an escape for each character that cannot be printed; lines stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in text)


def plain_line(text: str, most: int | None = _SHOWN) -> str:
    """Returns the text escaped on one line, cut to `most` characters, escapes included."""
    line = plain(text if most is None else text[: most + 1]).replace("\n", "\\n")
    return line if most is None or len(line) <= most else f"{line[: most - 1]}…"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
