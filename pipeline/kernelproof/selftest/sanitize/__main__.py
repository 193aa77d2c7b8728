"""``python -m kernelproof.selftest.sanitize --on h200``: small cases under compute-sanitizer's tools."""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, UsageError, UserError, did_you_mean, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case, Selection
from kernelproof.plan.schema import Matrix
from kernelproof.records import record_files
from kernelproof.selftest.sanitize import tool_tables
from kernelproof.selftest.sanitize.tool_findings import Judged, judge
from kernelproof.selftest.sanitize.tool_run import Runner
from kernelproof.selftest.sanitize.tools import TOOLS, Tool

_DESCRIPTION = "Runs small cases under compute-sanitizer's tools, on this machine's NVIDIA row."
_EXECUTABLE = "compute-sanitizer"
_CHECKED = "cuda"  # the backend of the rows that it is for
_SECONDS_TO_TELL = 60


class NotInstalledError(UserError):
    """A row that compute-sanitizer is planned for, without it: what is planned does not run."""

    exit = Exit.BLOCKED


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where every tool is satisfied, or none is planned; 1; or the error's own."""
    options = _parser().parse_args(arguments)
    the_matrix = matrix.load()
    if options.on not in the_matrix.rows:
        known = list(the_matrix.rows)
        message = f"--on: found {options.on!r}, expected one of {', '.join(known)}"
        raise UsageError(f"{message}; {did_you_mean(options.on, known)}")
    selection = Selection.of(options)
    chosen = cases.select_listed(the_matrix, cases.SANITIZE, replace(selection, row=(options.on,)))
    if the_matrix.rows[options.on].backend != _CHECKED:
        print(f"not installed: {_EXECUTABLE} is for NVIDIA GPUs, and row {options.on} has none")
        return Exit.GOOD
    is_whole = not options.tool and not replace(selection, row=()).arguments()
    return _run(the_matrix, chosen, options, is_whole=is_whole)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s sanitize --", description=_DESCRIPTION)
    parser.add_argument("--on", required=True, help=argparse.SUPPRESS)
    Selection.add_options(parser.add_argument)
    names, text = [tool.name for tool in TOOLS], "only this tool; may be given several times"
    parser.add_argument("--tool", action="append", default=[], choices=names, help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _run(the_matrix: Matrix, chosen: Sequence[Case], options: Any, *, is_whole: bool) -> int:
    """Runs the tools one after the other, telling of each; a whole run is recorded."""
    executable = _found(options.on)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no process is left behind
    folder, record = options.results / "sanitize", options.results / "sanitize.json"
    if is_whole:
        record_files.make_folder(options.results)
        record.unlink(missing_ok=True)  # a run that dies leaves no older one
    runner = Runner(
        executable=executable,
        name=options.on,
        row=the_matrix.rows[options.on],
        folder=folder,
        limit=_limit(the_matrix, chosen),
    )
    started, judged = time.monotonic(), list[Judged]()
    for tool in TOOLS:
        if not options.tool or tool.name in options.tool:
            judged.append(_judged(runner, tool, [case.id for case in chosen]))
    seconds = round(time.monotonic() - started, 1)
    state = revision.current()
    if is_whole:
        words = {"row": options.on, "commit": state.commit, "dirty": state.dirty}
        words |= {"compute_sanitizer": _version(executable), "seconds": seconds}
        write_whole(record, tool_tables.as_json(judged, words))
    blocking = [one for one in judged if not one.is_good]
    tools = "1 tool" if len(judged) == 1 else f"{len(judged)} tools"
    print(f"{'BLOCKED' if blocking else 'GOOD'}: {tools} in {seconds:.0f} s")
    return Exit.BLOCKED if blocking else Exit.GOOD


def _judged(runner: Runner, tool: Tool, names: Sequence[str]) -> Judged:
    one = judge(runner.run(tool, names), names)
    print(tool_tables.line(one), flush=True)
    if not one.is_good:
        print("\n".join(tool_tables.blocking(one, runner.folder / f"{tool.name}.log")), flush=True)
    return one


def _found(row: str) -> Path:
    if found := shutil.which(_EXECUTABLE):
        return Path(found)
    message = (
        f"not installed: found no {_EXECUTABLE} on the path, expected it on row {row}, whose "
        "kernels it has to check; install the CUDA toolkit, and put its bin folder on the path"
    )
    raise NotInstalledError(message)


def _limit(the_matrix: Matrix, chosen: Sequence[Case]) -> int:
    """The seconds that a tool has for the cases of all their kernels."""
    blocks = [the_matrix.kernels[name].sanitize for name in {case.kernel for case in chosen}]
    return sum(block.seconds_per_tool for block in blocks if block)


def _version(executable: Path) -> str:
    """The last line that it tells of its version: ``Version 2025.3.1.0 (build 36400806) ...``."""
    done = subprocess.run(
        [executable, "--version"],
        capture_output=True,
        text=True,
        timeout=_SECONDS_TO_TELL,
        check=False,
    )
    return (done.stdout.strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    sys.exit(run_command(main))
