"""The gate card: what the gate of a row can see, from real repeats and planted slowdowns.

`pipeline/baselines/perf/<row>/gate-card.json` holds the times of every process, and the rates that
`trials` resamples from them: how often an unchanged row is blamed, how often each planted slowdown
is found, and the smallest slowdown that each case's gate finds in 95 of 100 runs.
"""

from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from kernelproof.errors import BaselineError, UserError
from kernelproof.escape import plain_line
from kernelproof.files.atomic_write import write_whole
from kernelproof.files.strict_model import StrictModel
from kernelproof.plan.repository import shown_path
from kernelproof.records.time_baseline import FOLDER, read_bounded, restore, unreadable
from kernelproof.records.timing import Count, Microseconds

SpreadOf = Literal["time", "floor", "ratio"]
Percent = Annotated[float, Field(ge=-100, le=1e6)]
# By case and contestant a time a process, the same processes throughout.
TimesUs = dict[str, dict[str, list[Microseconds]]]


class LimitError(UserError):
    """A limit of matrix.yaml that is smaller than what the gate can see."""


class PlantedSlowdown(StrictModel):
    """One planted slowdown of a case: how many trials found it, and the size it was measured at.

    Trials scale it to the size that was meant.
    """

    percent: Percent
    measured_percent: Percent
    found: Count
    trials: Annotated[int, Field(ge=1, le=2**40)]


class CaseSensitivity(StrictModel):
    """What the gate sees of one case; `visible_percent` is None where nothing planted sufficed."""

    limit_percent: Percent
    spread_percent: Annotated[dict[SpreadOf, Percent], Field(min_length=3)]
    planted: list[PlantedSlowdown]
    visible_percent: Percent | None


class FalseAlarms(StrictModel):
    """Whole rows, unchanged, that were judged: how many had a case blamed, or undecided."""

    rows: Count
    blamed: Count
    undecided: Count
    at_most_percent: Percent


class CardTimes(StrictModel):
    """What the processes of a gate card took, by case and contestant, and on which machine."""

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


def path_of(row: str, folder: Path = FOLDER) -> Path:
    """Where the card of a row is."""
    return folder / row / "gate-card.json"


@cache
def load(row: str, folder: Path = FOLDER) -> GateCard | None:
    """The card of a row, None where there is none; BaselineError where unreadable."""
    file = path_of(row, folder)
    text = read_bounded(file)
    if text is None:
        return None
    try:
        card = GateCard.model_validate_json(text)
    except ValidationError as error:
        raise unreadable(file, error) from None
    if card.row != row:
        found = f"the card of {plain_line(card.row)}"
        raise BaselineError(
            f"{shown_path(file)}: found {found}, expected of {row}; {restore(file)}"
        )
    return card


def write(card: GateCard, folder: Path = FOLDER) -> Path:
    """Writes a card, and says where."""
    file = path_of(card.row, folder)
    write_whole(file, card.model_dump_json(indent=1) + "\n")
    load.cache_clear()
    return file


def lines_of(card: GateCard) -> Iterator[str]:
    """The card for people: false alarms, then for each case what is found of what was planted."""
    alarms = card.alarms
    yield (
        f"{plain_line(card.row)}: {alarms.blamed} of {alarms.rows} unchanged rows blamed, "
        f"{alarms.undecided} undecided; with 95 % confidence at most "
        f"{alarms.at_most_percent:g} % are blamed"
    )
    sizes = [planted.percent for planted in next(iter(card.cases.values())).planted]
    names = {case: plain_line(case) for case in card.cases}
    wide = max(map(len, names.values()))
    head = "".join(f"{f'{size:g} %':>13}" for size in sizes)
    yield f"{'found of planted':{wide}}{head}  visible  spread: time  floor"
    for case, of_case in card.cases.items():
        found = "".join(
            f"{f'{100 * one.found / one.trials:.1f} ({one.measured_percent:.1f})':>13}"
            for one in of_case.planted
        )
        visible = "none" if of_case.visible_percent is None else f"{of_case.visible_percent:.2f} %"
        spread = of_case.spread_percent
        spreads = f"{spread['time']:>14.2f}{spread['floor']:>7.2f}"
        yield f"{names[case]:{wide}}{found}{visible:>9}{spreads}"
    yield "in percent: found of the trials, scaled to the size that is meant (and the one measured)"


def require_visible(row: str, case: str, limit: float, folder: Path = FOLDER) -> None:
    """LimitError where a case's limit is below what the card of its row says is visible."""
    card = load(row, folder)
    found = card.cases.get(case) if card else None
    if found is None:
        return
    if found.visible_percent is None or limit < found.visible_percent:
        least = found.visible_percent or 2 * found.limit_percent
        at_least = f"{ceil(10 * least) / 10:g}"
        message = (
            f"matrix.yaml: perf.limit_percent of {case}: found {limit:g}, expected at least "
            f"{at_least}, the least that {shown_path(path_of(row, folder))} says is visible there"
        )
        raise LimitError(message)
