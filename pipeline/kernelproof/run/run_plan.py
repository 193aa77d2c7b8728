"""What is asked of the cells: one check of one row's cases, within a selection."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kernelproof.errors import UsageError, did_you_mean, positive
from kernelproof.machine.gpus import Share
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check, Matrix, Row
from kernelproof.plan.timing_pace import MOST_PROCESSES
from kernelproof.records import record_files
from kernelproof.records.record_files import is_recorded
from kernelproof.records.verdict import session_of


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A command line, parsed, and everything that it plans on the row.

    `share` and `tell` are a worker's: the part of the plan that is its, and the pipe on which it
    says what it does.
    """

    check: Check
    row_name: str
    matrix: Matrix
    plan: Sequence[Planned]
    folder: Path
    is_resumed: bool
    processes: int | None
    gpus: int | None
    share: Share
    tell: int | None

    @property
    def row(self) -> Row:
        """The row that this machine is to be."""
        return self.matrix.rows[self.row_name]

    def to_run(self, source: Revision, share: Share) -> tuple[Planned, ...]:
        """What of a share is to leave a record: all of it, or what has none yet."""
        plan = tuple(one for one in share.take(self.plan) if not one.skip)
        if self.is_resumed:
            plan = tuple(case for case in plan if not is_recorded(case, self.folder, source))
        return plan

    def samples(self, share: Share | None = None) -> Path:
        """pytest-benchmark's file of the row, or of a share of it."""
        part = f".{share.number}of{share.of}" if share and share.of > 1 else ""
        return self.folder / self.check / f"{self.row_name}.benchmark{part}.json"


def parse(words: Sequence[str]) -> Asked:
    """A command line of the cells; UsageError where it names nothing."""
    options = _parser(words[0] if words else Check.PARITY).parse_args(words)
    the_matrix = matrix.load()
    if options.on not in the_matrix.rows:
        known = list(the_matrix.rows)
        mend = did_you_mean(options.on, known)
        message = f"--on: found {options.on!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    plan = cases.plan(the_matrix, cases.Selection.of(options), checks=[options.check])
    return Asked(
        check=options.check,
        row_name=options.on,
        matrix=the_matrix,
        plan=tuple(one for one in plan if one.case.row == options.on),
        folder=options.results,
        is_resumed=options.resume,
        processes=options.processes,
        gpus=options.gpus,
        share=options.share,
        tell=options.tell,
    )


def _parser(check: str) -> argparse.ArgumentParser:
    """Of a session of nox, which names the check and the row by itself."""
    is_perf = check == Check.PERF
    session = session_of(Check(check) if check in list(Check) else Check.PARITY)
    others = "--against REF compares with a commit, --bisect GOOD..BAD finds the first slower one"
    parser = argparse.ArgumentParser(
        prog=f"nox -s {session} --",
        description="Runs the cases of this machine's row, a record each; the report judges them.",
        epilog=f"Instead of all these, {others}." if is_perf else None,
    )
    parser.add_argument("check", type=Check, choices=list(Check), help=argparse.SUPPRESS)
    parser.add_argument("--on", required=True, help=argparse.SUPPRESS)
    cases.Selection.add_options(parser.add_argument)
    parser.add_argument("--resume", action="store_true", help="only cases without a valid result")
    few = partial(positive, most=MOST_PROCESSES)
    text = "perf: exactly so many processes, instead of as many as the verdicts need"
    parser.add_argument("--processes", type=few, metavar="N", help=text)
    text = "at most so many GPUs of this host, instead of all that are the row"
    parser.add_argument("--gpus", type=positive, metavar="N", help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    whole = Share(number=1, of=1)
    parser.add_argument("--share", type=Share.parse, default=whole, help=argparse.SUPPRESS)
    parser.add_argument("--tell", type=int, help=argparse.SUPPRESS)
    return parser
