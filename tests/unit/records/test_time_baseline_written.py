"""Baselines and gate cards on a disk: their text, their bounds, what nobody changes afterwards."""

import errno
import json
from pathlib import Path
from typing import Any, NoReturn

import pytest
from pydantic import BaseModel, ValidationError

from kernelproof.checks.perf.bless import bless_perf
from kernelproof.errors import BaselineError
from kernelproof.plan.repository import ROOT
from kernelproof.records import sensitivity, time_baseline
from kernelproof.records.time_baseline import BLESSINGS_KEPT, TimeBaseline, committed
from tests.unit.checks.perf.test_perf_judge import MACHINE
from tests.unit.records.test_sensitivity import card_of
from tests.unit.records.test_time_baseline import KERNEL, ONE, REASON, ROW, TWO, place

MOST = 16 * 1024 * 1024
OTHER = "toy-h200-bf16-E1024-K32-T1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of a baseline of two cases."""
    bless_perf([ONE, TWO], REASON, place(tmp_path, ONE, TWO), tmp_path)
    return time_baseline.path_of(ROW, KERNEL, tmp_path)


def _load(file: Path) -> TimeBaseline | None:
    time_baseline.load.cache_clear()
    return time_baseline.load(ROW, KERNEL, file.parents[1])


def test_a_baseline_is_readable_text(file: Path) -> None:
    """As it was given: a key a line, this version, and an end of the last line."""
    text = file.read_text()
    content = json.loads(text)
    assert content["kernelproof"]["version"] == 1
    assert text == json.dumps(content, indent=1) + "\n"
    assert time_baseline.write({**content, "datetime": "later"}, file.parents[1]) == file
    assert file.read_text() == json.dumps({**content, "datetime": "later"}, indent=1) + "\n"


def test_what_is_written_is_what_is_read_next(file: Path) -> None:
    """Though the older one was read before."""
    content = json.loads(file.read_text())
    found = _load(file)
    assert found
    assert len(found.stored) == 2
    time_baseline.write({**content, "benchmarks": content["benchmarks"][:1]}, file.parents[1])
    found = time_baseline.load(ROW, KERNEL, file.parents[1])
    assert found
    assert list(found.stored) == [ONE.planned.case.id]


@pytest.mark.parametrize(("count", "is_read"), [(1, True), (20, True), (21, False), (0, False)])
def test_a_baseline_has_twenty_blessings_at_most(file: Path, count: int, *, is_read: bool) -> None:
    """And one at least, which says why it is there."""
    assert BLESSINGS_KEPT == 20
    content = json.loads(file.read_text())
    content["kernelproof"]["blessings"] *= count
    file.write_text(json.dumps(content))
    if is_read:
        assert _load(file)
    else:
        with pytest.raises(BaselineError, match=r"kernelproof\.blessings: list should have at "):
            _load(file)


def test_what_was_read_stays_as_it_is(file: Path) -> None:
    """Every part of a baseline, and of a gate card."""
    found = _load(file)
    assert found
    benchmark = found.benchmarks[0]
    parts: list[tuple[BaseModel, str]] = [
        (found, "kernelproof"),
        (benchmark, "extra_info"),
        (benchmark.extra_info, "case"),
        (found.kernelproof, "row"),
        (card_of(), "row"),
    ]
    for part, name in parts:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, None)


def test_what_is_one_hosts_own_is_not_committed() -> None:
    """Its system and its variables, which have places in them."""
    machine = {**MACHINE, "environment": {"CUDA_HOME": "/opt/some/place"}}
    kept = ["python", "processor", "packages", "device"]
    assert committed(machine) == {name: MACHINE[name] for name in kept}


def test_the_longest_file_is_read(file: Path) -> None:
    """To the byte; one more is too long."""
    file.write_text(file.read_text().ljust(MOST))
    assert _load(file)
    file.write_text(file.read_text() + " ")
    with pytest.raises(BaselineError, match="found over 16,777,216 bytes"):
        _load(file)


@pytest.mark.parametrize(
    ("error", "words"),
    [(OSError(errno.EIO, "Input/output error"), "input/output error"), (OSError("Gone"), "gone")],
    ids=["system", "other"],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    """In the system's words, with how to have it back; a card's as well."""

    def refuse(*_: Any) -> NoReturn:
        raise error

    monkeypatch.setattr("kernelproof.files.safe_read.read", refuse)
    mend = "expected a readable file; restore it: git checkout -- "
    for file, load in (
        (
            time_baseline.path_of(ROW, KERNEL, tmp_path),
            lambda: time_baseline.load(ROW, KERNEL, tmp_path),
        ),
        (sensitivity.path_of(ROW, tmp_path), lambda: sensitivity.load(ROW, tmp_path)),
    ):
        with pytest.raises(BaselineError) as caught:
            load()
        assert str(caught.value) == f"{file}: {words}, {mend}{file}"


def test_files_of_a_row_are_in_its_folder() -> None:
    """Of the repository, where no other is named: a file a kernel, and the card."""
    folder = ROOT / "pipeline" / "baselines" / "perf" / ROW
    assert time_baseline.path_of(ROW, KERNEL) == folder / "toy.json"
    assert sensitivity.path_of(ROW) == folder / "gate-card.json"


@pytest.mark.parametrize(
    ("old", "new", "is_read"),
    [
        ('"trials": 200', '"trials": 1', True),
        ('"trials": 200', '"trials": 0', False),
        ('"trials": 200', f'"trials": {2**40}', True),
        ('"trials": 200', f'"trials": {2**40 + 1}', False),
        ('"limit_percent": 3.0', '"limit_percent": -100', True),
        ('"limit_percent": 3.0', '"limit_percent": -100.5', False),
        ('"limit_percent": 3.0', '"limit_percent": 1000000', True),
        ('"limit_percent": 3.0', '"limit_percent": 1000000.5', False),
    ],
)
def test_figures_of_a_card_are_within_bounds(
    tmp_path: Path, old: str, new: str, *, is_read: bool
) -> None:
    """Which no measurement passes; what does was not measured."""
    file = sensitivity.write(card_of(), tmp_path)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    sensitivity.load.cache_clear()
    if is_read:
        assert sensitivity.load(ROW, tmp_path)
    else:
        with pytest.raises(BaselineError, match="input should be "):
            sensitivity.load(ROW, tmp_path)


def test_a_card_is_readable_text(tmp_path: Path) -> None:
    """Of this version, as are the times that it was made of, before they were judged."""
    file = sensitivity.write(card_of(), tmp_path)
    assert file.read_text() == card_of().model_dump_json(indent=1) + "\n"
    assert json.loads(file.read_text())["version"] == 1
    times = card_of().model_dump(include={"row", "date", "commit", "machine", "times_us"})
    assert sensitivity.CardTimes.model_validate(times).version == 1
    with pytest.raises(ValidationError, match="version"):
        sensitivity.CardTimes.model_validate({**times, "version": 2})


def test_a_card_of_several_cases_is_in_columns() -> None:
    """As wide as the longest name; numbers with the digits that they need, and no more."""
    planted = [
        sensitivity.PlantedSlowdown(percent=size, measured_percent=1.26, found=found, trials=3)
        for size, found in ((1, 0), (2.5, 2))
    ]
    one = card_of(planted=planted, visible_percent=2.4).cases.popitem()[1]
    whole = card_of().model_copy(update={"cases": {"toy": one, OTHER: one}})
    alarms = whole.alarms.model_copy(update={"at_most_percent": 1.0})
    lines = list(sensitivity.lines_of(whole.model_copy(update={"alarms": alarms})))
    assert lines[0].endswith("; with 95 % confidence at most 1 % are blamed")
    figures = "    0.0 (1.3)   66.7 (1.3)   2.40 %          0.21   0.34"
    assert lines[1:4] == [
        "found of planted                    1 %        2.5 %  visible  spread: time  floor",
        f"toy                       {figures}",
        f"{OTHER}{figures}",
    ]
