"""Gate cards: their figures, the limits below what they say is visible, and the card in lines."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from kernelproof.errors import Exit, UserError
from kernelproof.records import sensitivity
from kernelproof.records.sensitivity import CardTimes, LimitError, PlantedSlowdown
from tests.unit.records.stored_files import CASE, ROW, Edit, card_of, wrong_refusals

OTHER = "toy-h200-bf16-E1024-K32-T1"
TITLES = "  visible  spread: time  floor"


def test_a_card_is_readable_text(tmp_path: Path) -> None:
    """A field a line; the seal comes last, and the times have the same version."""
    text = sensitivity.write(card_of(), tmp_path).read_text()
    sealed = sensitivity.FORMAT.seal(card_of().model_dump(mode="json"))
    assert text == json.dumps(sealed, indent=1) + "\n"
    assert (sealed["version"], list(sealed)[-1]) == (1, "seal")
    times = card_of().model_dump(include={"row", "date", "commit", "machine", "times_us"})
    assert CardTimes.model_validate(times).version == 1
    with pytest.raises(ValidationError, match="version"):
        CardTimes.model_validate({**times, "version": 2})


SEEN = f"cases.{CASE}"
PLANTED = ("cases", CASE, "planted", 0, "trials")
LIMIT, VISIBLE = ("cases", CASE, "limit_percent"), ("cases", CASE, "visible_percent")
EDITS: list[Edit] = [
    (PLANTED, 1, ""),
    (PLANTED, 0, f"{SEEN}.planted.0.trials: input should be greater"),
    (PLANTED, 2**40, ""),
    (PLANTED, 2**40 + 1, f"{SEEN}.planted.0.trials: input should be less"),
    (LIMIT, -100, ""),
    (LIMIT, -100.5, f"{SEEN}.limit_percent: input should be greater"),
    (LIMIT, 1e6, ""),
    (LIMIT, 1e6 + 0.5, f"{SEEN}.limit_percent: input should be less"),
    (LIMIT, "3", f"{SEEN}.limit_percent: input should be a valid number"),
    (VISIBLE, float("inf"), f"{SEEN}.visible_percent: input should be"),
    (VISIBLE, float("nan"), f"{SEEN}.visible_percent: input should be"),
    (
        ("cases", CASE, "spread_percent"),
        {"time": 0.1},
        f"{SEEN}.spread_percent: dictionary should have at least 3",
    ),
    (("alarms", "rows"), "six", "alarms.rows: input should be a valid integer"),
    (("alarms", "mine"), 1, "alarms.mine: extra inputs are not permitted"),
    (("alarms", "at_most_percent"), ..., "alarms.at_most_percent: field req"),
    (("cases",), {}, "cases: dictionary should have at least 1 item"),
    (("times_us", CASE, "kernel", 2), -9.9, f"times_us.{CASE}.kernel.2: input should be greater"),
    (("times_us", CASE, "kernel", 2), float("inf"), f"times_us.{CASE}.kernel.2: input should be "),
]


def test_figures_of_a_card_are_within_bounds(tmp_path: Path) -> None:
    """Its limits are rounded, its rates divided, its spreads shown; the seal fits all of them."""
    assert wrong_refusals("card", tmp_path, EDITS) == []


def test_a_limit_below_the_visible_slowdown(tmp_path: Path) -> None:
    """LimitError, as of a wrong matrix.yaml, with a limit that would do; none if it is visible."""
    for visible, limit, at_least in (
        (2.41, 2.4, "2.5"),
        (2.41, 1, "2.5"),
        (3.0, 2.9, "3"),
        (10.24, 10.2, "10.3"),
        (None, 3, "6"),
        (None, 30, "6"),
    ):
        sensitivity.write(card_of(visible_percent=visible), tmp_path)
        with pytest.raises(LimitError) as caught:
            sensitivity.require_visible(ROW, CASE, limit, tmp_path)
        assert isinstance(caught.value, UserError)
        assert caught.value.exit == Exit.MATRIX
        assert str(caught.value) == (
            f"matrix.yaml: perf.limit_percent of {CASE}: found {limit:g}, expected at least "
            f"{at_least}, the least that {tmp_path}/h200/gate-card.json says is visible there"
        )
        for seen in (visible, float(at_least), 100) if visible else ():
            sensitivity.require_visible(ROW, CASE, seen, tmp_path)
    sensitivity.require_visible(ROW, "toy-h200-bf16-E8-K2-T3", 0.1, tmp_path)
    sensitivity.require_visible("h100", CASE, 0.1, tmp_path)


def test_a_card_for_people() -> None:
    """False alarms first, then a line a case, in columns, whether a slowdown is visible or not."""
    alarms, head, line, note = sensitivity.lines_of(card_of())
    assert alarms == (
        "h200: 1 of 600 unchanged rows blamed, 2 undecided; with 95 % confidence at most 0.788 % "
        "are blamed"
    )
    assert head == f"{'found of planted':22}{'1 %':>13}{'3 %':>13}{'10 %':>13}{TITLES}"
    figures = "    0.0 (1.0)   99.5 (3.0) 100.0 (10.0)   2.41 %          0.21   0.34"
    assert line == f"toy-h200-fp32-E8-K2-T3{figures}"
    assert note.startswith("in percent: found of the trials")
    unseen = list(sensitivity.lines_of(card_of(visible_percent=None)))[2]
    assert unseen == line.replace("2.41 %", "  none")


def test_a_card_of_several_cases_is_in_columns() -> None:
    """The name column is as wide as the longest name; numbers have only the digits they need."""
    planted = [
        PlantedSlowdown(percent=size, measured_percent=1.26, found=count, trials=3)
        for size, count in ((1, 0), (2.5, 2))
    ]
    seen = card_of(planted=planted, visible_percent=2.4).cases.popitem()[1]
    card = card_of().model_copy(update={"cases": {"toy": seen, OTHER: seen}})
    alarms = card.alarms.model_copy(update={"at_most_percent": 1.0})
    lines = list(sensitivity.lines_of(card.model_copy(update={"alarms": alarms})))
    assert lines[0].endswith("; with 95 % confidence at most 1 % are blamed")
    figures = "    0.0 (1.3)   66.7 (1.3)   2.40 %          0.21   0.34"
    assert lines[1:4] == [
        f"{'found of planted':{len(OTHER)}}{'1 %':>13}{'2.5 %':>13}{TITLES}",
        f"toy                       {figures}",
        f"{OTHER}{figures}",
    ]
