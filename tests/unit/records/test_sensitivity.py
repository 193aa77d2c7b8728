"""Gate cards: written and read back, or refused; and limits below what they say is visible."""

import re
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import BaselineError, Exit, UserError
from kernelproof.plan.repository import ROOT, shown_path
from kernelproof.records import sensitivity
from kernelproof.records.sensitivity import (
    CaseSensitivity,
    FalseAlarms,
    GateCard,
    LimitError,
    PlantedSlowdown,
)

ROW = "h200"
CASE = "toy-h200-fp32-E8-K2-T3"


def card_of(row: str = ROW, **of_case: Any) -> GateCard:
    """A card of one case, of which 3 % and more are found."""
    planted = [
        PlantedSlowdown(percent=size, measured_percent=size + 0.04, found=found, trials=200)
        for size, found in ((1, 0), (3, 199), (10, 200))
    ]
    fields = {
        "limit_percent": 3.0,
        "spread_percent": {"time": 0.21, "floor": 0.345, "ratio": 0.4},
        "planted": planted,
        "visible_percent": 2.41,
        **of_case,
    }
    return GateCard(
        row=row,
        date="2030-01-02",
        commit="c" * 40,
        processes=3,
        machine={"device": {"name": "NVIDIA H200"}},
        alarms=FalseAlarms(rows=600, blamed=1, undecided=2, at_most_percent=0.788),
        cases={CASE: CaseSensitivity.model_validate(fields)},
        times_us={CASE: {"kernel": [10.0, 10.1, 9.9], "floor": [5.0, 5.0, 5.1]}},
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds the card of one row."""
    sensitivity.write(card_of(), tmp_path)
    return tmp_path


def test_a_card_reads_back_as_it_was_written(folder: Path) -> None:
    """Beside its row's baselines; a later one replaces it."""
    assert [str(file.relative_to(folder)) for file in folder.rglob("*.*")] == [
        "h200/gate-card.json"
    ]
    assert sensitivity.load(ROW, folder) == card_of()
    later = card_of(visible_percent=None)
    assert sensitivity.write(later, folder) == folder / ROW / "gate-card.json"
    assert sensitivity.load(ROW, folder) == later


@pytest.mark.parametrize("below", ["", "nowhere", "h200/gate-card.json"])
def test_no_card_is_none(folder: Path, below: str) -> None:
    """A row that was not measured yet."""
    assert sensitivity.load("h100", folder / below) is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("600", '"six"', "alarms.rows: input should be a valid integer"),
        ('"rows": 600', '"mine": 1, "rows": 600', "alarms.mine: extra inputs are not permitted"),
        ('"rows": 600,', "", "alarms.rows: field required"),
        ('"version": 1', '"version": 2', "version: input should be 1"),
        (
            "9.9",
            "-9.9",
            f"times_us.{CASE}.kernel.2: input should be greater than or equal to 0.000000001",
        ),
        ("9.9", "Infinity", f"times_us.{CASE}.kernel.2: input should be a finite number"),
        (f'"row": "{ROW}"', '"row": "h100"', "found the card of h100, expected of h200"),
    ],
    ids=["type", "extra", "cut out", "version", "negative", "infinite", "other row"],
)
def test_a_card_that_was_tampered_with(folder: Path, old: str, new: str, told: str) -> None:
    """One clear line with the file, the place and how to restore it; exit code 5."""
    file = folder / ROW / "gate-card.json"
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    sensitivity.load.cache_clear()
    with pytest.raises(BaselineError) as caught:
        sensitivity.load(ROW, folder)
    assert caught.value.exit == Exit.BASELINE
    said = str(caught.value).partition("; restore it: ")
    assert said[0].startswith(f"{file}: {told}")
    assert said[2] == f"git checkout -- {file}"


def test_a_card_that_was_cut(folder: Path) -> None:
    """At whichever byte."""
    file = folder / ROW / "gate-card.json"
    whole = file.read_bytes().rstrip()
    for length in range(0, len(whole), 97):
        file.write_bytes(whole[:length])
        sensitivity.load.cache_clear()
        with pytest.raises(BaselineError, match=f"^{re.escape(str(file))}: the file: invalid json"):
            sensitivity.load(ROW, folder)


def test_a_folder_for_a_card(tmp_path: Path) -> None:
    """It is no card, and none that is not there."""
    file = tmp_path / ROW / "gate-card.json"
    file.mkdir(parents=True)
    with pytest.raises(BaselineError) as caught:
        sensitivity.load(ROW, tmp_path)
    assert str(caught.value) == (
        f"{file}: is a directory, expected a readable file; restore it: git checkout -- {file}"
    )


def test_a_huge_card_is_not_read(folder: Path) -> None:
    """Nor is it a reason to run out of memory."""
    file = folder / ROW / "gate-card.json"
    with file.open("r+b") as stream:
        stream.truncate(2**24 + 1)
    sensitivity.load.cache_clear()
    with pytest.raises(BaselineError) as caught:
        sensitivity.load(ROW, folder)
    said = f"{file}: found over 16,777,216 bytes, expected fewer; restore it: "
    said += f"git checkout -- {file}"
    assert str(caught.value) == said


def test_a_file_of_the_tree_is_named_from_its_root() -> None:
    """As git takes it."""
    file = sensitivity.path_of("nowhere")
    assert str(file.relative_to(ROOT)) == "pipeline/baselines/perf/nowhere/gate-card.json"
    assert shown_path(file) == "pipeline/baselines/perf/nowhere/gate-card.json"


@pytest.mark.parametrize(
    ("visible", "limit", "at_least"),
    [
        (2.41, 2.4, "2.5"),
        (2.41, 1, "2.5"),
        (3.0, 2.9, "3"),
        (10.24, 10.2, "10.3"),
        (None, 3, "6"),
        (None, 30, "6"),
    ],
    ids=str,
)
def test_a_limit_below_what_is_visible(
    tmp_path: Path, visible: float | None, limit: float, at_least: str
) -> None:
    """LimitError, as of a wrong matrix.yaml, with a limit that would do."""
    sensitivity.write(card_of(visible_percent=visible), tmp_path)
    with pytest.raises(LimitError) as caught:
        sensitivity.require_visible(ROW, CASE, limit, tmp_path)
    assert isinstance(caught.value, UserError)
    assert caught.value.exit == Exit.MATRIX
    assert str(caught.value) == (
        f"matrix.yaml: perf.limit_percent of {CASE}: found {limit:g}, expected at least "
        f"{at_least}, the least that {tmp_path}/h200/gate-card.json says is visible there"
    )
    if visible:
        sensitivity.require_visible(ROW, CASE, float(at_least), tmp_path)


@pytest.mark.parametrize("limit", [2.41, 3, 100])
def test_a_limit_that_is_visible(folder: Path, limit: float) -> None:
    """Nothing is said of it, nor of a case or a row that was not measured."""
    sensitivity.require_visible(ROW, CASE, limit, folder)
    sensitivity.require_visible(ROW, "toy-h200-bf16-E8-K2-T3", 0.1, folder)
    sensitivity.require_visible("h100", CASE, 0.1, folder)


def test_a_card_for_people() -> None:
    """False alarms first, then a line a case, in columns."""
    lines = list(sensitivity.lines_of(card_of()))
    assert lines[0] == (
        "h200: 1 of 600 unchanged rows blamed, 2 undecided; with 95 % confidence at most 0.788 % "
        "are blamed"
    )
    head = "found of planted            1 %          3 %         10 %  visible  spread: time  floor"
    assert lines[1].split() == head.split()
    assert len(lines[1]) == len(lines[2])
    assert lines[2] == (
        "toy-h200-fp32-E8-K2-T3    0.0 (1.0)   99.5 (3.0) 100.0 (10.0)   2.41 %"
        "          0.21   0.34"
    )
    assert lines[3].startswith("in percent: found of the trials")
    assert len(lines) == 4


def test_a_case_of_which_nothing_is_visible() -> None:
    """It says so, in the same columns."""
    plain, none = (
        list(sensitivity.lines_of(card_of(visible_percent=of)))[2] for of in (2.41, None)
    )
    assert none == plain.replace("2.41 %", "  none")
