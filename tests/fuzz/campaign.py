"""Many inputs for one reader: half with changed bytes, half with changed values, a few filled."""

import faulthandler
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.mutation import mutate
from tests.fuzz.structures import places, structures
from tests.fuzz.trial import Reader, Trial, files_beside, prepare, try_input

_BATCH = 250  # examples that hypothesis makes before it forgets them
_MOST_KINDS = 20
_FEWEST_WITH_FILLS = 1000
_SECONDS_TO_DIE = 60
# Signs that count as a value of a file, and the additional values that an object counts.
_SIGNS, _OBJECT = ",[{", 8


@dataclass(kw_only=True)
class Tally:
    """The outcomes of a reader's inputs; `wrong` has the shortest input of each kind of breach."""

    reader: str
    inputs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: dict[str, tuple[bytes, Trial]] = field(default_factory=dict)

    def add(self, way: str, content: bytes, trial: Trial) -> None:
        """Counts the trial of one input, which was made in some way."""
        self.inputs[way] += 1
        self.slowest = max(self.slowest, trial.seconds)
        self.outcomes["wrong" if trial.wrong else trial.outcome] += 1
        if trial.wrong:
            kept = self.wrong.get(trial.kind)
            if len(content) < len(kept[0]) if kept else len(self.wrong) < _MOST_KINDS:
                self.wrong[trial.kind] = (content, trial)


def run_campaign(
    reader: Reader, folder: Path, *, inputs: int, seeded: int, is_alone: bool = False
) -> Iterator[Tally]:
    """Yields the tally after each way of making inputs; the same seed makes the same inputs.

    If `is_alone`, a reading that cannot be interrupted ends this process.
    """
    tally = Tally(reader=reader.name)
    prepare(reader, folder)
    before = files_beside(folder)
    for way, make in WAYS.items():
        for content in make(reader, (inputs + 1) // 2, seeded):
            with _last_resort() if is_alone else nullcontext():
                tally.add(way, content, try_input(reader, content, folder))
        if files := sorted((files_beside(folder) ^ before) - {reader.path}):
            wrong = f"files beside the results: found {files[:5]}"
            tally.add(way, b"", Trial(outcome="", seconds=0.0, wrong=wrong, kind="files beside"))
        yield tally


@contextmanager
def _last_resort() -> Iterator[None]:
    """Ends this process with a traceback if a reading hangs in code that is not Python."""
    faulthandler.dump_traceback_later(_SECONDS_TO_DIE, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _by_bytes(reader: Reader, inputs: int, seeded: int) -> Iterator[bytes]:
    """Yields valid files with changed bytes."""
    files = reader.files
    for number in range(inputs):
        yield mutate(files, random.Random(f"{seeded} {reader.name} {number}"))  # noqa: S311


def _by_values(reader: Reader, inputs: int, seeded: int) -> Iterator[bytes]:
    """Yields valid files with changed values, which hypothesis makes a batch at a time."""
    strategy = structures(reader.samples, reader.as_text, reader.reseal)
    count = batch = 0
    while count < inputs:
        size = min(_BATCH, inputs - count)
        examples = _examples(strategy, size, f"{seeded} {reader.name} {batch}")
        count, batch = count + len(examples), batch + 1
        yield from examples


def _examples(strategy: st.SearchStrategy[bytes], count: int, seeded: str) -> list[bytes]:
    """Returns examples of a strategy, the same for the same seed."""
    examples: list[bytes] = []

    @seed(int.from_bytes(hashlib.sha256(seeded.encode()).digest()[:8], "big"))
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(content: bytes) -> None:
        examples.append(content)

    collect()
    return examples[:count]


def fills(reader: Reader) -> Iterator[bytes]:
    """Yields files with the longest list, the largest mapping or the longest text in each place.

    Items of one list are alike, so one of them is filled. The files are the same for every seed.
    """
    sample = deepcopy(reader.samples[-1])
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
    for value in _large_values(old, *reader.fill_sizes):
        parent[last] = value
        yield reader.as_text(sample).encode()
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


WAYS: dict[str, Callable[[Reader, int, int], Iterator[bytes]]] = {
    "bytes": _by_bytes,
    "values": _by_values,
    "fills": lambda reader, inputs, _: iter(fills(reader) if inputs >= _FEWEST_WITH_FILLS else ()),
}
