"""One run of the mutants of verdict code, by its unit tests, in a copy of the tree."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kernelproof.plan import matrix, repository
from kernelproof.plan.repository import python_path
from kernelproof.records.mutation_run import CoveredFile, VerdictMutationRun
from kernelproof.selftest.mutation import mutant_list, mutant_tables
from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.mutant_list import VERDICTS, VerdictMutantList
from kernelproof.selftest.mutation.mutant_messages import MutantAnswer, MutantRequest
from kernelproof.selftest.mutation.mutant_plan import chosen, plan_verdicts
from kernelproof.selftest.mutation.mutant_pool import MutantPool
from kernelproof.selftest.mutation.mutant_status import MutantVerdict, judge
from kernelproof.selftest.mutation.verdict_coverage import CoverageRun, MutantReach, run_tests

_PARTS = ("pyproject.toml", "noxfile.py", "matrix.yaml", "kernels", "pipeline", "tests")
_WORKER = "kernelproof.selftest.mutation.verdict_worker"
_SECONDS_MORE, _TIMES_UNMUTATED = 60, 3  # what the tests of a mutant may take


class VerdictRun:
    """The mutants of verdict code; first the tests run once, with coverage."""

    FILE = "verdict-mutants.json"

    def __init__(self, options: argparse.Namespace) -> None:
        self.row = "cpu"  # whose environment nox -s tests has
        self.entries = mutant_list.read(VERDICTS, VerdictMutantList)
        mutants = chosen(plan_verdicts(self.entries), "file", options.file)
        self.mutants = chosen(mutants, "mutant", options.mutant)
        self.workers = options.workers or os.cpu_count() or 1
        self.case_seconds: dict[str, float] = {}
        self.files: list[CoveredFile] = []

    def verdicts(self) -> list[MutantVerdict]:
        """Runs the tests with coverage, then each mutant against the tests that reach it."""
        row = matrix.load().rows[self.row]
        with tempfile.TemporaryDirectory(prefix="verdict-mutants-") as name:
            tree = _copy_tree(Path(name) / "tree")
            path = {"PYTHONPATH": python_path(tree)}
            files, tests = self.entries.matched_files(tree), self.entries.matched_tests(tree)
            environment = {**os.environ, **path, **row.environment}
            run = run_tests(tree, {"files": files, "tests": tests}, environment)
            requests = self._requests(run)
            with MutantPool(
                name=str(tree), row=row, workers=self.workers, module=_WORKER, root=tree
            ) as pool:
                answers = pool.ask_all([request for request in requests if request.cases])
        self._keep(run, answers)
        return [self._judge(mutant, answers.get(mutant.id)) for mutant in self.mutants]

    def table(self, verdicts: Sequence[MutantVerdict]) -> list[str]:
        """Returns the table by file."""
        return mutant_tables.file_table(self.files, verdicts)

    def summary(self, _: Sequence[MutantVerdict]) -> Iterator[str]:
        """Yields nothing: the table by file says all."""
        yield from ()

    def gaps(self, _: Sequence[MutantVerdict]) -> Iterator[str]:
        """Yields a line for each file that the tests do not cover."""
        yield from mutant_tables.gaps(self.files)

    def record(self, _: Sequence[MutantVerdict], **facts: Any) -> VerdictMutationRun:
        """Returns the stored form of the run."""
        return VerdictMutationRun(**facts, enough=[], files=self.files)

    def _requests(self, run: CoverageRun) -> list[MutantRequest]:
        sources = {mutant.file: mutant.original for mutant in self.mutants}
        reach = {file: MutantReach(file, source, run) for file, source in sources.items()}
        requests = []
        for mutant in self.mutants:
            tests = reach[mutant.file].tests(mutant)
            seconds = _SECONDS_MORE + _TIMES_UNMUTATED * sum(run.seconds[test] for test in tests)
            requests.append(
                MutantRequest(
                    id=mutant.id,
                    kernel="",
                    file=mutant.file,
                    text=mutant.text,
                    cases=tests,
                    seconds=round(seconds),
                    is_brief=True,
                )
            )
        return requests

    def _keep(self, run: CoverageRun, answers: dict[str, MutantAnswer]) -> None:
        """Keeps the seconds of the tests, and each file's coverage with its mutants' seconds."""
        seconds = {name: sum(part.seconds for part in answers[name].outcomes) for name in answers}
        self.case_seconds = run.seconds
        self.files = [
            CoveredFile(
                file=f"pipeline/kernelproof/{name}",
                **coverage.model_dump(exclude={"tests"}),
                seconds=sum(
                    seconds.get(mutant.id, 0) for mutant in self.mutants if mutant.file == name
                ),
            )
            for name, coverage in run.files.items()
        ]

    def _judge(self, mutant: Mutant, answer: MutantAnswer | None) -> MutantVerdict:
        outcomes = answer.outcomes if answer else ()
        return judge(mutant, outcomes, backend="interpreter", is_reached=True)


def _copy_tree(tree: Path) -> Path:
    """Copies the working tree, so that nobody edits a file meanwhile; returns the copy."""
    tree.mkdir()
    for part in _PARTS:
        if (repository.ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(repository.ROOT / part, tree / part, ignore=ignored)
        else:
            shutil.copy(repository.ROOT / part, tree / part)
    return tree
