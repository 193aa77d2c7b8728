"""The page's data of a run of mutants, key by key, in JSON's own types."""

import json
from typing import Any

from kernelproof.records.mutation_run import MutationRun
from kernelproof.report import page_mutants
from tests.unit.records.test_mutation_run import CASES, _mutant, _run


def _content(**changes: Any) -> dict[str, Any]:
    return page_mutants.content(MutationRun.model_validate_json(json.dumps(_run(**changes))))


def test_the_run_without_what_repeats() -> None:
    """Its counts, with those first that block; every mutant, its killers by their places."""
    content = _content()
    head = {name: _run()[name] for name in ("row", "date", "commit", "dirty", "seconds")}
    killed, _, survived = content["mutants"]
    assert list(content) == [*head, "cases", "enough", "score", "statuses", "mutants"]
    assert {name: content[name] for name in head} == head
    assert (content["cases"], content["enough"]) == (CASES, CASES[:1])
    assert content["score"] == {"killed": 1, "of": 2}
    assert content["statuses"] == [
        {"status": "survived", "count": 1, "blocks": True},
        {"status": "killed", "count": 1, "blocks": False},
        {"status": "equivalent", "count": 1, "blocks": False},
    ]
    bare = {name: value for name, value in _mutant("c", "survived").items() if name != "killed_by"}
    assert survived == {**bare, "killed_by": []}
    assert type(survived["status"]) is str
    assert killed["killed_by"] == [[0, "fail", "one_nan"], [1, "fail", "one_nan"]]


def test_a_killer_that_the_run_does_not_name_has_a_place() -> None:
    """Behind those that it does."""
    mutants = [_mutant("a", "killed", "other"), _mutant("b", "killed", CASES[1], "other")]
    content = _content(mutants=mutants, score={"killed": 2, "of": 2}, statuses={"killed": 2})
    assert content["cases"] == [*CASES, "other"]
    places = [[killer[0] for killer in mutant["killed_by"]] for mutant in content["mutants"]]
    assert places == [[2], [1, 2]]
