"""``python -m tests.fuzz``: broken and hostile files for every reader; 1 if one breaks a promise.

Each reader runs in a process of its own, whose memory is its own; a few inputs go to the report
command as its user runs it. ``--input`` tries an input again that an earlier run has kept.
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
from tests.fuzz import fuzz_results, processes
from tests.fuzz.campaign import run_campaign
from tests.fuzz.fuzz_results import FILE, Breach, FuzzResult, ReaderResult, keep_breach
from tests.fuzz.readers import READERS
from tests.fuzz.trial import BreachError, prepare, try_input

_INPUTS, _INPUTS_OF_PROCESSES = 10_000, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries inputs with every reader, or with the named ones, or tries one kept input again."""
    options = _options(arguments)
    if options.input:
        return _try_again(options.input)
    for name in options.only:
        _require_reader(name)
    seeded = secrets.randbelow(2**32) if options.seed is None else options.seed
    if options.alone:
        return _run_alone(options.only[0], options.alone, options.inputs, seeded)
    names = options.only or list(READERS)
    print(f"{len(names)} readers, {options.inputs:,} inputs each, --seed {seeded}", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        readers = list(pool.map(lambda name: _run_process(name, options.inputs, seeded), names))
    codes, wrong = _run_reports([name for name in names if name in processes.REPORTED], seeded)
    commit = revision.current().commit
    result = FuzzResult(seed=seeded, commit=commit, readers=readers, processes=codes, wrong=wrong)
    write_whole(FILE, result.model_dump_json(indent=1) + "\n")
    print(*fuzz_results.table(readers), sep="\n")
    counts = ", ".join(f"{count} exit {code}" for code, count in sorted(codes.items()))
    print(f"as processes: {counts or 'none'}")
    for breach in result.breaches:
        print(f"\nwrong: {breach.kind}\n  {breach.said!r}\nreproduce: {breach.command}")
    return int(Exit.BLOCKED if result.breaches else Exit.GOOD)


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
    text = f"only this reader, several times: {', '.join(READERS)}"
    parser.add_argument("--only", action="append", default=[], metavar="READER", help=text)
    text = "readers at a time (default: as many as there are processors)"
    parser.add_argument("--jobs", type=positive, default=os.cpu_count(), metavar="N", help=text)
    text = "try this input again, a file of results/fuzz/"
    parser.add_argument("--input", type=Path, metavar="FILE", help=text)
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def _require_reader(name: str) -> None:
    if name not in READERS:
        mend = did_you_mean(name, list(READERS)) or f"known: {', '.join(READERS)}"
        raise UsageError(f"--only: found {name!r}, expected a reader; {mend}")


def _try_again(file: Path) -> int:
    """Tries one kept input, and prints its outcome or its whole breach."""
    name = fuzz_results.reader_of(file)
    _require_reader(name)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"--input: {file}: {error.strerror}; expected a kept input") from None
    with tempfile.TemporaryDirectory() as folder:
        prepare(READERS[name], Path(folder))
        trial = try_input(READERS[name], content, Path(folder))
    print(trial.wrong or f"{name}: {trial.outcome} in {1000 * trial.seconds:.0f} ms")
    return int(Exit.BLOCKED if trial.wrong else Exit.GOOD)


def _run_alone(name: str, folder: Path, inputs: int, seeded: int) -> int:
    """Tries all inputs of one reader in this process; leaves its result to the first process."""
    start = time.monotonic()
    tallies = run_campaign(READERS[name], folder, inputs=inputs, seeded=seeded, is_alone=True)
    for tally in tallies:
        seconds = time.monotonic() - start
        print(f"{name}: {tally.inputs.total():,} inputs in {seconds:.0f} s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = time.monotonic() - start
    result = fuzz_results.reader_result(tally, peak_mib=peak, seconds=seconds)
    write_whole(fuzz_results.FOLDER / f"{name}.json", result.model_dump_json(indent=1) + "\n")
    return int(Exit.GOOD)


def _run_process(name: str, inputs: int, seeded: int) -> ReaderResult:
    """Returns the result of one reader's process; its death is a breach, by its last input."""
    file = fuzz_results.FOLDER / f"{name}.json"
    file.unlink(missing_ok=True)
    words = ["--only", name, "--inputs", str(inputs), "--seed", str(seeded), "--alone"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.fuzz", *words, folder]
        code = subprocess.run(command, check=False).returncode
        if file.exists():
            return ReaderResult.model_validate_json(file.read_bytes())
        last_input = Path(folder) / READERS[name].path
        message = f"its process ended with {code}"
        if last_input.exists():
            breach = keep_breach(name, last_input.read_bytes(), "a process", message)
        else:
            again = f"nox -s fuzz -- --only {name} --inputs {inputs} --seed {seeded}"
            breach = Breach(kind="a process", said=message, command=again)
    return ReaderResult(
        reader=name, inputs={}, outcomes={}, slowest_ms=0, peak_mib=0, seconds=0, wrong=[breach]
    )


def _run_reports(names: Sequence[str], seeded: int) -> tuple[dict[str, int], list[Breach]]:
    """Returns the exit codes of some processes of the report, and their breaches."""
    codes: Counter[str] = Counter()
    breaches: list[Breach] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = processes.make_tree(Path(folder))
        for name in names:
            for content in processes.inputs(name, _INPUTS_OF_PROCESSES, seeded):
                try:
                    codes[str(processes.report_code(tree, name, content))] += 1
                except BreachError as error:
                    breaches.append(keep_breach(name, content, "a process", str(error)))
    return dict(codes), breaches


if __name__ == "__main__":
    sys.exit(run_command(main))
