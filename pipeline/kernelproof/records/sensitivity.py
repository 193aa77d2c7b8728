"""The gate card of a row: the slowdowns that its gate can see, by real repeats and planted ones.

`pipeline/baselines/perf/<row>/gate-card.json` holds the times of every process, and the rates that
`kernelproof.checks.perf.trials` resamples from them: of unchanged rows that are blamed, and of
planted slowdowns that are found; and the smallest slowdown that each case's gate finds in 95 of
100 runs.
"""

import json
from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from kernelproof.errors import UserError
from kernelproof.escape import plain_line
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import shown_path
from kernelproof.records.sealed_json import SealedFormat
from kernelproof.records.time_baseline import FOLDER
from kernelproof.records.timing import Count, Microseconds

SpreadOf = Literal["time", "floor", "ratio"]
Percent = Annotated[float, Field(ge=-100, le=1e6)]
# A time for each process, by case and contestant; all hold the same processes.
TimesUs = dict[str, dict[str, list[Microseconds]]]


class LimitError(UserError):
    """A limit of matrix.yaml that is smaller than what the gate can see."""


class PlantedSlowdown(StrictModel):
    """A slowdown planted into a case, its measured size, and how many trials found it.

    `percent` is the size that was meant; each trial scales the measured one to it.
    """

    percent: Percent
    measured_percent: Percent
    found: Count
    trials: Annotated[int, Field(ge=1, le=2**40)]


class CaseSensitivity(StrictModel):
    """The slowdowns that the gate sees in one case; `visible_percent` is None if it saw none."""

    limit_percent: Percent
    spread_percent: Annotated[dict[SpreadOf, Percent], Field(min_length=3)]
    planted: list[PlantedSlowdown]
    visible_percent: Percent | None


class FalseAlarms(StrictModel):
    """Counts of unchanged rows that were judged, and of those with a case blamed, or undecided."""

    rows: Count
    blamed: Count
    undecided: Count
    at_most_percent: Percent


class CardTimes(StrictModel):
    """The times that the processes of a gate card took, and the machine they ran on."""

    version: Literal[1] = 1
    row: str
    date: str
    commit: str
    machine: dict[str, Any]
    times_us: TimesUs


class GateCard(StrictModel):
    """The gate card of one row."""

    version: Literal[1] = 1
    row: str
    date: str
    commit: str
    processes: int
    machine: dict[str, Any]
    alarms: FalseAlarms
    cases: Annotated[dict[str, CaseSensitivity], Field(min_length=1)]
    times_us: TimesUs


FORMAT = SealedFormat(
    model=GateCard,
    noun="a gate card",
    remake="nox -s gate-card",
    most_bytes=16 * 1024 * 1024,
)


def path_of(row: str, folder: Path = FOLDER) -> Path:
    """Returns the file of a row's card."""
    return folder / row / "gate-card.json"


@cache
def load(row: str, folder: Path = FOLDER) -> GateCard | None:
    """Returns the card of a row, or None if there is none.

    Raises BaselineError if it cannot be read, was edited, or is that of another row.
    """
    file = path_of(row, folder)
    card = FORMAT.read(file)
    if card and card.row != row:
        problem = f"found the card of {plain_line(card.row)}, expected that of {row}"
        raise FORMAT.refusal(file, problem)
    return card


def write(card: GateCard, folder: Path = FOLDER) -> Path:
    """Replaces the card of its row at once, with its seal, and returns its file."""
    file = path_of(card.row, folder)
    write_whole(file, json.dumps(FORMAT.seal(card.model_dump()), indent=1) + "\n")
    load.cache_clear()
    return file


def lines_of(card: GateCard) -> Iterator[str]:
    """Yields the card for people: its false alarms, then for each case the slowdowns found."""
    alarms = card.alarms
    yield (
        f"{plain_line(card.row)}: {alarms.blamed} of {alarms.rows} unchanged rows blamed, "
        f"{alarms.undecided} undecided; with 95 % confidence at most "
        f"{alarms.at_most_percent:g} % are blamed"
    )
    sizes = [slowdown.percent for slowdown in next(iter(card.cases.values())).planted]
    names = {case: plain_line(case) for case in card.cases}
    width = max(map(len, names.values()))
    head = "".join(f"{f'{size:g} %':>13}" for size in sizes)
    yield f"{'found of planted':{width}}{head}  visible  spread: time  floor"
    for case, seen in card.cases.items():
        found = "".join(f"{_rate(slowdown):>13}" for slowdown in seen.planted)
        visible = "none" if seen.visible_percent is None else f"{seen.visible_percent:.2f} %"
        spread = seen.spread_percent
        spreads = f"{spread['time']:>14.2f}{spread['floor']:>7.2f}"
        yield f"{names[case]:{width}}{found}{visible:>9}{spreads}"
    yield "in percent: found of the trials, scaled to the size that is meant (and the one measured)"


def _rate(slowdown: PlantedSlowdown) -> str:
    """Returns the percentage of trials that found a slowdown, and its measured size."""
    return f"{100 * slowdown.found / slowdown.trials:.1f} ({slowdown.measured_percent:.1f})"


def require_visible(row: str, case: str, limit: float, folder: Path = FOLDER) -> None:
    """Raises LimitError if a case's limit is below the slowdown that its row's card can see."""
    card = load(row, folder)
    seen = card.cases.get(case) if card else None
    if seen is None:
        return
    if seen.visible_percent is None or limit < seen.visible_percent:
        least = seen.visible_percent or 2 * seen.limit_percent
        at_least = f"{ceil(10 * least) / 10:g}"
        message = (
            f"matrix.yaml: perf.limit_percent of {case}: found {limit:g}, expected at least "
            f"{at_least}, the least that {shown_path(path_of(row, folder))} says is visible there"
        )
        raise LimitError(message)
