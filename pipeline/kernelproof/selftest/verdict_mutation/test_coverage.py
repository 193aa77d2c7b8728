"""One run of the tests: what each takes, which lines it runs, and the branches that none does.

``python -m kernelproof.selftest.verdict_mutation.test_coverage FILE`` is run in a copy of the tree, since a process that is
measured has to be so from before its first import; it writes what it found as JSON. Nothing that
is imported here may be of what judges.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from pydantic import BaseModel, ConfigDict

from kernelproof.errors import Exit, UserError

_GUARD = r"if __name__ == .__main__.:"


class NotGreenError(UserError):
    """Tests that fail as the code stands: its mutants would say nothing."""

    exit = Exit.BLOCKED


class Of(BaseModel):
    """The coverage of a file; `tests` has for each line the places of those that run it."""

    model_config = ConfigDict(frozen=True)

    statements: int
    branches: int
    missing_lines: list[int]
    missing_branches: list[tuple[int, int]]
    tests: dict[int, list[int]]

    @property
    def is_whole(self) -> bool:
        """Whether every statement and every branch was run."""
        return not self.missing_lines and not self.missing_branches

    @property
    def percent(self) -> float:
        """Of the statements and branches, how many were run."""
        of = self.statements + self.branches
        missing = len(self.missing_lines) + len(self.missing_branches)
        return 100 * (of - missing) / of if of else 100.0


class Measured(BaseModel):
    """The whole run: seconds by the id of each test, in their order, and the files by name."""

    model_config = ConfigDict(frozen=True)

    seconds: dict[str, float]
    failed: dict[str, str]
    files: dict[str, Of]


def measured(tree: Path, asked: dict[str, list[str]], environment: dict[str, str]) -> Measured:
    """What the tests do in a copy of the tree; NotGreenError where they fail."""
    told = tree.with_name("measured.json")
    told.write_text(json.dumps(asked), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "kernelproof.selftest.verdict_mutation.test_coverage",
        str(told),
    ]
    done = subprocess.run(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    found = Measured.model_validate_json(told.read_bytes()) if done.returncode == 0 else None
    if found is None or found.failed:
        red = next(iter(found.failed.items()), ("no test", "")) if found else ("the run", "")
        message = (
            f"judge: found {red[0]} to be red without any mutant: {red[1]}; expected a pass; "
            f"mend it first: nox -s tests\n{done.stdout}"
        )
        raise NotGreenError(message.rstrip())
    return found


class _Watch:
    """Tells coverage which test runs, and keeps what each took."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.coverage.switch_context(item.nodeid)
        try:
            return (yield)
        finally:
            self.coverage.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds.setdefault(report.nodeid, 0.0)
        self.seconds[report.nodeid] += report.duration
        if report.failed:
            self.failed[report.nodeid] = str(report.longreprtext).strip().splitlines()[-1]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed[report.nodeid] = str(report.longreprtext).strip().splitlines()[-1]


def main(arguments: Sequence[str]) -> int:
    """Runs the tests that a file names, and replaces the file by what was measured."""
    told = Path(arguments[0])
    asked = json.loads(told.read_bytes())
    files = [str(Path("pipeline", "kernelproof", name).absolute()) for name in asked["files"]]
    coverage = Coverage(data_file=None, branch=True, include=files, config_file=False)
    coverage.exclude(_GUARD)
    watch = _Watch(coverage)
    with coverage.collect():
        pytest.main(["-q", "--tb=short", "--no-header", *asked["tests"]], plugins=[watch])
    places = {test: place for place, test in enumerate(watch.seconds)}
    whole = {
        "seconds": watch.seconds,
        "failed": watch.failed,
        "files": {
            name: _of(coverage, file, told, places)
            for name, file in zip(asked["files"], files, strict=True)
        },
    }
    told.write_text(json.dumps(whole), encoding="utf-8")
    return 0


def _of(coverage: Coverage, file: str, beside: Path, places: dict[str, int]) -> dict[str, Any]:
    report = beside.with_name("coverage.json")
    coverage.json_report(morfs=[file], outfile=str(report))
    (found,) = json.loads(report.read_bytes())["files"].values()
    contexts = coverage.get_data().contexts_by_lineno(file)
    return {
        "statements": found["summary"]["num_statements"],
        "branches": found["summary"]["num_branches"],
        "missing_lines": found["missing_lines"],
        "missing_branches": found["missing_branches"],
        "tests": {
            line: sorted(places[test] for test in tests if test)
            for line, tests in contexts.items()
            if line > 0
        },
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
