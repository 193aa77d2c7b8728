"""Values of valid files, changed by hypothesis into nearly valid ones, and written as text."""

import datetime
import json
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.hostile import NUMBERS, WORDS

Path = tuple[str | int, ...]
_KINDS = (*["like"] * 4, "replace", "remove", "rename", "copy", "repeat", "wrap")
_COPIES = (2, 30, 1000)
_DEPTHS = (1, 20, 150)
_MOST_VALUES = 20_000  # in a file


_SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(NUMBERS),
    st.sampled_from((None, True, False, datetime.date(2030, 1, 2), datetime.date(1, 1, 1))),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
)
# Hostile scalars and, less often, small collections of them.
_COLLECTIONS = (
    st.lists(_SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(WORDS), _SCALARS, max_size=3),
)
_VALUES = st.one_of(_SCALARS, _SCALARS, *_COLLECTIONS)
# A change, its place (as a share of all places), a hostile value, word and number, and the index of
# the number of copies.
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(_KINDS),
        st.floats(0, 1, exclude_max=True),
        _VALUES,
        st.sampled_from(WORDS),
        st.one_of(st.sampled_from(NUMBERS), st.integers(0, 1000), st.floats(0, 1000)),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=4,
)


def structures(
    samples: Sequence[Any], as_text: Callable[[Any], str], reseal: Callable[[Any], None]
) -> st.SearchStrategy[bytes]:
    """Returns a strategy of files whose values are near to `samples`; most of the seals fit."""
    texts = [json.dumps(sample, default=_marked_date) for sample in samples]

    def make(number: int, changes: list[tuple[Any, ...]], *, is_sealed: bool) -> bytes:
        holder = [json.loads(texts[number], object_hook=_unmarked_date)]
        for change in changes:
            _change(holder, change)
        if is_sealed:
            reseal(holder[0])
        return as_text(holder[0]).encode("utf-8", "surrogatepass")

    is_sealed = st.sampled_from((True, True, False))
    return st.builds(make, st.integers(0, len(texts) - 1), _CHANGES, is_sealed=is_sealed)


def _marked_date(date: Any) -> dict[str, str]:
    return {"a date": date.isoformat()}


def _unmarked_date(value: dict[str, Any]) -> Any:
    return datetime.date.fromisoformat(value["a date"]) if set(value) == {"a date"} else value


def places(value: Any, path: Path = ()) -> list[Path]:
    """Returns the path to each value below a value."""
    items: Any = enumerate(value) if isinstance(value, list) else ()
    items = value.items() if isinstance(value, dict) else items
    below = [((*path, name), item) for name, item in items]
    return [place for name, item in below for place in (name, *places(item, name))]


def _change(holder: list[Any], change: tuple[Any, ...]) -> None:
    """Changes one place, unless its kind of value does not allow the change."""
    kind, share, value, name, number, size = change
    paths = places(holder)
    size = size if len(paths) * _COPIES[size] < _MOST_VALUES else 0
    *parents, last = paths[int(share * len(paths))]
    around: Any = holder
    for part in parents:
        around = around[part]
    if kind == "like":
        around[last] = _like(around[last], name, number)
    elif kind == "replace" or around is holder:
        around[last] = value
    elif kind == "remove":
        del around[last]
    elif kind == "wrap":
        for _ in range(_DEPTHS[size]):
            around[last] = [around[last]] if size else {name: around[last]}
    elif isinstance(around, dict):
        renamed = around.pop(last) if kind == "rename" else around[last]
        names = [name] if kind != "repeat" else [f"{last}{n}" for n in range(_COPIES[size])]
        around.update(dict.fromkeys(names, renamed))
    else:
        around[last:last] = [around[last]] * _COPIES[size]


def _like(old: Any, word: str, number: float) -> Any:
    """Returns a hostile value of the same type."""
    if isinstance(old, bool) or old is None:
        return not old
    if isinstance(old, str):
        return word
    if isinstance(old, int) and isinstance(number, float) and isfinite(number):
        return int(number)
    return number if isinstance(old, int | float) else old


def as_json(value: Any) -> str:
    """Returns JSON, with NaN and infinities, which JSON does not have."""
    return json.dumps(value, default=str)


def as_yaml(value: Any) -> str:
    """Returns YAML in one line, which differs from JSON by its dates and names."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(name)}: {as_yaml(item)}" for name, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value)
