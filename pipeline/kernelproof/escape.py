"""Text from outside made plain: what is shown of a file or a record is read, never obeyed.

A reason, a name or a path may hold what a terminal obeys, what turns a line around, or half a
character; it passes through here before people see it.
"""

_SHOWN = 200


def plain(text: str) -> str:
    """The same lines, with an escape in the place of every letter that cannot be printed."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else _escape(one) for one in text)


def plain_line(text: str, most: int | None = _SHOWN) -> str:
    """The same on one line, cut where it has more than `most` letters, escapes and all."""
    line = plain(text if most is None else text[: most + 1]).replace("\n", "\\n")
    return line if most is None or len(line) <= most else f"{line[: most - 1]}…"


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
