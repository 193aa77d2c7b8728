"""Valid files with one place filled as far as a reader allows, which costs most time and memory."""

import json
from collections.abc import Iterator
from typing import Any

from tests.fuzz.reader import Reader
from tests.fuzz.structures import places

# Signs that count as a value of a file, and the additional values that an object counts.
_SIGNS, _OBJECT = ",[{", 8


def fills(reader: Reader) -> Iterator[bytes]:
    """Yields files with the longest list, the largest mapping or the longest text in each place.

    Items of one list are alike, so one of them is filled.
    """
    sample = reader.samples[-1]
    kinds = set()
    for place in places(sample):
        kind = tuple("#" if isinstance(part, int) else part for part in place)
        if kind not in kinds:
            kinds.add(kind)
            yield from _filled(reader, sample, place)


def _filled(reader: Reader, sample: Any, place: tuple[str | int, ...]) -> Iterator[bytes]:
    """Yields the sample with each large value in one place, and puts the old value back."""
    *parents, last = place
    parent = sample
    for part in parents:
        parent = parent[part]
    old = parent[last]
    try:
        for value in _large_values(old, *reader.fill_sizes):
            parent[last] = value
            yield reader.as_text(sample).encode()
    finally:
        parent[last] = old


def _large_values(old: Any, most_values: int, letters: int) -> Iterator[Any]:
    """Yields large values of the kind of `old`: of its own first item, and of empty mappings."""
    if isinstance(old, str):
        yield "<" * letters
    elif isinstance(old, list):
        for item in (*old[:1], {}):
            yield [item] * _count(item, most_values)
    elif isinstance(old, dict):
        for item in (*list(old.values())[:1], {}):
            yield {f"k{number}": item for number in range(_count(item, most_values))}


def _count(item: Any, most_values: int) -> int:
    """Returns how many of these items a file may have."""
    text = json.dumps(item, default=str)
    return most_values // (1 + sum(map(text.count, _SIGNS)) + _OBJECT * text.count("{"))
