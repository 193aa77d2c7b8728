"""A run of the mutants of verdict code, by its unit tests, in a copy of the tree."""

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.records.mutation_run import CoveredFile
from kernelproof.selftest.mutation import mutant_list
from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.mutant_list import VERDICTS, VerdictMutantList
from kernelproof.selftest.mutation.mutant_messages import MutantAnswer, MutantRequest
from kernelproof.selftest.mutation.mutant_plan import chosen, plan_verdicts
from kernelproof.selftest.mutation.mutant_pool import MutantPool
from kernelproof.selftest.mutation.mutant_status import MutantVerdict, judge
from kernelproof.selftest.mutation.verdict_coverage import (
    CoverageRun,
    FileCoverage,
    MutantReach,
    run_tests,
)

# The copy is enough to install from, as a test does: pyproject.toml names README.md and LICENSE.
_FILES = ("README.md", "LICENSE", "pyproject.toml", "noxfile.py", "matrix.yaml")
_FOLDERS = ("kernels", "pipeline", "tests")
_WORKER = "kernelproof.selftest.mutation.verdict_worker"
_SECONDS_MORE, _TIMES_UNMUTATED = 60, 3  # what the tests of a mutant may take


class VerdictRun:
    """The mutants of verdict code; first the tests run once, with coverage."""

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
        row, by_id = matrix.load().rows[self.row], {mutant.id: mutant for mutant in self.mutants}
        with tempfile.TemporaryDirectory(prefix="verdict-mutants-") as name:
            # Run the tests once, in a copy in which nobody edits a file meanwhile.
            tree = _copy_tree(Path(name) / "tree")
            path = {"PYTHONPATH": python_path(tree)}
            files, tests = self.entries.matched_files(tree), self.entries.matched_tests(tree)
            environment = {**os.environ, **path, **row.environment}
            run = run_tests(tree, {"files": files, "tests": tests}, environment)
            # Run each mutant against the tests that reach it.
            requests = [request for request in _requests(self.mutants, run) if request.cases]
            with MutantPool(
                name=str(tree), row=row, workers=self.workers, module=_WORKER, root=tree
            ) as pool:
                answers = pool.ask_all(
                    requests, lambda answer: self._judge(by_id[answer.id], answer).status
                )
        self.case_seconds = run.seconds
        verdicts = [self._judge(mutant, answers.get(mutant.id)) for mutant in self.mutants]
        self.files = [
            _covered_file(name, coverage, verdicts) for name, coverage in run.files.items()
        ]
        return verdicts

    def _judge(self, mutant: Mutant, answer: MutantAnswer | None) -> MutantVerdict:
        outcomes = answer.outcomes if answer else []
        return judge(mutant, outcomes, backend="interpreter", is_reached=True)


def _covered_file(
    name: str, coverage: FileCoverage, verdicts: Sequence[MutantVerdict]
) -> CoveredFile:
    own = (verdict for verdict in verdicts if verdict.mutant.file == name)
    return CoveredFile(
        file=f"pipeline/kernelproof/{name}",
        **coverage.model_dump(exclude={"tests"}),
        seconds=sum(outcome.seconds for verdict in own for outcome in verdict.outcomes),
    )


def _requests(mutants: Sequence[Mutant], run: CoverageRun) -> list[MutantRequest]:
    sources = {mutant.file: mutant.original for mutant in mutants}
    reach = {file: MutantReach(file, source, run) for file, source in sources.items()}
    requests = []
    for mutant in mutants:
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


def _copy_tree(tree: Path) -> Path:
    """Copies the working tree; returns the copy."""
    tree.mkdir()
    for name in _FILES:
        shutil.copy(ROOT / name, tree / name)
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tree
