"""``python -m kernelproof.selftest.sanitize --on h200``: small cases under compute-sanitizer."""

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
from kernelproof.selftest.sanitize.tool_findings import JudgedRun, judge
from kernelproof.selftest.sanitize.tool_run import ToolRunner
from kernelproof.selftest.sanitize.tools import TOOLS, SanitizerTool

_DESCRIPTION = "Runs small cases under compute-sanitizer's tools, on this machine's NVIDIA row."
_EXECUTABLE = "compute-sanitizer"
_BACKEND = "cuda"  # of the rows that it can check
_VERSION_SECONDS = 60  # within which it tells its version


class NotInstalledError(UserError):
    """An NVIDIA row without compute-sanitizer, on which the planned cases do not run."""

    exit = Exit.BLOCKED


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tools; returns 0 if every tool's run is good or none is planned, else 1."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    if options.on not in plan.rows:
        known = list(plan.rows)
        message = f"--on: found {options.on!r}, expected one of {', '.join(known)}"
        raise UsageError(f"{message}; {did_you_mean(options.on, known)}")
    selection = Selection.of(options)
    chosen = cases.select_listed(plan, cases.SANITIZE, replace(selection, row=(options.on,)))
    if plan.rows[options.on].backend != _BACKEND:
        print(f"not installed: {_EXECUTABLE} is for NVIDIA GPUs, and row {options.on} has none")
        return Exit.GOOD
    is_whole = not options.tool and not replace(selection, row=()).arguments()
    return _run(plan, chosen, options, is_whole=is_whole)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s sanitize --", description=_DESCRIPTION)
    parser.add_argument("--on", required=True, help=argparse.SUPPRESS)
    Selection.add_options(parser.add_argument)
    names, text = [tool.name for tool in TOOLS], "only this tool; may be given several times"
    parser.add_argument("--tool", action="append", default=[], choices=names, help=text)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    return parser


def _run(plan: Matrix, chosen: Sequence[Case], options: Any, *, is_whole: bool) -> int:
    """Runs the tools one after the other and prints each result; a whole run is recorded."""
    executable = _find_executable(options.on)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no process is left behind
    record = options.results / "sanitize.json"
    if is_whole:
        record_files.make_folder(options.results)
        record.unlink(missing_ok=True)  # an older one must not outlive a run that dies
    runner = ToolRunner(
        executable=executable,
        name=options.on,
        row=plan.rows[options.on],
        folder=options.results / "sanitize",
        limit=seconds_per_tool(plan, chosen),
    )
    started = time.monotonic()
    tools = [tool for tool in TOOLS if not options.tool or tool.name in options.tool]
    runs = [_run_tool(runner, tool, [case.id for case in chosen]) for tool in tools]
    seconds = round(time.monotonic() - started, 1)
    if is_whole:
        state = revision.current()
        conditions = {"row": options.on, "commit": state.commit, "dirty": state.dirty}
        conditions |= {"compute_sanitizer": _version(executable), "seconds": seconds}
        write_whole(record, tool_tables.as_json(runs, conditions))
    is_good = all(judged.is_good for judged in runs)
    count = "1 tool" if len(runs) == 1 else f"{len(runs)} tools"
    print(f"{'GOOD' if is_good else 'BLOCKED'}: {count} in {seconds:.0f} s")
    return Exit.GOOD if is_good else Exit.BLOCKED


def _run_tool(runner: ToolRunner, tool: SanitizerTool, names: Sequence[str]) -> JudgedRun:
    """Runs one tool over the named cases, judges its run and prints the result."""
    judged = judge(runner.run(tool, names), names)
    print(tool_tables.summary_line(judged), flush=True)
    if not judged.is_good:
        log = runner.folder / f"{tool.name}.log"
        print("\n".join(tool_tables.blocking_lines(judged, log)), flush=True)
    return judged


def _find_executable(row: str) -> Path:
    if executable := shutil.which(_EXECUTABLE):
        return Path(executable)
    message = (
        f"not installed: found no {_EXECUTABLE} on the path, expected it on row {row}, whose "
        "kernels it has to check; install the CUDA toolkit, and put its bin folder on the path"
    )
    raise NotInstalledError(message)


def seconds_per_tool(plan: Matrix, chosen: Sequence[Case]) -> int:
    """Returns the sum of the kernels' time limits for one tool over all of their cases."""
    blocks = [plan.kernels[name].sanitize for name in {case.kernel for case in chosen}]
    return sum(block.seconds_per_tool for block in blocks if block)


def _version(executable: Path) -> str:
    """Returns the last printed line: ``Version 2025.3.1.0 (build 36400806) ...``."""
    ended = subprocess.run(
        [executable, "--version"],
        capture_output=True,
        text=True,
        timeout=_VERSION_SECONDS,
        check=False,
    )
    return (ended.stdout.strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    sys.exit(run_command(main))
