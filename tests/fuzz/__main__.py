"""``python -m tests.fuzz``: broken and hostile files for every reader; 1 where one goes wrong.

Each reader is a process of its own, whose memory is its own; a few inputs go to the report command
as its user runs it. ``--input`` asks a single one again, of those that an earlier run has kept.
"""

import argparse
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kernelproof.errors import Exit, UsageError, did_you_mean, positive, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from tests.fuzz import ask, campaign, processes, record
from tests.fuzz.readers import EVERY
from tests.fuzz.record import FILE, Fuzzed, Night, Wrong

_INPUTS, _PROCESSES = 10_000, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Asks every reader, or those that are named, or one with a kept input."""
    options = _options(arguments)
    if options.input:
        return _again(options.input)
    for name in options.only:
        _require_reader(name)
    seeded = secrets.randbelow(2**32) if options.seed is None else options.seed
    if options.alone:
        return _alone(options.only[0], options.alone, options.inputs, seeded)
    names = options.only or list(EVERY)
    print(f"{len(names)} readers, {options.inputs:,} inputs each, --seed {seeded}", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        readers = list(pool.map(lambda name: _process(name, options.inputs, seeded), names))
    codes, wrong = _as_users_do([name for name in names if name in processes.READERS], seeded)
    commit = revision.current().commit
    night = Night(seed=seeded, commit=commit, readers=readers, processes=codes, wrong=wrong)
    write_whole(FILE, night.model_dump_json(indent=1) + "\n")
    print(*record.table(readers), sep="\n")
    told = ", ".join(f"{count} exit {code}" for code, count in sorted(codes.items()))
    print(f"as processes: {told or 'none'}")
    for one in night.all_wrong:
        print(f"\nwrong: {one.kind}\n  {one.said!r}\nreproduce: {one.command}")
    return int(Exit.BLOCKED if night.all_wrong else Exit.GOOD)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s fuzz --",
        description="Gives broken and hostile files to everything that reads one, and to the "
        "report; writes results/fuzz.json, and what goes wrong to results/fuzz/.",
        epilog="exit codes: 0 each was taken, or refused as documented; 1 one was not",
    )
    text = f"so many for each reader, half of changed bytes, half of values (default {_INPUTS:,})"
    parser.add_argument("--inputs", type=positive, default=_INPUTS, metavar="N", help=text)
    parser.add_argument("--seed", type=int, metavar="N", help="the inputs of an earlier run again")
    text = f"only this reader, several times: {', '.join(EVERY)}"
    parser.add_argument("--only", action="append", default=[], metavar="READER", help=text)
    text = "readers at a time (default: as many as there are processors)"
    parser.add_argument("--jobs", type=positive, default=os.cpu_count(), metavar="N", help=text)
    text = "ask this one again, a file of results/fuzz/"
    parser.add_argument("--input", type=Path, metavar="FILE", help=text)
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _require_reader(name: str) -> None:
    if name not in EVERY:
        mend = did_you_mean(name, list(EVERY)) or f"known: {', '.join(EVERY)}"
        raise UsageError(f"--only: found {name!r}, expected a reader; {mend}")


def _again(file: Path) -> int:
    """One input, with all that is said of it."""
    name = record.reader_of(file)
    _require_reader(name)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"--input: {file}: {error.strerror}; expected a kept input") from None
    with tempfile.TemporaryDirectory() as folder:
        ask.settle(EVERY[name], Path(folder))
        answer = ask.ask(EVERY[name], content, Path(folder))
    print(answer.wrong or f"{name}: {answer.outcome} in {1000 * answer.seconds:.0f} ms")
    return int(Exit.BLOCKED if answer.wrong else Exit.GOOD)


def _alone(name: str, folder: Path, inputs: int, seeded: int) -> int:
    """All inputs of one reader, in this process; its record goes to a file for the others."""
    start = time.monotonic()
    every = campaign.campaign(EVERY[name], folder, inputs=inputs, seeded=seeded, is_alone=True)
    for tally in every:
        seconds = time.monotonic() - start
        print(f"{name}: {tally.inputs.total():,} inputs in {seconds:.0f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    one = record.fuzzed(tally, peak_mib=peak, seconds=time.monotonic() - start)
    write_whole(_file(name), one.model_dump_json(indent=1) + "\n")
    return int(Exit.GOOD)


def _file(name: str) -> Path:
    return record.FOLDER / f"{name}.json"


def _process(name: str, inputs: int, seeded: int) -> Fuzzed:
    """What one reader's process leaves; one that died is wrong, at the input that it was asked."""
    _file(name).unlink(missing_ok=True)
    words = ["--only", name, "--inputs", str(inputs), "--seed", str(seeded), "--alone"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.fuzz", *words, folder]
        code = subprocess.run(command, check=False).returncode
        if _file(name).exists():
            return Fuzzed.model_validate_json(_file(name).read_bytes())
        home = Path(folder) / EVERY[name].home
        said = f"its process ended with {code}"
        if home.exists():
            wrong = record.kept(name, home.read_bytes(), "a process", said)
        else:
            again = f"nox -s fuzz -- --only {name} --inputs {inputs} --seed {seeded}"
            wrong = Wrong(kind="a process", said=said, command=again)
    return Fuzzed(
        reader=name, inputs={}, outcomes={}, slowest_ms=0, peak_mib=0, seconds=0, wrong=[wrong]
    )


def _as_users_do(names: Sequence[str], seeded: int) -> tuple[dict[str, int], list[Wrong]]:
    """The exit codes of some real processes, and what was wrong with them."""
    codes: Counter[str] = Counter()
    wrong: list[Wrong] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = processes.settle(Path(folder))
        for name in names:
            for content in processes.inputs(name, _PROCESSES, seeded):
                try:
                    codes[str(processes.ask(tree, name, content))] += 1
                except ask.WrongError as error:
                    wrong.append(record.kept(name, content, "a process", str(error)))
    return dict(codes), wrong


if __name__ == "__main__":
    sys.exit(run_command(main))
