"""The results of a run: `results/fuzz.json`, its table, and each input that breached a promise."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from kernelproof.files.atomic_write import write_whole
from kernelproof.files.strict_model import StrictModel
from kernelproof.files.text_table import aligned
from kernelproof.records import record_files
from tests.fuzz.campaign import WAYS, Tally
from tests.fuzz.trial import OUTCOMES

FOLDER = record_files.FOLDER / "fuzz"
FILE = record_files.FOLDER / "fuzz.json"
_COLUMNS = ("reader", *WAYS, *OUTCOMES, "wrong", "slowest", "peak memory", "time")
_MOST_LETTERS = 500


class Breach(StrictModel):
    """A kind of breach: its last line, and the command that tries its shortest input again."""

    kind: str
    said: str
    command: str


class ReaderResult(StrictModel):
    """The numbers of one reader's inputs and outcomes, its costs and its breaches."""

    reader: str
    inputs: dict[str, int]
    outcomes: dict[str, int]
    slowest_ms: float
    peak_mib: int
    seconds: float
    wrong: list[Breach]


class FuzzResult(StrictModel):
    """The content of fuzz.json: a whole run."""

    version: int = 1
    seed: int
    commit: str
    readers: list[ReaderResult]
    processes: dict[str, int]
    wrong: list[Breach]

    @property
    def breaches(self) -> list[Breach]:
        """All breaches, in readers and in processes."""
        return [*(breach for reader in self.readers for breach in reader.wrong), *self.wrong]


def keep_breach(reader: str, content: bytes, kind: str, message: str) -> Breach:
    """Writes an input to a file of its own, with its breach beside it; returns the breach."""
    file = FOLDER / f"{reader}-{hashlib.sha256(content).hexdigest()[:12]}.input"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    write_whole(file.with_suffix(".txt"), f"{kind}\n\n{message}\n")
    last = message.strip().rpartition("\n")[2]
    return Breach(kind=kind, said=last[:_MOST_LETTERS], command=f"nox -s fuzz -- --input {file}")


def reader_of(file: Path) -> str:
    """Returns the name of the reader that a kept input is for."""
    return file.name.rpartition("-")[0]


def reader_result(tally: Tally, *, peak_mib: int, seconds: float) -> ReaderResult:
    """Returns the result of a reader, and keeps each input that breached a promise."""
    breaches = [
        keep_breach(tally.reader, content, trial.kind, trial.wrong)
        for content, trial in tally.wrong.values()
    ]
    return ReaderResult(
        reader=tally.reader,
        inputs=dict(tally.inputs),
        outcomes=dict(tally.outcomes),
        slowest_ms=round(1000 * tally.slowest, 1),
        peak_mib=peak_mib,
        seconds=round(seconds, 1),
        wrong=breaches,
    )


def table(readers: Sequence[ReaderResult]) -> list[str]:
    """Returns a line for each reader."""
    return aligned([_COLUMNS, *map(_row, readers)], right=range(1, len(_COLUMNS)))


def _row(result: ReaderResult) -> tuple[str, ...]:
    counts = [result.inputs.get(way, 0) for way in WAYS]
    counts += [result.outcomes.get(outcome, 0) for outcome in (*OUTCOMES, "wrong")]
    costs = (f"{result.slowest_ms:.0f} ms", f"{result.peak_mib} MiB", f"{result.seconds:.0f} s")
    return (result.reader, *(f"{count:,}" for count in counts), *costs)
