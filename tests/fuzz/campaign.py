"""Many inputs for one reader: half with changed bytes, half with changed values, a few filled."""

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

from tests.fuzz.fills import fills
from tests.fuzz.mutation import mutate
from tests.fuzz.reader import Reader
from tests.fuzz.structures import structures
from tests.fuzz.trial import Trial, prepare, try_input

_BATCH = 250  # examples that hypothesis makes before it forgets them
_MOST_KINDS = 20
_FEWEST_WITH_FILLS = 1000
_SECONDS_TO_DIE = 60


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
    before = _files_beside(folder, reader)
    for way, make in WAYS.items():
        for content in make(reader, (inputs + 1) // 2, seeded):
            with _last_resort() if is_alone else nullcontext():
                tally.add(way, content, try_input(reader, content, folder))
        if files := sorted(_files_beside(folder, reader) ^ before):
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


def _files_beside(folder: Path, reader: Reader) -> set[str]:
    """Returns every file outside of the results, except the input itself."""
    files = {file.relative_to(folder) for file in folder.rglob("*") if file.is_file()}
    return {str(file) for file in files if file.parts[0] != "results"} - {reader.path}


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


def _by_fills(reader: Reader, inputs: int, _: int) -> Iterator[bytes]:
    """Yields filled files, which are the same for every seed, unless the campaign is short."""
    if inputs >= _FEWEST_WITH_FILLS:
        yield from fills(reader)


WAYS: dict[str, Callable[[Reader, int, int], Iterator[bytes]]] = {
    "bytes": _by_bytes,
    "values": _by_values,
    "fills": _by_fills,
}
