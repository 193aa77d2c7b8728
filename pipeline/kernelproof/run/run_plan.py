"""The plan of a run: one check of one row's cases, within the selection of a command line."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kernelproof.errors import UsageError, did_you_mean, positive
from kernelproof.machine.gpus import Share
from kernelproof.machine.revision import Revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Planned
from kernelproof.plan.schema import Check, Matrix, Row
from kernelproof.plan.timing_pace import MOST_PROCESSES
from kernelproof.records import record_files
from kernelproof.records.record_files import Record, is_recorded
from kernelproof.records.verdict import reproduce_command, session_of


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """A parsed command line, and the cases that it plans on the row, skipped ones included.

    `words` is the command line itself. `share` and `messages`, a pipe's number, are a worker's.
    """

    words: Sequence[str]
    check: Check
    row_name: str
    matrix: Matrix
    cases: Sequence[Planned]
    folder: Path
    is_resumed: bool
    processes: int | None
    gpus: int | None
    share: Share
    messages: int | None

    @property
    def row(self) -> Row:
        """The row that this machine is to be."""
        return self.matrix.rows[self.row_name]

    def to_run(self, revision: Revision, share: Share) -> tuple[Planned, ...]:
        """Returns the cases of a share that run: all, or those without a record if resumed."""
        planned = (case for case in share.take(self.cases) if not case.skip)
        if not self.is_resumed:
            return tuple(planned)
        return tuple(case for case in planned if not is_recorded(case, self.folder, revision))

    def samples(self, share: Share | None = None) -> Path:
        """Returns pytest-benchmark's file of the row, or of a share of it."""
        part = f".{share.number}of{share.of}" if share and share.of > 1 else ""
        return self.folder / self.check / f"{self.row_name}.benchmark{part}.json"


def record_of(
    planned: Planned, revision: Revision, machine: dict[str, Any], **values: Any
) -> Record:
    """Returns a record of a case; `values` are its outcome, its reason, and what it has more."""
    empty: dict[str, Any] = {"numbers": {}, "distributions": []}
    empty |= dict.fromkeys(("digest", "input_digest", "seed"))
    return Record(
        case=planned.case.id,
        check=planned.check,
        commit=revision.commit,
        dirty=revision.dirty,
        tree=revision.tree,
        machine=machine,
        reproduce=reproduce_command(planned),
        **empty | values,
    )


def parse(words: Sequence[str]) -> RunPlan:
    """Returns the plan of a command line; raises UsageError if it names an unknown row or case."""
    options = _parser(words[0] if words else Check.PARITY).parse_args(words)
    plan = matrix.load()
    if options.on not in plan.rows:
        known = list(plan.rows)
        mend = did_you_mean(options.on, known)
        message = f"--on: found {options.on!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    planned = cases.plan(plan, cases.Selection.of(options), checks=[options.check])
    return RunPlan(
        words=words,
        check=options.check,
        row_name=options.on,
        matrix=plan,
        cases=tuple(case for case in planned if case.case.row == options.on),
        folder=options.results,
        is_resumed=options.resume,
        processes=options.processes,
        gpus=options.gpus,
        share=options.share,
        messages=options.messages,
    )


def _parser(check: str) -> argparse.ArgumentParser:
    """Returns the parser of nox's session, which names the check and the row by itself."""
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
    process_count = partial(positive, most=MOST_PROCESSES)
    text = "perf: exactly so many processes, instead of as many as the verdicts need"
    parser.add_argument("--processes", type=process_count, metavar="N", help=text)
    text = "at most so many GPUs of this host, instead of all that are the row"
    parser.add_argument("--gpus", type=positive, metavar="N", help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    only_share = Share(number=1, of=1)
    parser.add_argument("--share", type=Share.parse, default=only_share, help=argparse.SUPPRESS)
    parser.add_argument("--messages", type=int, help=argparse.SUPPRESS)
    return parser
