"""What a night of inputs leaves: `results/fuzz.json`, its table, and each input that went wrong."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kernelproof.files.atomic_write import write_whole
from kernelproof.records import record_files
from tests.fuzz.ask import OUTCOMES, Answer
from tests.fuzz.campaign import WAYS, Tally

FOLDER = record_files.FOLDER / "fuzz"
FILE = record_files.FOLDER / "fuzz.json"
_COLUMNS = ("reader", *WAYS, *OUTCOMES, "wrong", "slowest", "peak memory", "time")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Wrong(_Part):
    """One kind of failure: its last line, and the command that asks its shortest input again."""

    kind: str
    said: str
    command: str


class Fuzzed(_Part):
    """What one reader's inputs came to."""

    reader: str
    inputs: dict[str, int]
    outcomes: dict[str, int]
    slowest_ms: float
    peak_mib: int
    seconds: float
    wrong: list[Wrong]


class Night(_Part):
    """A whole run."""

    version: int = 1
    seed: int
    commit: str
    readers: list[Fuzzed]
    processes: dict[str, int]
    wrong: list[Wrong]

    @property
    def all_wrong(self) -> list[Wrong]:
        """Everything that went wrong, in a reader or in a process."""
        return [*(one for reader in self.readers for one in reader.wrong), *self.wrong]


def kept(reader: str, content: bytes, kind: str, said: str) -> Wrong:
    """A failure whose input is written to a file of its own, with all that was said beside it."""
    file = FOLDER / f"{reader}-{hashlib.sha256(content).hexdigest()[:12]}.input"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    write_whole(file.with_suffix(".txt"), f"{kind}\n\n{said}\n")
    last = said.strip().rpartition("\n")[2]
    return Wrong(kind=kind, said=last[:500], command=f"nox -s fuzz -- --input {file}")


def reader_of(file: Path) -> str:
    """The reader that a kept input is for."""
    return file.name.rpartition("-")[0]


def fuzzed(tally: Tally, *, peak_mib: int, seconds: float) -> Fuzzed:
    """A reader's tally, with each input that went wrong in a file."""
    return Fuzzed(
        reader=tally.reader,
        inputs=dict(tally.inputs),
        outcomes=dict(tally.outcomes),
        slowest_ms=round(1000 * tally.slowest, 1),
        peak_mib=peak_mib,
        seconds=round(seconds, 1),
        wrong=[_wrong(tally.reader, *one) for one in tally.wrong.values()],
    )


def _wrong(reader: str, content: bytes, answer: Answer) -> Wrong:
    return kept(reader, content, answer.kind, answer.wrong)


def table(readers: Sequence[Fuzzed]) -> Iterator[str]:
    """A line a reader."""
    rows = [_COLUMNS, *map(_row, readers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = "  ".join(
            cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)
        )
        yield f"{name.ljust(widths[0])}  {numbers}"


def _row(one: Fuzzed) -> tuple[str, ...]:
    counts = [one.inputs.get(way, 0) for way in WAYS]
    counts += [one.outcomes.get(outcome, 0) for outcome in (*OUTCOMES, "wrong")]
    measured = (f"{one.slowest_ms:.0f} ms", f"{one.peak_mib} MiB", f"{one.seconds:.0f} s")
    return (one.reader, *(f"{count:,}" for count in counts), *measured)
