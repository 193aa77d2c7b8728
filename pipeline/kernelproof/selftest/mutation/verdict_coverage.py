"""The coverage of verdict code by its unit tests, and the tests that reach each mutant.

``python -m kernelproof.selftest.mutation.verdict_coverage FILE`` runs the tests once in a copy of
the tree: coverage has to begin before the first import of verdict code, so nothing that this module
imports may be verdict code. FILE names the files and the tests, and gets the result.
"""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage
from pydantic import BaseModel, ConfigDict

from kernelproof.errors import Exit, UserError
from kernelproof.selftest.mutation.mutant import Mutant

_GUARD = r"if __name__ == .__main__.:"


class RedTestsError(UserError):
    """Tests that fail on the unmutated code, and would kill every mutant."""

    exit = Exit.BLOCKED


class FileCoverage(BaseModel):
    """The coverage of one file; `tests` has the numbers of the tests that run each line."""

    model_config = ConfigDict(frozen=True)

    statements: int
    branches: int
    missing_lines: list[int]
    missing_branches: list[tuple[int, int]]
    tests: dict[int, list[int]]


class CoverageRun(BaseModel):
    """A run of the tests: the seconds of each in their order, and the coverage of each file."""

    model_config = ConfigDict(frozen=True)

    seconds: dict[str, float]
    failed: dict[str, str]
    files: dict[str, FileCoverage]


def run_tests(
    tree: Path, request: Mapping[str, Sequence[str]], environment: Mapping[str, str]
) -> CoverageRun:
    """Runs the tests in a copy of the tree; raises RedTestsError if any fails."""
    file = tree.with_name("coverage-run.json")
    file.write_text(json.dumps(request), encoding="utf-8")
    command = [sys.executable, "-m", "kernelproof.selftest.mutation.verdict_coverage", str(file)]
    done = subprocess.run(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    run = CoverageRun.model_validate_json(file.read_bytes()) if done.returncode == 0 else None
    if run is None or run.failed:
        test, reason = next(iter(run.failed.items())) if run else ("the run of the tests", "")
        message = (
            f"mutants: found {test} to be red without any mutant: {reason}; expected a pass; "
            f"mend it first: nox -s tests\n{done.stdout}"
        )
        raise RedTestsError(message.rstrip())
    return run


class MutantReach:
    """The tests that reach each mutant of one file."""

    def __init__(self, file: str, source: str, run: CoverageRun) -> None:
        self.seconds, self.coverage = run.seconds, run.files[file]
        self.source = source

    def tests(self, mutant: Mutant) -> list[str]:
        """Returns the tests that run the mutant's statement, the quickest first.

        If no test does, because the statement runs where the file is imported, it returns all the
        tests of each file of which some test runs the mutant's file.
        """
        reaching = {
            test for line in self._lines(mutant) for test in self.coverage.tests.get(line, ())
        }
        names = [self._names[test] for test in sorted(reaching or self._neighbours)]
        return sorted(names, key=self.seconds.__getitem__)

    def _lines(self, mutant: Mutant) -> range:
        """Returns the lines of the innermost statement around a mutant, without its body."""
        line = mutant.place[0] if mutant.place else mutant.line
        within = [lines for lines in self._statements if line in lines]
        return min(within, key=len, default=range(line, line + 1))

    @cached_property
    def _statements(self) -> list[range]:
        statements = []
        for node in ast.walk(ast.parse(self.source)):
            if isinstance(node, ast.stmt):
                body = getattr(node, "body", None)
                last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
                statements.append(range(node.lineno, max(last, node.lineno) + 1))
        return statements

    @cached_property
    def _names(self) -> list[str]:
        return list(self.seconds)

    @cached_property
    def _neighbours(self) -> set[int]:
        reaching = {test for tests in self.coverage.tests.values() for test in tests}
        files = {_file(self._names[test]) for test in reaching}
        return {number for number, name in enumerate(self._names) if _file(name) in files}


def _file(test: str) -> str:
    return test.partition("::")[0]


class _CoverageWatch:
    """A plugin that tells coverage which test runs, and keeps the seconds of each."""

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
        self.pytest_collectreport(report)

    def pytest_collectreport(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.failed:
            self.failed[report.nodeid] = str(report.longreprtext).strip().splitlines()[-1]


def main(arguments: Sequence[str]) -> int:
    """Runs the tests that a file names, and replaces the file by the result."""
    result = Path(arguments[0])
    request = json.loads(result.read_bytes())
    files = {
        name: str(Path("pipeline", "kernelproof", name).absolute()) for name in request["files"]
    }
    include = [*files.values()]
    coverage = Coverage(data_file=None, branch=True, include=include, config_file=False)
    coverage.exclude(_GUARD)
    watch = _CoverageWatch(coverage)
    with coverage.collect():
        pytest.main(["-q", "--tb=short", "--no-header", *request["tests"]], plugins=[watch])
    numbers = {test: number for number, test in enumerate(watch.seconds)}
    run = {
        "seconds": watch.seconds,
        "failed": watch.failed,
        "files": {
            name: _coverage_of(coverage, file, result, numbers) for name, file in files.items()
        },
    }
    result.write_text(json.dumps(run), encoding="utf-8")
    return 0


def _coverage_of(
    coverage: Coverage, file: str, beside: Path, numbers: Mapping[str, int]
) -> dict[str, Any]:
    """Returns the fields of `FileCoverage` for one file."""
    path = beside.with_name("coverage.json")
    coverage.json_report(morfs=[file], outfile=str(path))
    (report,) = json.loads(path.read_bytes())["files"].values()
    contexts = coverage.get_data().contexts_by_lineno(file)
    return {
        "statements": report["summary"]["num_statements"],
        "branches": report["summary"]["num_branches"],
        "missing_lines": report["missing_lines"],
        "missing_branches": report["missing_branches"],
        "tests": {
            line: sorted(numbers[test] for test in tests if test)
            for line, tests in contexts.items()
            if line > 0
        },
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
