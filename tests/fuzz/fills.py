"""Whole files with one place filled, as far as a reader lets it be: where time and memory go."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fuzz.reader import Reader
from tests.fuzz.structures import places

# What counts against the most values that a file may have, and an object more.
_SIGNS, _OBJECT = ",[{", 8


def fills(reader: Reader) -> Iterator[bytes]:
    """Every list with the most items, every mapping with the most keys, every text that is long."""
    whole = reader.wholes[-1]
    seen = set()
    for place in places(whole):
        kind = tuple("#" if isinstance(part, int) else part for part in place)
        if kind not in seen:
            seen.add(kind)
            yield from _of(reader, whole, place)


def _of(reader: Reader, whole: Any, place: tuple[str | int, ...]) -> Iterator[bytes]:
    *parents, last = place
    around = whole
    for part in parents:
        around = around[part]
    kept = around[last]
    try:
        for value in _values(kept, *reader.fill):
            around[last] = value
            yield reader.written(whole).encode()
    finally:
        around[last] = kept


def _values(kept: Any, most: int, letters: int) -> Iterator[Any]:
    if isinstance(kept, str):
        yield "<" * letters
    elif isinstance(kept, list):
        for item in (*kept[:1], {}):
            yield [item] * _count(item, most)
    elif isinstance(kept, dict):
        for item in (*list(kept.values())[:1], {}):
            yield {f"k{number}": item for number in range(_count(item, most))}


def _count(item: Any, most: int) -> int:
    text = json.dumps(item, default=str)
    return most // (1 + sum(map(text.count, _SIGNS)) + _OBJECT * text.count("{"))
