"""A few hundred broken and hostile files for every reader; ``nox -s fuzz`` makes very many more."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from kernelproof.errors import Exit
from tests.fuzz import processes
from tests.fuzz.ask import TAKEN, ask, settle
from tests.fuzz.campaign import campaign
from tests.fuzz.fills import fills
from tests.fuzz.readers import EVERY

INPUTS, SEED = 200, 0

each_reader = pytest.mark.parametrize("name", EVERY)


@each_reader
def test_a_whole_file_is_taken(tmp_path: Path, name: str) -> None:
    """Else nothing that is made of it would get beyond the first look."""
    reader = EVERY[name]
    settle(reader, tmp_path)
    answers = [ask(reader, seed, tmp_path) for seed in reader.seeds]
    assert [(one.outcome, one.wrong) for one in answers] == [(TAKEN, "")] * len(answers)


@each_reader
def test_whatever_a_file_holds_it_is_taken_or_refused(tmp_path: Path, name: str) -> None:
    """With a documented exit code, in plain lines, in bounded time and memory, and nothing else."""
    *_, tally = campaign(EVERY[name], tmp_path, inputs=INPUTS, seeded=SEED)
    assert [answer.wrong for _, answer in tally.wrong.values()] == []
    assert (tally.inputs["bytes"], tally.inputs["values"]) == (INPUTS // 2,) * 2
    assert 0 < tally.outcomes[TAKEN] < tally.outcomes.total()


def test_the_same_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    """A night is repeated by its seed."""
    found = []
    for seed in (1, 1, 2):
        *_, tally = campaign(EVERY["golden"], tmp_path, inputs=80, seeded=seed)
        found.append((tally.outcomes, tally.wrong))
    assert found[0] == found[1] != found[2]


def test_a_place_is_filled_with_what_was_there_and_with_what_may_not_be() -> None:
    """Lists, mappings and texts, each as large as its reader lets it be."""
    reader = replace(EVERY["golden"], fill=(40, 5), wholes=({"a": [7], "b": {"c": "d"}},))
    assert [json.loads(content) for content in fills(reader)] == [
        {"a": [7] * 40, "b": {"c": "d"}},
        {"a": [{}] * 4, "b": {"c": "d"}},
        {"a": [7], "b": {f"k{number}": "d" for number in range(40)}},
        {"a": [7], "b": {f"k{number}": {} for number in range(4)}},
        {"a": [7], "b": {"c": "<<<<<"}},
    ]


def test_a_hostile_record_in_a_process(tmp_path: Path) -> None:
    """As its user runs the report: one line of the case, exit code 1, nothing on stderr."""
    tree = processes.settle(tmp_path)
    record = json.loads(EVERY["record"].seeds[0])
    hostile = json.dumps({**record, "</script>\x1b[2J\n|": 1}).encode()
    assert processes.ask(tree, "record", hostile) == Exit.BLOCKED
    assert processes.ask(tree, "matrix", b"&a [*a]") == Exit.MATRIX
