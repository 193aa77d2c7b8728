"""``python -m kernelproof.checks.perf``: two commits beside each other, or the one that made the difference.

On a GPU row the kernels of both are timed in the same processes; on a row that is interpreted, what
their generated code costs is compared.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import Any

from kernelproof.checks.perf import commit_costs
from kernelproof.checks.perf.bisection import Bisection, CommitJudge, compiled
from kernelproof.checks.perf.commit_comparison import CommitComparison
from kernelproof.checks.perf.judge import Speed
from kernelproof.errors import Exit, UsageError, run_command
from kernelproof.machine import gpus
from kernelproof.machine.worktree import between, require_commit, subject_of, worktree
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case, Selection
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Check, Matrix

_WORKERS = os.cpu_count() or 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 not slower, 1 slower, or found; 75 undecided."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    row = plan.rows.get(options.on)
    if row is None:
        raise UsageError(f"--on: found {options.on!r}, expected one of {', '.join(plan.rows)}")
    is_timed = row.backend != "interpreter"
    if options.against:
        commit = require_commit("--against", options.against)
        print(f"against {subject_of(commit)}")
        if is_timed:
            return _timed(plan, options, commit)
        return _counted(plan, options, commit)
    return _bisect(plan, options, is_timed=is_timed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s perf-regress --",
        description=__doc__,
        epilog="exit codes: 0 nothing is slower, 1 something is, 75 undecided: run it again",
    )
    parser.add_argument("--on", required=True, help=argparse.SUPPRESS)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--against", metavar="REF", help="the commit to compare this tree with")
    what.add_argument("--bisect", metavar="GOOD..BAD", help="find the first slower commit")
    Selection.add_options(parser.add_argument)
    return parser


def _limits(plan: Matrix, options: Any) -> dict[Case, float]:
    """The perf cases of the row within the selection, and their limits; UsageError for none."""
    selection = Selection.of(options)
    planned = cases.plan(plan, selection, [Check.PERF])
    found = [one for one in planned if one.case.row == options.on and not one.skip]
    if not found:
        within = " ".join(["", *selection.arguments()])
        message = f"--on {options.on}: found no perf case to time within{within}; name another"
        raise UsageError(message)
    return {one.case: one.limit_percent or 0.0 for one in found}


def _on_the_gpu(plan: Matrix, row: str, stack: ExitStack) -> None:
    """Takes the turn on this machine's GPU; NotTheRowError where it is another one."""
    os.environ.update(plan.rows[row].environment)  # Triton reads it as it is imported
    machine, monitor = (
        import_module("kernelproof.measure.torch_device"),
        import_module("kernelproof.machine.gpu_monitor"),
    )
    device = machine.device_of(row, plan.rows[row])
    gpu = gpus.lock_of(machine.uuid_of(device), plan.rows[row])
    stack.enter_context(monitor.turn_on(gpu))


def _timed(plan: Matrix, options: Any, commit: str) -> int:
    with ExitStack() as stack:
        _on_the_gpu(plan, options.on, stack)
        root = stack.enter_context(worktree(commit))
        return _told(_beside(options.on, _limits(plan, options), root, None))


def _beside(row: str, limits: Mapping[Case, float], root: Path, tree: Path | None) -> list[Speed]:
    pairs = CommitComparison(row=row, limits=limits, root=root, tree=tree, told=_say).run()
    for pair in pairs:
        print(pair)
    return [pair.speed for pair in pairs]


def _told(speeds: Sequence[Speed]) -> int:
    counts = Counter(speeds)
    print(", ".join(f"{count} {speed}" for speed, count in sorted(counts.items())))
    if counts[Speed.SLOWER]:
        return Exit.BLOCKED
    return Exit.INCONCLUSIVE if counts[Speed.INCONCLUSIVE] else Exit.GOOD


def _locked(plan: Matrix, options: Any) -> dict[str, float]:
    """The kernels whose code is compiled, and the limit of each, in percent."""
    wanted = options.kernel or list(plan.kernels)
    found = {
        name: kernel.perf.limit_percent
        for name, kernel in plan.kernels.items()
        if name in wanted and kernel.perf and kernel.codegen is not None
    }
    if not found:
        message = f"--kernel: found {', '.join(wanted)}, expected one with perf: and codegen:"
        raise UsageError(message)
    return found


def _counted(plan: Matrix, options: Any, commit: str) -> int:
    limits = _locked(plan, options)
    with commit_costs.tree_of(commit) as root:
        old = commit_costs.code_of(root, list(limits), plan.architectures, workers=_WORKERS)
    new = commit_costs.code_of(ROOT, list(limits), plan.architectures, workers=_WORKERS)
    found = commit_costs.compare(old, new)
    dearer = [one for one in found if one.is_dearer(limits[one.name[0]])]
    for one in found:
        if not one.is_same:
            print(f"{'dearer' if one in dearer else 'changed'}  {one}")
    same = sum(one.is_same for one in found)
    print(f"{same} same, {len(found) - same} changed, of which {len(dearer)} dearer")
    return Exit.BLOCKED if dearer else Exit.GOOD


def _bisect(plan: Matrix, options: Any, *, is_timed: bool) -> int:
    names = options.bisect.split("..")
    if len(names) != 2 or not all(names):  # noqa: PLR2004  (GOOD and BAD)
        raise UsageError(f"--bisect: found {options.bisect!r}, expected GOOD..BAD, two commits")
    good, bad = (require_commit("--bisect", name) for name in names)
    if not (commits := between(good, bad)):
        raise UsageError(f"--bisect: found no commit after {names[0]} up to {names[1]}")
    limits = _locked(plan, options)
    architectures = [plan.rows[options.on].arch] if is_timed else list(plan.architectures)
    with ExitStack() as stack:
        if is_timed:
            _on_the_gpu(plan, options.on, stack)
        bisection = Bisection(
            good=good,
            commits=commits,
            compile=compiled(list(limits), architectures, workers=_WORKERS),
            is_worse=_is_slower(plan, options) if is_timed else _is_dearer(limits),
            told=_say,
        )
        first = bisection.run()
    if first is None:
        print(f"{names[1]} is not slower than {names[0]}")
        return Exit.GOOD
    print(f"first slower: {subject_of(first)}")
    return Exit.BLOCKED


def _is_dearer(limits: Mapping[str, float]) -> CommitJudge:
    def judge(_good: str, _commit: str, old: commit_costs.Code, new: commit_costs.Code) -> bool:
        return any(one.is_dearer(limits[one.name[0]]) for one in commit_costs.compare(old, new))

    return judge


def _is_slower(plan: Matrix, options: Any) -> CommitJudge:
    limits = _limits(plan, options)

    def judge(good: str, commit: str, _old: commit_costs.Code, _new: commit_costs.Code) -> bool:
        with worktree(good) as root, worktree(commit) as tree:
            return Speed.SLOWER in _beside(options.on, limits, root, tree)

    return judge


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(run_command(main))
