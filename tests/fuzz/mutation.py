"""Changes of a valid file's bytes: flipped, cut, repeated, spliced, or replaced by hostile ones."""

import json
import random
import re
from collections.abc import Callable, Sequence

from tests.fuzz.hostile import BOMBS, NUMBERS, TOKENS, WHOLE_FILES, WORDS

_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_WORD = re.compile(rb'"[^"\\\n]*"|[A-Za-z_][A-Za-z0-9_-]*')
_SPECIAL = b"\0\t\n\r\x1b\x7f\x80\xc0\xff\"'\\{}[],:#&*!|>%@`-?"
# One input in a thousand grows to a huge size; the others are at most this long, in bytes.
_HUGE_ONE_IN, _HUGE, _LONG = 1000, 20 * 1024 * 1024, 300_000
_HOSTILE_ONE_IN = 100


def mutate(files: Sequence[bytes], dice: random.Random) -> bytes:
    """Returns one of these files after one to four changes, the same for the same dice."""
    if dice.randrange(_HOSTILE_ONE_IN) == 0:
        return dice.choice(WHOLE_FILES)
    content = dice.choice(files)
    for _ in range(dice.choice((1, 1, 1, 2, 2, 3, 4))):
        content = dice.choice(_CHANGES)(content, dice, files)[:_LONG]
    if dice.randrange(_HUGE_ONE_IN) == 0:
        content += dice.choice(BOMBS) * _HUGE
        return content[:_HUGE]
    return content


Change = Callable[[bytes, random.Random, Sequence[bytes]], bytes]


def _span(content: bytes, dice: random.Random) -> tuple[int, int]:
    """Returns start and end of a stretch, which is short in most cases."""
    start = dice.randrange(len(content) + 1)
    length = dice.choice((1, 2, 8, 64, len(content)))
    return start, min(len(content), start + dice.randint(1, max(length, 1)))


def _flip(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(content)
    for _bit in range(dice.choice((1, 1, 2, 16)) if content else 0):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _edit(content: bytes, dice: random.Random, files: Sequence[bytes]) -> bytes:
    """Replaces a stretch, which may be empty, by other bytes or by none."""
    start, end = _span(content, dice)
    donor = dice.choice(files)
    first, last = _span(donor, dice)
    bomb = dice.choice(BOMBS) * dice.choice((17, 300, 3000, 30_000, 100_000))
    place = dice.choice((0, start, len(content)))
    start, end, new = dice.choice(
        (
            (start, start + 1, bytes([dice.choice(_SPECIAL)])),
            (start, len(content), b""),
            (start, end, b""),
            (end, end, content[start:end] * dice.choice((1, 2, 20))),
            (start, start, donor[first:last]),
            *[(start, start, dice.choice(TOKENS))] * 2,
            (place, place, bomb),
        )
    )
    return content[:start] + new + content[end:]


def _lines(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Moves or doubles a line: a key is there twice, or a block loses its end."""
    lines = content.splitlines(keepends=True) or [b""]
    line = lines[dice.randrange(len(lines))]
    if dice.randrange(2):
        lines.remove(line)
    lines.insert(dice.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _replace(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Replaces a number or a word by a hostile one of the same form, or by any token."""
    pattern = dice.choice((_NUMBER, _WORD))
    matches = list(pattern.finditer(content))
    if not matches:
        return content
    start, end = dice.choice(matches).span()
    if pattern is _NUMBER:
        new = str(dice.choice(NUMBERS)).encode()
    else:
        word = dice.choice(WORDS)
        new = dice.choice((json.dumps(word), f'"{word}"')).encode("utf-8", "surrogatepass")
    return content[:start] + dice.choice((new, dice.choice(TOKENS))) + content[end:]


def _encode(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    """Writes the same text in another encoding."""
    encoding = dice.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le", "cp037"))
    return content.decode("utf-8", "replace").encode(encoding, "replace")


_CHANGES: tuple[Change, ...] = (_flip, *[_edit] * 8, _lines, *[_replace] * 3, _encode)
