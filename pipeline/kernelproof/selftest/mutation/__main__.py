"""``python -m kernelproof.selftest.mutation``: plants faults into kernels, and asks whether parity sees each.

On a GPU row the faults of its own kernels and launch settings run, too.
"""

import argparse
import datetime
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, UsageError, UserError, did_you_mean, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.schema import Matrix, Row
from kernelproof.records import record_files
from kernelproof.selftest.mutation import mutant_tables
from kernelproof.selftest.mutation.exchange_messages import Answer, Answers, Asked
from kernelproof.selftest.mutation.kernel_coverage import is_reached
from kernelproof.selftest.mutation.kernel_mutants import Planted, plan
from kernelproof.selftest.mutation.mutant_pool import Pool, progress
from kernelproof.selftest.mutation.mutant_status import Judged, enough, judge, left_alive

_DESCRIPTION = "Plants faults into kernels, and asks whether parity sees each."
_GB_A_WORKER = 20  # twice the far rows of parity in fp32, and what a process takes by itself
_TRACED = 10  # how many times as long the unmutated kernel may take, while it is traced


class NotGreenError(UserError):
    """A kernel whose cases do not pass as it stands: its mutants would say nothing."""

    exit = Exit.BLOCKED


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where all that has to be killed is, 1 where not, or the error's own."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left behind
    options = _parser().parse_args(arguments)
    the_matrix = matrix.load()
    kernels = _kernels(the_matrix, options.kernel)
    planted = [one for kernel in kernels for one in plan(kernel)]
    planted = _chosen(planted, options.mutant)
    if options.row not in the_matrix.rows:
        known = list(the_matrix.rows)
        message = f"--row: found {options.row!r}, expected one of {', '.join(known)}"
        raise UsageError(f"{message}; {did_you_mean(options.row, known)}")
    if options.own:
        backend = the_matrix.rows[options.row].backend
        planted = [one for one in planted if one.backend == backend]
        if not planted:
            raise UsageError(f"--own: found no mutant that only {options.row} runs; leave it out")
    if options.list:
        for one in planted:
            print(f"{one.mutant.id}  {one.mutant.before!r} -> {one.mutant.after!r}")
        return Exit.GOOD
    started = time.monotonic()
    run = _Run(the_matrix, planted, options)
    judged = run.judged()
    seconds = round(time.monotonic() - started, 1)
    return _tell(run, judged, options, seconds)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s mutants --", description=_DESCRIPTION)
    several: dict[str, Any] = {"action": "append", "default": []}
    parser.add_argument("--row", default="cpu", metavar="ROW", help="the row that this machine is")
    parser.add_argument("--kernel", **several, metavar="NAME", help="only mutants of this kernel")
    parser.add_argument("--mutant", **several, metavar="ID", help="only this one, in detail")
    text = "only those of files that this row's backend alone runs"
    parser.add_argument("--own", action="store_true", help=text)
    text = "only the cases that are enough, and no more of them once one has killed a mutant"
    parser.add_argument("--quick", action="store_true", help=text)
    parser.add_argument("--list", action="store_true", help="name the mutants, run none")
    text = "processes that run mutants at once; by default one a core, as the GPU's memory allows"
    parser.add_argument("--workers", type=positive, metavar="N", help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _workers(row: Row) -> int:
    """One a core; on a GPU no more than have memory for rows that are far apart."""
    cores = os.cpu_count() or 1
    return min(cores, max(1, row.memory_gb // _GB_A_WORKER)) if row.is_compiled else cores


def _kernels(the_matrix: Matrix, named: Sequence[str]) -> list[str]:
    known = [name for name, kernel in the_matrix.kernels.items() if kernel.mutants]
    for name in named:
        if name not in known:
            mend = did_you_mean(name, known) or f"known: {', '.join(known)}"
            raise UsageError(f"--kernel: found {name!r}, expected one with mutants; {mend}")
    return [name for name in known if not named or name in named]


def _chosen(planted: list[Planted], named: Sequence[str]) -> list[Planted]:
    known = [one.mutant.id for one in planted]
    for name in named:
        if name not in known:
            mend = did_you_mean(name, known) or "nox -s mutants -- --list names them"
            raise UsageError(f"--mutant: found {name!r}, expected a mutant's name; {mend}")
    return [one for one in planted if not named or one.mutant.id in named]


class _Run:
    """Mutants on one row: first the kernels as they are, then all that a case reaches."""

    def __init__(
        self, the_matrix: Matrix, planted: Sequence[Planted], options: argparse.Namespace
    ) -> None:
        self.matrix, self.name = the_matrix, options.row
        self.row = the_matrix.rows[self.name]
        self.planted, self.is_quick = planted, options.quick
        self.workers = options.workers or _workers(self.row)
        self.state = revision.current()
        self.seconds: dict[str, float] = {}
        self._reached: dict[str, Answers] = {}

    def judged(self) -> list[Judged]:
        with Pool(name=self.name, row=self.row, workers=self.workers) as pool:
            for kernel in dict.fromkeys(one.kernel for one in self.planted):
                self._see_green(pool, kernel)
            reached = {one.mutant.id: self._is_reached(one) for one in self.planted}
            to_run = [one for one in self.planted if reached[one.mutant.id]]
            print(
                f"{len(to_run)} of {len(self.planted)} mutants are reached by the quick cases",
                flush=True,
            )
            by_id = {one.mutant.id: one for one in to_run}

            def heard(one: Answers) -> None:
                found = self._judge(by_id[one.id], one.answers, is_reached=True)
                if found.status.blocks:
                    print(f"{found.status}  {one.id}", flush=True)

            every = pool.ask_all([self._asked(one) for one in to_run], progress(len(to_run)), heard)
        answers = {one.id: one.answers for one in every}
        return [
            self._judge(one, answers.get(one.mutant.id), is_reached=reached[one.mutant.id])
            for one in self.planted
        ]

    def left_alive(self, judged: Sequence[Judged]) -> Iterator[str]:
        """A line for each kernel of whose killed mutants the cases of --quick leave some alive."""
        for kernel in dict.fromkeys(one.planted.kernel for one in judged):
            asked = cases.of_mutants(self.matrix, kernel, self.name, is_quick=True)
            own = [one for one in judged if one.planted.kernel == kernel]
            if alive := left_alive(own, {case.id for case in asked}):
                yield (
                    f"matrix.yaml: kernels.{kernel}.mutants.enough: found cases that leave "
                    f"{len(alive)} of the killed alive, {alive[0]} among them; expected none: "
                    "name those that are enough"
                )

    def _judge(self, one: Planted, answers: Sequence[Answer] | None, *, is_reached: bool) -> Judged:
        return judge(one, answers, backend=self.row.backend, is_reached=is_reached)

    def _see_green(self, pool: Pool, kernel: str) -> None:
        """The unmutated kernel's cases pass, and show what they reach of it."""
        asked = self._of(kernel)
        limit = asked.seconds * _TRACED
        found = pool.ask(asked.model_copy(update={"is_traced": True, "seconds": limit}))
        for answer in found.answers:
            if answer.outcome != "pass":
                message = (
                    f"mutants: found {answer.case or kernel} to be red without any: "
                    f"{answer.reason}; expected a pass; mend it first: nox -s parity"
                )
                raise NotGreenError(message)
            self.seconds[answer.case] = answer.seconds
        self._reached[kernel] = found

    def _of(self, kernel: str) -> Asked:
        quick = self.matrix.kernels[kernel].mutants
        asked = cases.of_mutants(self.matrix, kernel, self.name, is_quick=self.is_quick)
        ids = [case.id for case in asked]
        if not quick or not ids:
            message = f"mutants: found no case of {kernel} on {self.name}, expected some"
            raise UsageError(message)
        return Asked(id="", kernel=kernel, cases=ids, seconds=quick.seconds_per_mutant)

    def _asked(self, one: Planted) -> Asked:
        mutant = {"id": one.mutant.id, "file": one.mutant.file, "text": one.mutant.text}
        return self._of(one.kernel).model_copy(update={**mutant, "is_brief": self.is_quick})

    def _is_reached(self, one: Planted) -> bool:
        """By what was traced; what a GPU runs of a jitted function can not be."""
        if self.row.backend != "interpreter" and one.is_jitted:
            return one.backend in {None, self.row.backend}
        reached = self._reached[one.kernel].reached
        return is_reached(one.mutant, reached, source=one.source)


def _tell(run: _Run, judged: list[Judged], options: argparse.Namespace, seconds: float) -> int:
    minimal = () if run.is_quick else enough(judged, run.seconds)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    if options.mutant:
        for one in judged:
            print("\n".join(mutant_tables.detail(one)))
    else:
        words = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "commit": run.state.commit,
            "dirty": run.state.dirty,
            "seconds": seconds,
            "cases": list(run.seconds),
            "enough": list(minimal),
        }
        file = options.results / "mutants.json"
        write_whole(file, mutant_tables.as_json(judged, run.name, words))
        print("\n".join(mutant_tables.table(judged)))
    print()
    blocking = [one for one in judged if one.status.blocks]
    for one in blocking:
        print("\n".join(mutant_tables.blocking(one, one.planted.source)))
    print("\n".join(mutant_tables.summary(judged, list(run.seconds), minimal)))
    alive = [] if options.mutant else [*run.left_alive(judged)]
    print("\n".join(alive), end="\n" if alive else "")
    is_good = not (blocking or alive)
    print(f"{'GOOD' if is_good else 'BLOCKED'}: {len(judged)} mutants in {seconds:.0f} s")
    return Exit.GOOD if is_good else Exit.BLOCKED


if __name__ == "__main__":
    sys.exit(run_command(main))
