"""Two hundred broken and hostile files for every reader; ``nox -s fuzz`` makes very many more."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.errors import Exit
from tests.fuzz import processes
from tests.fuzz.campaign import fills, run_campaign
from tests.fuzz.readers import READERS
from tests.fuzz.trial import TAKEN, prepare, try_input

INPUTS, SEED = 200, 0


@pytest.mark.parametrize("name", READERS)
def test_every_file_is_taken_or_refused(tmp_path: Path, name: str) -> None:
    """Valid files are taken, else the inputs made of them would not get beyond the first look.

    A refusal has a documented exit code and plain lines; time and memory are bounded.
    """
    reader = READERS[name]
    prepare(reader, tmp_path / "valid")
    trials = [try_input(reader, file, tmp_path / "valid") for file in reader.files]
    assert [(trial.outcome, trial.wrong) for trial in trials] == [(TAKEN, "")] * len(trials)
    *_, tally = run_campaign(reader, tmp_path / "made", inputs=INPUTS, seeded=SEED)
    assert [trial.wrong for _, trial in tally.wrong.values()] == []
    assert (tally.inputs["bytes"], tally.inputs["values"]) == (INPUTS // 2,) * 2
    assert 0 < tally.outcomes[TAKEN] < tally.outcomes.total()


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    """A run is repeated by its seed."""
    tallies = []
    for seed in (1, 1, 2):
        *_, tally = run_campaign(READERS["golden"], tmp_path, inputs=80, seeded=seed)
        tallies.append((tally.outcomes, tally.wrong))
    assert tallies[0] == tallies[1] != tallies[2]


def test_each_place_is_filled() -> None:
    """Lists and mappings are filled with their own items and with {}, texts with signs."""
    reader = replace(READERS["golden"], fill_sizes=(40, 5), samples=({"a": [7], "b": {"c": "d"}},))
    assert [json.loads(content) for content in fills(reader)] == [
        {"a": [7] * 40, "b": {"c": "d"}},
        {"a": [{}] * 4, "b": {"c": "d"}},
        {"a": [7], "b": {f"k{number}": "d" for number in range(40)}},
        {"a": [7], "b": {f"k{number}": {} for number in range(4)}},
        {"a": [7], "b": {"c": "<<<<<"}},
    ]


def test_a_hostile_record_in_a_process(tmp_path: Path) -> None:
    """The report blocks a hostile record and refuses a broken matrix, in a process as for users."""
    tree = processes.make_tree(tmp_path)
    record = json.loads(READERS["record"].files[0])
    hostile = json.dumps({**record, "</script>\x1b[2J\n|": 1}).encode()
    assert processes.report_code(tree, "record", hostile) == Exit.BLOCKED
    assert processes.report_code(tree, "matrix", b"&a [*a]") == Exit.MATRIX
