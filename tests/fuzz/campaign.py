"""Many inputs for one reader: half of changed bytes, half of changed values; and filled ones."""

import faulthandler
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.ask import Answer, ask, settle
from tests.fuzz.fills import fills
from tests.fuzz.mutation import mutated
from tests.fuzz.reader import Reader
from tests.fuzz.structures import structures

_BATCH = 250  # examples that hypothesis makes before it forgets them
_MOST_KINDS = 20
_FEWEST_WITH_FILLS = 1000
_SECONDS_TO_DIE = 60


@dataclass(kw_only=True)
class Tally:
    """What the inputs of one reader came to; `wrong` has the shortest input of each kind."""

    reader: str
    inputs: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    wrong: dict[str, tuple[bytes, Answer]] = field(default_factory=dict)

    def add(self, way: str, content: bytes, answer: Answer) -> None:
        """Counts one more."""
        self.inputs[way] += 1
        self.slowest = max(self.slowest, answer.seconds)
        self.outcomes["wrong" if answer.wrong else answer.outcome] += 1
        if answer.wrong:
            kept = self.wrong.get(answer.kind)
            if len(content) < len(kept[0]) if kept else len(self.wrong) < _MOST_KINDS:
                self.wrong[answer.kind] = (content, answer)


def campaign(
    reader: Reader, folder: Path, *, inputs: int, seeded: int, is_alone: bool = False
) -> Iterator[Tally]:
    """The tally after each way of making inputs, so many in all: the same ones for the same seed.

    Where `is_alone`, a reading that cannot be interrupted ends this process.
    """
    tally = Tally(reader=reader.name)
    settle(reader, folder)
    before = _listing(folder, reader)
    for way, made in WAYS.items():
        for content in made(reader, (inputs + 1) // 2, seeded):
            with _last_resort() if is_alone else nullcontext():
                tally.add(way, content, ask(reader, content, folder))
        if others := sorted(_listing(folder, reader) ^ before):
            wrong = f"files beside the results: found {others[:5]}"
            tally.add(way, b"", Answer(outcome="", seconds=0.0, wrong=wrong, kind="files beside"))
        yield tally


@contextmanager
def _last_resort() -> Iterator[None]:
    """Ends this process where a reading hangs in what is not Python, with what it was at."""
    faulthandler.dump_traceback_later(_SECONDS_TO_DIE, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _listing(folder: Path, reader: Reader) -> set[str]:
    """Every file around the results, but for the input itself."""
    files = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
    return {str(file) for file in files if file.parts[0] != "results"} - {reader.home}


def _by_bytes(reader: Reader, inputs: int, seeded: int) -> Iterator[bytes]:
    seeds = reader.seeds
    for number in range(inputs):
        yield mutated(seeds, random.Random(f"{seeded} {reader.name} {number}"))  # noqa: S311


def _by_values(reader: Reader, inputs: int, seeded: int) -> Iterator[bytes]:
    """What hypothesis makes, a batch at a time."""
    strategy = structures(reader.wholes, reader.written, reader.mend)
    made = batch = 0
    while made < inputs:
        found = _examples(strategy, min(_BATCH, inputs - made), f"{seeded} {reader.name} {batch}")
        made, batch = made + len(found), batch + 1
        yield from found


def _examples(strategy: st.SearchStrategy[bytes], count: int, seeded: str) -> list[bytes]:
    found: list[bytes] = []

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
        found.append(content)

    collect()
    return found[:count]


def _by_fills(reader: Reader, inputs: int, _: int) -> Iterator[bytes]:
    """The same in every night; a short campaign has no time for them."""
    if inputs >= _FEWEST_WITH_FILLS:
        yield from fills(reader)


WAYS: dict[str, Callable[[Reader, int, int], Iterator[bytes]]] = {
    "bytes": _by_bytes,
    "values": _by_values,
    "fills": _by_fills,
}
