"""``python -m kernelproof.selftest.mutation``: plants faults, and asks whether each is noticed."""

import argparse
import datetime
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, UsageError, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.records import record_files
from kernelproof.records.mutation_run import MutationRun, VerdictMutationRun
from kernelproof.selftest.mutation.kernel_run import KernelRun
from kernelproof.selftest.mutation.mutant_status import MutantVerdict, minimal_cases, score
from kernelproof.selftest.mutation.mutant_tables import (
    blocking,
    detail,
    file_table,
    gaps,
    kills_by_distribution,
    operator_table,
    record_of,
    score_line,
)
from kernelproof.selftest.mutation.verdict_run import VerdictRun

_DESCRIPTION = """Plants faults into the kernels and asks whether parity's cases kill each, or into
the code that makes and tells verdicts and asks whether its unit tests do, and cover all of it."""
# The options of each target, which the other one refuses.
_OPTIONS = {"kernels": ("row", "kernel", "own", "quick"), "verdicts": ("file",)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if every mutant that has to be killed is, else 1, or the code of an error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left behind
    options = _parser().parse_args(arguments)
    for target, names in _OPTIONS.items():
        for name in names if target != options.of else ():
            if getattr(options, name):
                message = f"found it with --of {options.of}, expected it with --of {target} alone"
                raise UsageError(f"--{name}: {message}")
    run = VerdictRun(options) if options.of == "verdicts" else KernelRun(options)
    if options.list:
        for mutant in run.mutants:
            print(f"{mutant.id}  {mutant.before!r} -> {mutant.after!r}")
        return Exit.GOOD
    # Run the mutants.
    started, state = time.monotonic(), revision.current()
    verdicts = run.verdicts()
    seconds = round(time.monotonic() - started, 1)
    # Store and tell what became of them.
    is_whole = isinstance(run, KernelRun) and not run.is_quick
    minimal = minimal_cases(verdicts, run.case_seconds) if is_whole else ()
    facts = {"commit": state.commit, "dirty": state.dirty, "seconds": seconds, "enough": [*minimal]}
    if not options.mutant:
        _store(run, verdicts, facts, options.results)
    lines, is_good = _words(run, verdicts, minimal, is_detailed=bool(options.mutant))
    print("\n".join(lines))
    print(f"{'GOOD' if is_good else 'BLOCKED'}: {len(verdicts)} mutants in {seconds:.0f} s")
    return Exit.GOOD if is_good else Exit.BLOCKED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description=_DESCRIPTION)
    several: dict[str, Any] = {"action": "append", "default": []}
    text = "what the faults are planted into: kernels, or the code that makes and tells verdicts"
    parser.add_argument("--of", choices=list(_OPTIONS), default="kernels", help=text)
    parser.add_argument("--mutant", **several, metavar="ID", help="only this mutant, in detail")
    parser.add_argument("--list", action="store_true", help="name the mutants, run none")
    text = "processes that run mutants at once; by default one a core, as the GPU's memory allows"
    parser.add_argument("--workers", type=positive, metavar="N", help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    kernels = parser.add_argument_group("mutants of kernels")
    kernels.add_argument("--row", metavar="ROW", help="the row that this machine is; else cpu")
    kernels.add_argument("--kernel", **several, metavar="NAME", help="only mutants of this kernel")
    text = "only mutants of files that this row's backend alone runs"
    kernels.add_argument("--own", action="store_true", help=text)
    text = "only the cases that are enough, and of these none behind the first that kills"
    kernels.add_argument("--quick", action="store_true", help=text)
    verdicts = parser.add_argument_group("mutants of verdicts")
    verdicts.add_argument("--file", **several, metavar="NAME", help="only mutants of this file")
    return parser


def _store(
    run: KernelRun | VerdictRun,
    verdicts: Sequence[MutantVerdict],
    facts: dict[str, Any],
    folder: Path,
) -> None:
    """Writes the run into the results folder."""
    facts |= {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "row": run.row,
        "cases": list(run.case_seconds),
        "score": score(verdicts),
        "statuses": dict(Counter(verdict.status for verdict in verdicts)),
        "mutants": [record_of(verdict) for verdict in verdicts],
    }
    if isinstance(run, KernelRun):
        name, record = "mutants.json", MutationRun(**facts)
    else:
        name, record = "verdict-mutants.json", VerdictMutationRun(**facts, files=run.files)
    write_whole(folder / name, record.model_dump_json(indent=1) + "\n")


def _words(
    run: KernelRun | VerdictRun,
    verdicts: Sequence[MutantVerdict],
    minimal: Sequence[str],
    *,
    is_detailed: bool,
) -> tuple[list[str], bool]:
    """Returns the lines of the run, and whether nothing of it blocks."""
    red = [verdict for verdict in verdicts if verdict.status.blocks]
    if isinstance(run, KernelRun):
        table, faults = operator_table(verdicts), [*run.gaps(verdicts)]
        count = f"{len(minimal)} of {len(run.case_seconds)} cases are enough"
        enough = [f"{count}: {', '.join(minimal)}"] if minimal else []
        summary = [kills_by_distribution(verdicts), *enough]
    else:
        table, faults, summary = file_table(run.files, verdicts), [*gaps(run.files)], []
    lines = [line for verdict in verdicts for line in detail(verdict)] if is_detailed else table
    blocks = [] if is_detailed else [line for verdict in red for line in blocking(verdict)]
    return [*lines, "", *blocks, *summary, *faults, score_line(verdicts)], not red and not faults


if __name__ == "__main__":
    sys.exit(run_command(main))
