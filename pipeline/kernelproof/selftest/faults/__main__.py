"""``python -m kernelproof.selftest.faults``: injects faults and compares their outcomes.

Exits with 0 if every fault had its expected outcome and nothing else was lost, with 1 if not, or
if one could not be injected on this machine.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, UsageError, did_you_mean, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.plan import matrix
from kernelproof.records import record_files
from kernelproof.selftest.faults import fault_outcomes
from kernelproof.selftest.faults.fault_kinds import FaultKind, kinds_on, number_of
from kernelproof.selftest.faults.fault_outcomes import FaultOutcome
from kernelproof.selftest.faults.run_events import EVENTS, NotPossibleError, RunEvent
from kernelproof.selftest.faults.scratch_copy import TOKENS, ScratchCopy, ScratchError

_DESCRIPTION = "Injects every fault that a row can have, and shows what each gets."
_AFTER = "pass"  # the verdict that the case after a fault has to get


def main(arguments: Sequence[str] | None = None) -> int:
    """Injects the faults that the command line asks for; returns the exit code."""
    options = _parser().parse_args(arguments)
    kinds, events = _selected(options.row, options.fault)
    started = time.monotonic()
    outcomes = [*_case_outcomes(options.row, kinds)]
    outcomes += [_event_outcome(options.row, event) for event in events]
    lines = fault_outcomes.markdown if options.markdown else fault_outcomes.table
    print("\n".join(lines(outcomes)))
    faults = [outcome.as_json() for outcome in outcomes]
    content: dict[str, Any] = {"row": options.row, "faults": faults}
    write_whole(options.results / "faults.json", json.dumps(content, indent=1) + "\n")
    good = sum(outcome.is_good for outcome in outcomes)
    summary = f"{good} of {len(outcomes)} faults got what is expected"
    is_good = good == len(outcomes)
    seconds = time.monotonic() - started
    print(f"{'GOOD' if is_good else 'BLOCKED'}: {summary}, in {seconds:.0f} s")
    return Exit.GOOD if is_good else Exit.BLOCKED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s faults --", description=_DESCRIPTION)
    parser.add_argument("--row", required=True, metavar="ROW", help="the row that this machine is")
    text = "only this one; may be given several times"
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help=text)
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _selected(row: str, names: Sequence[str]) -> tuple[list[FaultKind], list[RunEvent]]:
    """Returns the faults of a row, or those of `names`; raises UsageError for an unknown name."""
    rows = matrix.load().rows
    _require_known("--row", [row], list(rows))
    backend = rows[row].backend
    kinds = kinds_on(backend)
    events = [event for event in EVENTS if backend != "interpreter" or not event.needs_gpu]
    known = [*(kind.name for kind in kinds), *(event.name for event in events)]
    _require_known("--fault", names, known)
    chosen = names or known
    return (
        [kind for kind in kinds if kind.name in chosen],
        [event for event in events if event.name in chosen],
    )


def _require_known(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            message = f"{option}: found {name!r}, expected one of {', '.join(known)}"
            raise UsageError(f"{message}; {did_you_mean(name, known)}")


def _case_outcomes(row: str, kinds: Sequence[FaultKind]) -> Iterator[FaultOutcome]:
    """Injects faults of cases in one run: each costs its case, and the next case is judged."""
    if not kinds:
        return
    numbers = [number_of(kind.name) for kind in kinds]
    with tempfile.TemporaryDirectory() as folder:
        scratch = ScratchCopy.at(Path(folder).resolve(), row, numbers)
        print(f"{len(kinds)} faults in {len(kinds) * len(TOKENS)} cases of {row}", flush=True)
        ended = scratch.run_cells()
        if ended.code:
            print(ended.printed)
        _, cases = scratch.run_report()
    for kind, number in zip(kinds, numbers, strict=True):
        case, next_case = (cases[scratch.case_id(number, tokens)] for tokens in TOKENS)
        yield FaultOutcome(
            name=kind.name,
            description=kind.description,
            expected=f"{kind.verdict}; then {_AFTER}",
            observed=f"{case['verdict']}; then {next_case['verdict']}",
            reason=case["reason"],
            seconds=case["seconds"] or 0.0,
        )


def _event_outcome(row: str, event: RunEvent) -> FaultOutcome:
    """Brings an event about in a run of its own."""
    print(f"{event.name}: {event.description}", flush=True)
    started, reason = time.monotonic(), ""
    with tempfile.TemporaryDirectory() as folder:
        numbers = [number_of(event.fault)]
        scratch = ScratchCopy.at(Path(folder).resolve(), row, numbers, event.tokens)
        try:
            observed = event.bring_about(scratch)
            reason = "\n".join({case["reason"] for case in scratch.run_report()[1].values()})
        except NotPossibleError as error:
            observed = f"not possible here: {error}"
        except ScratchError as error:
            observed = str(error)
    return FaultOutcome(
        name=event.name,
        description=event.description,
        expected=event.expected,
        observed=observed,
        reason=reason,
        seconds=time.monotonic() - started,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
