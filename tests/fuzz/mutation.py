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


def _place(content: bytes, dice: random.Random) -> int:
    return dice.randrange(len(content) + 1)


def _span(content: bytes, dice: random.Random) -> tuple[int, int]:
    """Returns start and end of a stretch, which is short in most cases."""
    start = _place(content, dice)
    length = dice.choice((1, 2, 8, 64, len(content)))
    return start, min(len(content), start + dice.randint(1, max(length, 1)))


def _flip(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(content)
    for _bit in range(dice.choice((1, 1, 2, 16)) if content else 0):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def _special(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(content, dice)
    return content[:at] + bytes([dice.choice(_SPECIAL)]) + content[at + 1 :]


def _truncate(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    return content[: _place(content, dice)]


def _drop(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(content, dice)
    return content[:start] + content[end:]


def _repeat(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(content, dice)
    return content[:end] + content[start:end] * dice.choice((1, 2, 20)) + content[end:]


def _splice(content: bytes, dice: random.Random, files: Sequence[bytes]) -> bytes:
    donor = dice.choice(files)
    start, end = _span(donor, dice)
    at = _place(content, dice)
    return content[:at] + donor[start:end] + content[at:]


def _insert(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    at = _place(content, dice)
    return content[:at] + dice.choice(TOKENS) + content[at:]


def _bomb(content: bytes, dice: random.Random, _: Sequence[bytes]) -> bytes:
    at = dice.choice((0, _place(content, dice), len(content)))
    times = dice.choice((17, 300, 3000, 30_000, 100_000))
    return content[:at] + dice.choice(BOMBS) * times + content[at:]


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
    text = content.decode("utf-8", "replace")
    return text.encode(
        dice.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le", "cp037")), "replace"
    )


_CHANGES: tuple[Change, ...] = (
    *(_flip, _special, _truncate, _drop, _repeat, _splice, _insert, _insert, _bomb, _lines),
    *(_replace, _replace, _replace, _encode),
)
