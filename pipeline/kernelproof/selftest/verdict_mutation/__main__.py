"""``python -m kernelproof.selftest.verdict_mutation``: branch coverage, and mutants, of the code that judges."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, UsageError, did_you_mean, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.plan import matrix, repository
from kernelproof.plan.repository import python_path
from kernelproof.records import record_files
from kernelproof.selftest.mutation.exchange_messages import Answers, Asked
from kernelproof.selftest.mutation.kernel_mutants import Planted
from kernelproof.selftest.mutation.mutant_pool import Pool, progress
from kernelproof.selftest.mutation.mutant_status import Judged, judge
from kernelproof.selftest.verdict_mutation import verdict_list, verdict_tables
from kernelproof.selftest.verdict_mutation.test_coverage import Measured, measured
from kernelproof.selftest.verdict_mutation.test_reach import Reach
from kernelproof.selftest.verdict_mutation.verdict_mutants import plan

_DESCRIPTION = "Branch coverage, and mutants, of the code that judges: do its tests see each?"
_PARTS = ("pyproject.toml", "noxfile.py", "matrix.yaml", "kernels", "pipeline", "tests")
_ROW = "cpu"  # whose environment the tests have under nox -s tests
_SECONDS_MORE = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where everything is covered and killed, 1 where not, or the error's own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left behind
    options = _parser().parse_args(arguments)
    listed = verdict_list.read()
    planted = _chosen(plan(listed), options)
    if options.list:
        for one in planted:
            print(f"{one.mutant.id}  {one.mutant.before!r} -> {one.mutant.after!r}")
        return Exit.GOOD
    started, state = time.monotonic(), revision.current()
    with tempfile.TemporaryDirectory(prefix="judged-") as name:
        tree = _copied(Path(name) / "tree")
        path = {"PYTHONPATH": python_path(tree)}
        environment = {**os.environ, **path, **matrix.load().rows[_ROW].environment}
        asked = {"files": listed.judging(tree), "tests": listed.asking(tree)}
        found = measured(tree, asked, environment)
        answers = _answers(planted, found, tree, options.workers)
    judged = [
        judge(one, of.answers, backend="interpreter", is_reached=True)
        for one, of in zip(planted, answers, strict=True)
    ]
    seconds = {one.id: sum(answer.seconds for answer in one.answers) for one in answers}
    words = {"commit": state.commit, "dirty": state.dirty}
    words |= {"seconds": round(time.monotonic() - started, 1)}
    return _tell(options, found, judged, seconds, words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s judge --", description=_DESCRIPTION)
    several: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--file", **several, metavar="NAME", help="only mutants of this file")
    parser.add_argument("--mutant", **several, metavar="ID", help="only this one, in detail")
    parser.add_argument("--list", action="store_true", help="name the mutants, run none")
    text = "processes that run mutants at once"
    parser.add_argument(
        "--workers", type=positive, default=os.cpu_count() or 1, metavar="N", help=text
    )
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _chosen(planted: Sequence[Planted], options: argparse.Namespace) -> list[Planted]:
    """All, or those of the files and the ids that are named."""
    files = [one.mutant.file for one in planted]
    ids = [one.mutant.id for one in planted]
    for option, names, known in (("file", options.file, files), ("mutant", options.mutant, ids)):
        for name in names:
            if name not in known:
                mend = did_you_mean(name, known) or "nox -s judge -- --list names them"
                raise UsageError(f"--{option}: found {name!r}, expected a {option}'s name; {mend}")
    return [
        one
        for one, file, name in zip(planted, files, ids, strict=True)
        if (not options.file or file in options.file)
        and (not options.mutant or name in options.mutant)
    ]


def _copied(tree: Path) -> Path:
    """A copy of the working tree, in which nobody edits a file meanwhile."""
    tree.mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    for part in _PARTS:
        if (repository.ROOT / part).is_dir():
            shutil.copytree(repository.ROOT / part, tree / part, ignore=ignored)
        else:
            shutil.copy(repository.ROOT / part, tree / part)
    return tree


def _answers(
    planted: Sequence[Planted], found: Measured, tree: Path, workers: int
) -> list[Answers]:
    sources = {one.mutant.file: one.source for one in planted}
    reach = {file: Reach(file, source, found) for file, source in sources.items()}
    every = [_asked(one, reach[one.mutant.file].tests(one.mutant), found) for one in planted]
    asked = [one for one in every if one.cases]
    row = matrix.load().rows[_ROW]
    with Pool(
        name=str(tree),
        row=row,
        workers=workers,
        module="kernelproof.selftest.verdict_mutation.verdict_worker",
    ) as pool:
        answers = {one.id: one for one in pool.ask_all(asked, progress(len(asked)))}
    return [answers.get(one.id, Answers(id=one.id, answers=[])) for one in every]


def _asked(one: Planted, tests: list[str], found: Measured) -> Asked:
    seconds = _SECONDS_MORE + 3 * sum(found.seconds[test] for test in tests)
    return Asked(
        id=one.mutant.id,
        kernel="",
        file=one.mutant.file,
        text=one.mutant.text,
        cases=tests,
        seconds=round(seconds),
    )


def _tell(
    options: argparse.Namespace,
    found: Measured,
    judged: Sequence[Judged],
    seconds: dict[str, float],
    words: dict[str, Any],
) -> int:
    if options.mutant:
        for one in judged:
            print("\n".join(verdict_tables.detail(one)))
    else:
        file = options.results / "judge.json"
        write_whole(file, verdict_tables.as_json(found, judged, seconds, words))
        print("\n".join(verdict_tables.table(found, judged, seconds)))
        print()
    missing = verdict_tables.gaps(found)
    blocking = [one for one in judged if one.status.blocks]
    for line in missing:
        print(line)
    for one in () if options.mutant else blocking:
        print("\n".join(verdict_tables.blocking(one)))
    print(verdict_tables.summary(judged))
    is_red = bool(missing or blocking)
    print(f"{'BLOCKED' if is_red else 'GOOD'}: {len(judged)} mutants in {words['seconds']:.0f} s")
    return Exit.BLOCKED if is_red else Exit.GOOD


if __name__ == "__main__":
    sys.exit(run_command(main))
