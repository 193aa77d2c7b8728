"""``python -m kernelproof.checks.perf``: compares two commits, or finds the first slower one.

On a GPU row the kernels of both commits are timed in the same processes. On a row that is
interpreted, the costs of their generated code are compared.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from kernelproof.checks.perf import commit_comparison
from kernelproof.checks.perf.bisection import Bisection, CommitJudge, commit_compiler
from kernelproof.checks.perf.commit_comparison import CommitComparison, CompiledCode, compare_costs
from kernelproof.checks.row_gpu import find_gpu
from kernelproof.errors import Exit, UsageError, run_command
from kernelproof.machine.gpu_lock import exclusive_gpu
from kernelproof.machine.worktree import between, require_commit, subject_of, worktree
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case, Selection
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check, Matrix
from kernelproof.records.verdict import Verdict

_WORKERS = os.cpu_count() or 1
_SAY = partial(print, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 not slower, 1 slower or a first slower commit, 75 undecided."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    row = plan.rows.get(options.on)
    if row is None:
        raise UsageError(f"--on: found {options.on!r}, expected one of {', '.join(plan.rows)}")
    is_timed = row.backend != "interpreter"
    if not options.against:
        return _bisect(plan, options, is_timed=is_timed)
    commit = require_commit("--against", options.against)
    print(f"against {subject_of(commit)}")
    compare = _compare_times if is_timed else _compare_costs
    return compare(plan, options, commit)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s perf-regress --",
        description=__doc__,
        epilog="exit codes: 0 nothing is slower, 1 something is, 75 undecided: run it again",
    )
    parser.add_argument("--on", required=True, help=argparse.SUPPRESS)
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--against", metavar="REF", help="the commit to compare this tree with")
    group.add_argument("--bisect", metavar="GOOD..BAD", help="find the first slower commit")
    Selection.add_options(parser.add_argument)
    return parser


def _timed_limits(plan: Matrix, options: Any) -> dict[Case, float]:
    """Returns the limit in percent of each selected perf case of the row.

    Raises UsageError if there is none.
    """
    selection = Selection.of(options)
    limits = {
        planned.case: planned.limit_percent or 0.0
        for planned in cases.plan(plan, selection, [Check.PERF])
        if planned.case.row == options.on and not planned.skip
    }
    if not limits:
        within = " ".join(["", *selection.arguments()])
        message = f"--on {options.on}: found no perf case to time within{within}; name another"
        raise UsageError(message)
    return limits


def _compare_times(plan: Matrix, options: Any, commit: str) -> int:
    with ExitStack() as stack:
        stack.enter_context(exclusive_gpu(find_gpu(options.on, plan.rows[options.on]).lock))
        reference_tree = stack.enter_context(worktree(commit))
        verdicts = _verdicts(options.on, _timed_limits(plan, options), reference_tree, None)
    counts = Counter(verdicts)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    if counts[Verdict.SLOWER]:
        return Exit.BLOCKED
    return Exit.INCONCLUSIVE if counts[Verdict.INCONCLUSIVE] else Exit.GOOD


def _verdicts(
    row: str, limits: Mapping[Case, float], reference_tree: Path, tree: Path | None
) -> list[Verdict]:
    """Prints the comparison of each case, and returns their verdicts."""
    compared = CommitComparison(
        row=row, limits=limits, reference_tree=reference_tree, tree=tree, say=_SAY
    ).run()
    for pair in compared:
        print(pair)
    return [pair.verdict for pair in compared]


def _compiled_limits(plan: Matrix, options: Any) -> dict[str, float]:
    """Returns the limit in percent of each selected kernel whose code is compiled.

    Raises UsageError if there is none.
    """
    names = options.kernel or list(plan.kernels)
    limits = {
        name: kernel.perf.limit_percent
        for name, kernel in plan.kernels.items()
        if name in names and kernel.perf and kernel.codegen is not None
    }
    if not limits:
        raise UsageError(
            f"--kernel: found {', '.join(names)}, expected one with perf: and codegen:"
        )
    return limits


def _compare_costs(plan: Matrix, options: Any, commit: str) -> int:
    limits = _compiled_limits(plan, options)
    settings = list(limits), plan.architectures
    with commit_comparison.commit_tree(commit) as root:
        old = commit_comparison.compile_kernels(root, *settings, workers=_WORKERS)
    new = commit_comparison.compile_kernels(ROOT, *settings, workers=_WORKERS)
    changes = compare_costs(old, new)
    dearer = [change for change in changes if change.is_dearer(limits[change.name[0]])]
    for change in changes:
        if not change.is_same:
            print(f"{'dearer' if change in dearer else 'changed'}  {change}")
    same = sum(change.is_same for change in changes)
    print(f"{same} same, {len(changes) - same} changed, of which {len(dearer)} dearer")
    return Exit.BLOCKED if dearer else Exit.GOOD


def _bisect(plan: Matrix, options: Any, *, is_timed: bool) -> int:
    names = options.bisect.split("..")
    if len(names) != 2 or not all(names):  # noqa: PLR2004  (GOOD and BAD)
        raise UsageError(f"--bisect: found {options.bisect!r}, expected GOOD..BAD, two commits")
    good, bad = (require_commit("--bisect", name) for name in names)
    if not (commits := between(good, bad)):
        raise UsageError(f"--bisect: found no commit after {names[0]} up to {names[1]}")
    limits = _compiled_limits(plan, options)
    architectures = [plan.rows[options.on].arch] if is_timed else list(plan.architectures)
    with ExitStack() as stack:
        if is_timed:
            stack.enter_context(exclusive_gpu(find_gpu(options.on, plan.rows[options.on]).lock))
        bisection = Bisection(
            good=good,
            commits=commits,
            compile=commit_compiler(list(limits), architectures, workers=_WORKERS),
            is_worse=_slower_judge(plan, options) if is_timed else partial(_is_dearer, limits),
            say=_SAY,
        )
        first = bisection.run()
    if first is None:
        print(f"{names[1]} is not slower than {names[0]}")
        return Exit.GOOD
    print(f"first slower: {subject_of(first)}")
    return Exit.BLOCKED


def _is_dearer(
    limits: Mapping[str, float], _good: str, _commit: str, old: CompiledCode, new: CompiledCode
) -> bool:
    """Tells on the cpu row if a build of a commit is dearer."""
    return any(change.is_dearer(limits[change.name[0]]) for change in compare_costs(old, new))


def _slower_judge(plan: Matrix, options: Any) -> CommitJudge:
    """Returns the judge of a GPU row: a commit is worse if a case is slower."""
    limits = _timed_limits(plan, options)

    def is_slower(good: str, commit: str, _old: CompiledCode, _new: CompiledCode) -> bool:
        with worktree(good) as reference_tree, worktree(commit) as tree:
            return Verdict.SLOWER in _verdicts(options.on, limits, reference_tree, tree)

    return is_slower


if __name__ == "__main__":
    sys.exit(run_command(main))
