"""What a run of mutants leaves: read strictly, one line where it is none, and put on the page."""

import json
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import ResultsError, run_command
from kernelproof.plan import matrix
from kernelproof.records import mutation_run
from kernelproof.records.mutation_run import MutationRun
from kernelproof.report import page_data, page_mutants
from kernelproof.report.__main__ import main

WANTED = "; expected what nox -s mutants wrote; run it again, or delete the file"
CASES = ["toy-cpu-fp32-N1-T1", "toy-cpu-fp32-N33-T40"]


def _mutant(name: str, status: str, *killers: str) -> dict[str, Any]:
    found = [
        {"case": case, "outcome": "fail", "distribution": "one_nan", "reason": "values differ"}
        for case in killers
    ]
    return {
        "id": name,
        "kernel": "toy",
        "file": "kernels/toy/kernel.py",
        "line": 2,
        "function": "f",
        "operator": "arithmetic",
        "source": "",
        "before": "+",
        "after": "-",
        "status": status,
        "why": "why",
        "killed_by": found,
    }


def _run(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "row": "cpu",
        "date": "2026-11-24",
        "commit": "c" * 40,
        "dirty": False,
        "seconds": 2.5,
        "cases": CASES,
        "enough": CASES[:1],
        "score": {"killed": 1, "of": 2},
        "statuses": {"killed": 1, "equivalent": 1, "survived": 1},
        "mutants": [
            _mutant("a", "killed", *CASES),
            _mutant("b", "equivalent"),
            _mutant("c", "survived"),
        ],
        **changes,
    }


def _write(folder: Path, text: str) -> Path:
    file = folder / "mutants.json"
    file.write_text(text)
    return file


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Whole; where there is no file, there was no run."""
    assert mutation_run.read(tmp_path / "mutants.json") is None
    read = mutation_run.read(_write(tmp_path, json.dumps(_run())))
    assert read
    assert json.loads(read.model_dump_json()) == _run()


def test_a_run_of_before_names_no_commit(tmp_path: Path) -> None:
    """And is still read."""
    old = {name: value for name, value in _run().items() if name not in {"date", "commit", "dirty"}}
    read = mutation_run.read(_write(tmp_path, json.dumps(old)))
    assert read
    assert (read.date, read.commit, read.dirty) == (None, None, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file: invalid json: eof while parsing a value at line 1 column 0"),
        ("[]", "the file: input should be an object"),
        (json.dumps(_run(version=2)), "version: input should be 1"),
        (json.dumps(_run(row=1)), "row: input should be a valid string"),
        (json.dumps(_run(others=1)), "others: extra inputs are not permitted"),
        (json.dumps(_run(seconds="2")), "seconds: input should be a valid number"),
        (
            json.dumps(_run(mutants=[{**_mutant("a", "killed"), "line": "2"}])),
            "mutants.0.line: input should be a valid integer",
        ),
        (
            json.dumps(_run(mutants=[_mutant("a", "dead")])),
            "mutants.0.status: input should be 'killed', 'survived', 'timed out', ",
        ),
        (
            json.dumps(_run(score={"killed": 2, "of": 2})),
            "the file: value error, score and statuses are not those of the mutants",
        ),
        (
            json.dumps(_run(mutants=[])),
            "the file: value error, score and statuses are not those of the mutants",
        ),
    ],
    ids=["cut", "list", "version", "row", "key", "text", "line", "status", "score", "counts"],
)
def test_what_is_no_run_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    """With its file and place, and what to do."""
    file = _write(tmp_path, text)
    with pytest.raises(ResultsError) as caught:
        mutation_run.read(file)
    line = str(caught.value)
    assert line.startswith(f"{file}: {said}")
    assert line.endswith(WANTED)
    assert "\n" not in line


def test_what_is_no_file_is_one_line(tmp_path: Path) -> None:
    """As what cannot be read."""
    (tmp_path / "mutants.json").mkdir()
    with pytest.raises(ResultsError) as caught:
        mutation_run.read(tmp_path / "mutants.json")
    assert str(caught.value) == f"{tmp_path}/mutants.json: is a directory{WANTED}"


def test_the_page_has_a_mutant_each() -> None:
    """What blocks first among the statuses, and a killer as the place of its case."""
    told = page_mutants.content(MutationRun.model_validate_json(json.dumps(_run())))
    assert told["statuses"] == [
        {"status": "survived", "count": 1, "blocks": True},
        {"status": "killed", "count": 1, "blocks": False},
        {"status": "equivalent", "count": 1, "blocks": False},
    ]
    assert [one["id"] for one in told["mutants"]] == ["a", "b", "c"]
    assert told["mutants"][0]["killed_by"] == [[0, "fail", "one_nan"], [1, "fail", "one_nan"]]
    assert (told["cases"], told["score"]) == (CASES, {"killed": 1, "of": 2})
    assert json.loads(json.dumps(told)) == told


def test_the_results_folder_has_them(tmp_path: Path) -> None:
    """Beside the records, where the report looks for what it shows."""
    plan = matrix.load()
    assert page_data.stored(plan, tmp_path).mutants is None
    _write(tmp_path, json.dumps(_run()))
    run = MutationRun.model_validate_json(json.dumps(_run()))
    assert page_data.stored(plan, tmp_path).mutants == run


def test_a_broken_file_ends_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 3 and one line."""
    file = _write(tmp_path, '{"version": 1}')
    assert run_command(lambda: main(["--row", "cpu", "--results", str(tmp_path)])) == 3
    assert capsys.readouterr().err == f"{file}: row: field required{WANTED}\n"
