"""pytest-benchmark's file of a run over several GPUs: every sample once, and no part is left."""

import json
from pathlib import Path

import pytest

from kernelproof.run.benchmark_files import merge


def test_parts_become_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The benchmarks are those of all parts, the rest the first part's; half a part is shown."""
    file = tmp_path / "row.benchmark.json"
    parts = [tmp_path / f"row.benchmark.{number}of4.json" for number in range(1, 5)]
    for number in (0, 2):
        content = {"version": "5", "commit_info": number, "benchmarks": [{"name": number}]}
        parts[number].write_text(json.dumps(content))
    parts[1].write_text('{"version": "5", "benchm')
    merge(parts, file)
    content = {"version": "5", "commit_info": 0, "benchmarks": [{"name": 0}, {"name": 2}]}
    assert json.loads(file.read_text()) == content
    half, done = capsys.readouterr().out.splitlines()
    assert half.startswith(f"{parts[1]}: found half a file")
    assert done == f"samples, for pytest-benchmark compare: {file}"
    assert sorted(tmp_path.iterdir()) == [file]
    # A run in which nothing was timed removes the file of an older one.
    parts[1].write_text("{")
    merge(parts, file)
    assert not file.exists()
