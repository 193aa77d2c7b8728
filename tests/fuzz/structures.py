"""Values of whole files, changed by hypothesis: near-valid structures, then text again."""

import datetime
import json
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.hostile import NUMBERS, WORDS

Path = tuple[str | int, ...]
_KINDS = ("like", "like", "like", "like", "replace", "remove", "rename", "copy", "repeat", "wrap")
_MANY = (2, 30, 1000)
_DEEP = (1, 20, 150)
_MOST = 20_000  # values in a file


def _scalars() -> st.SearchStrategy[Any]:
    return st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from(NUMBERS),
        st.sampled_from((None, True, False, datetime.date(2030, 1, 2), datetime.date(1, 1, 1))),
        st.text(max_size=20),
        st.integers(),
        st.floats(),
    )


def _values() -> st.SearchStrategy[Any]:
    """Hostile scalars, mostly; small collections of them."""
    return st.one_of(
        _scalars(),
        _scalars(),
        st.lists(_scalars(), max_size=3),
        st.dictionaries(st.sampled_from(WORDS), _scalars(), max_size=3),
    )


# What is done, where (as a share of all places), a hostile value, word and number, how often.
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(_KINDS),
        st.floats(0, 1, exclude_max=True),
        _values(),
        st.sampled_from(WORDS),
        st.one_of(st.sampled_from(NUMBERS), st.integers(0, 1000), st.floats(0, 1000)),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=4,
)


def structures(
    wholes: Sequence[Any], written: Callable[[Any], str], mend: Callable[[Any], None]
) -> st.SearchStrategy[bytes]:
    """Files of values near to these; `mend` makes a seal fit again where one can be made."""
    texts = [json.dumps(whole, default=_kept) for whole in wholes]

    def made(chosen: int, changes: list[tuple[Any, ...]], *, is_mended: bool) -> bytes:
        holder = [json.loads(texts[chosen], object_hook=_back)]
        for change in changes:
            _change(holder, change)
        if is_mended:
            mend(holder[0])
        return written(holder[0]).encode("utf-8", "surrogatepass")

    return st.builds(
        made,
        st.integers(0, len(texts) - 1),
        _CHANGES,
        is_mended=st.sampled_from((True, True, False)),
    )


def _kept(date: Any) -> dict[str, str]:
    return {"a date": date.isoformat()}


def _back(value: dict[str, Any]) -> Any:
    return datetime.date.fromisoformat(value["a date"]) if set(value) == {"a date"} else value


def places(value: Any, path: Path = ()) -> list[Path]:
    """The way to everything in a value, itself left out."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [place for name, of in items for place in ((*path, name), *places(of, (*path, name)))]


def _change(holder: list[Any], change: tuple[Any, ...]) -> None:
    """One change of one place; nothing where the place does not take it."""
    kind, where, value, name, number, often = change
    every = places(holder)
    often = often if len(every) * _MANY[often] < _MOST else 0
    *parents, last = every[int(where * len(every))]
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
        for _ in range(_DEEP[often]):
            around[last] = [around[last]] if often else {name: around[last]}
    elif isinstance(around, dict):
        renamed = around.pop(last) if kind == "rename" else around[last]
        names = [name] if kind != "repeat" else [f"{last}{n}" for n in range(_MANY[often])]
        around.update(dict.fromkeys(names, renamed))
    else:
        around[last:last] = [around[last]] * _MANY[often]


def _like(old: Any, word: str, number: float) -> Any:
    """A hostile value of the same kind."""
    if isinstance(old, bool) or old is None:
        return not old
    if isinstance(old, str):
        return word
    if isinstance(old, int) and isinstance(number, float) and isfinite(number):
        return int(number)
    return number if isinstance(old, int | float) else old


def as_json(value: Any) -> str:
    """JSON, with what JSON has not: NaN and infinities."""
    return json.dumps(value, default=str)


def as_yaml(value: Any) -> str:
    """YAML in one line, as JSON has it but for dates and names."""
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(name)}: {as_yaml(of)}" for name, of in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value)
