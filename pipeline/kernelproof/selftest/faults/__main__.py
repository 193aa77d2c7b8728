"""``python -m kernelproof.selftest.faults``: injects every fault that a row can have, and shows what it gets.

0 where each got the verdict that is expected of it, and nothing else was lost; 1 where not, or
where one could not be injected on this machine.
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
from kernelproof.selftest.faults import fault_tables
from kernelproof.selftest.faults.fault_kinds import Kind, kinds_on, number_of
from kernelproof.selftest.faults.fault_tables import Seen
from kernelproof.selftest.faults.run_events import EVENTS, Event, NotPossibleError
from kernelproof.selftest.faults.scratch_copy import TOKENS, Scratch, ScratchError

_DESCRIPTION = "Injects every fault that a row can have, and shows what each gets."
_AFTER = "pass"  # what the case after a fault has to be


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    options = _parser().parse_args(arguments)
    rows = matrix.load().rows
    if options.row not in rows:
        message = f"--row: found {options.row!r}, expected one of {', '.join(rows)}"
        raise UsageError(f"{message}; {did_you_mean(options.row, list(rows))}")
    backend = rows[options.row].backend
    kinds = kinds_on(backend)
    events = [one for one in EVENTS if backend != "interpreter" or not one.is_of_gpu]
    known = [*(one.name for one in kinds), *(one.name for one in events)]
    for name in options.fault:
        if name not in known:
            message = f"--fault: found {name!r}, expected one of {', '.join(known)}"
            raise UsageError(f"{message}; {did_you_mean(name, known)}")
    asked = options.fault or known
    kinds = tuple(one for one in kinds if one.name in asked)
    events = [one for one in events if one.name in asked]
    started = time.monotonic()
    seen = [*_of_cases(options.row, kinds), *(_of_run(options.row, one) for one in events)]
    print("\n".join(fault_tables.markdown(seen) if options.markdown else fault_tables.table(seen)))
    content: dict[str, Any] = {"row": options.row, "faults": [one.as_json() for one in seen]}
    write_whole(options.results / "faults.json", json.dumps(content, indent=1) + "\n")
    bad = sum(not one.is_good for one in seen)
    seconds = time.monotonic() - started
    good = f"{len(seen) - bad} of {len(seen)} faults got what is expected"
    print(f"{'BLOCKED' if bad else 'GOOD'}: {good}, in {seconds:.0f} s")
    return Exit.BLOCKED if bad else Exit.GOOD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s faults --", description=_DESCRIPTION)
    parser.add_argument("--row", required=True, metavar="ROW", help="the row that this machine is")
    text = "only this one; may be given several times"
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help=text)
    parser.add_argument("--markdown", action="store_true", help="the table as the README has it")
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _of_cases(row: str, kinds: Sequence[Kind]) -> Iterator[Seen]:
    """All in one run: each costs its own case, and the one after it is judged."""
    if not kinds:
        return
    numbers = [number_of(kind.name) for kind in kinds]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch.at(Path(folder).resolve(), row, numbers)
        print(f"{len(kinds)} faults in {len(kinds) * len(TOKENS)} cases of {row}", flush=True)
        done = scratch.cells()
        if done.code:
            print(done.said)
        _, cases = scratch.judged()
    for kind, number in zip(kinds, numbers, strict=True):
        fault, after = (cases[scratch.case(number, tokens)] for tokens in TOKENS)
        yield Seen(
            name=kind.name,
            words=kind.words,
            expected=f"{kind.verdict}; then {_AFTER}",
            observed=f"{fault['verdict']}; then {after['verdict']}",
            reason=fault["reason"],
            seconds=fault["seconds"] or 0.0,
        )


def _of_run(row: str, event: Event) -> Seen:
    print(f"{event.name}: {event.words}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch.at(Path(folder).resolve(), row, [number_of(event.fault)], event.tokens)
        reason = ""
        try:
            observed = event.happens(scratch)
            reason = "\n".join({one["reason"] for one in scratch.judged()[1].values()})
        except NotPossibleError as error:
            observed = f"not possible here: {error}"
        except ScratchError as error:
            observed = str(error)
    return Seen(
        name=event.name,
        words=event.words,
        expected=event.expected,
        observed=observed,
        reason=reason,
        seconds=time.monotonic() - started,
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
