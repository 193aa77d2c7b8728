"""The file of a mutation run: its strict reader, and its place on the report's page."""

import json
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import ResultsError, run_command
from kernelproof.plan import matrix
from kernelproof.records import mutation_run
from kernelproof.records.mutation_run import MutationRun, VerdictMutationRun
from kernelproof.report import page_data
from kernelproof.report.__main__ import main

WANTED = "; expected what nox -s mutants wrote; run it again, or delete the file"
CASES = ["toy-cpu-fp32-N1-T1", "toy-cpu-fp32-N33-T40"]


def _mutant(name: str, status: str, *killers: str) -> dict[str, Any]:
    kills = [
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
        "killed_by": kills,
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
    """All of it, the coverage of verdict code, too; an older run names no commit; none is none."""
    assert mutation_run.read(tmp_path / "mutants.json") is None
    run = mutation_run.read(_write(tmp_path, json.dumps(_run())))
    assert run
    assert json.loads(run.model_dump_json()) == _run()
    old = {name: value for name, value in _run().items() if name not in {"date", "commit", "dirty"}}
    run = mutation_run.read(_write(tmp_path, json.dumps(old)))
    assert run
    assert (run.date, run.commit, run.dirty) == (None, None, False)
    file = {"file": "toy.py", "statements": 3, "branches": 2, "seconds": 0.5}
    file |= {"missing_lines": [1], "missing_branches": [[1, -1]]}
    content = _run(files=[file])
    run = VerdictMutationRun.model_validate_json(json.dumps(content))
    assert json.loads(run.model_dump_json()) == content


def test_a_wrong_file_is_one_line(tmp_path: Path) -> None:
    """The line has the file, the place of the fault, and what to do."""
    counts = "the file: value error, score and statuses are not those of the mutants"
    text = json.dumps([_mutant("a", "killed") | {"line": "2"}])
    wrong = {
        "": "found text that is no JSON",
        "[]": "the file: input should be an object",
        json.dumps(_run(version=2)): "version: input should be 1",
        json.dumps(_run(row=1)): "row: input should be a valid string",
        json.dumps(_run(others=1)): "others: extra inputs are not permitted",
        json.dumps(_run(seconds="2")): "seconds: input should be a valid number",
        json.dumps(_run(mutants=json.loads(text))): "mutants.0.line: input should be a valid int",
        json.dumps(_run(mutants=[_mutant("a", "dead")])): "mutants.0.status: input should be 'kill",
        json.dumps(_run(score={"killed": 2, "of": 2})): counts,
        json.dumps(_run(mutants=[])): counts,
    }
    for content, fault in wrong.items():
        file = _write(tmp_path, content)
        with pytest.raises(ResultsError) as caught:
            mutation_run.read(file)
        line = str(caught.value)
        facts = (line.startswith(f"{file}: {fault}"), line.endswith(WANTED), "\n" in line)
        assert facts == (True, True, False), line
    file.unlink()
    file.mkdir()
    with pytest.raises(ResultsError) as caught:
        mutation_run.read(file)
    assert str(caught.value) == f"{file}: is a directory{WANTED}"


def test_the_report_reads_the_run_of_its_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken one ends it with exit code 3 and one line."""
    plan = matrix.load()
    assert page_data.stored(plan, tmp_path).mutants is None
    file = _write(tmp_path, json.dumps(_run()))
    run = MutationRun.model_validate_json(json.dumps(_run()))
    assert page_data.stored(plan, tmp_path).mutants == run
    file.write_text('{"version": 1}')
    assert run_command(lambda: main(["--row", "cpu", "--results", str(tmp_path)])) == 3
    assert capsys.readouterr().err == f"{file}: row: field required{WANTED}\n"
