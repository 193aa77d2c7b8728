"""``python -m kernelproof.report``: judges results/ against the plan, and writes every form."""

import argparse
import datetime
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from kernelproof.checks.judge_plan import judge
from kernelproof.errors import Exit, run_command
from kernelproof.files.atomic_write import write_whole
from kernelproof.machine import hardware, revision
from kernelproof.plan import cases, matrix
from kernelproof.plan.schema import Check
from kernelproof.records import record_files
from kernelproof.report import earlier_runs, history, page_data
from kernelproof.report.junit import junit
from kernelproof.report.markdown import markdown
from kernelproof.report.page import page
from kernelproof.report.report_file import report_of
from kernelproof.report.terminal import print_report


def main(arguments: Sequence[str] | None = None) -> int:
    """Judges everything planned for the named rows, or for those of this machine.

    Returns 0 if all is good, 75 if nothing but inconclusive verdicts block, 1 otherwise.
    """
    options = _options(arguments)
    plan, selection = matrix.load(), cases.Selection.of(options)
    cases.plan(plan, selection)  # refuses wrong names before anything else
    past = earlier_runs.read(options.history) if options.history else None
    for line in past.skipped if past else ():
        print(line, file=sys.stderr)
    if not selection.rows(plan):
        here = hardware.rows_here(plan, hardware.accelerators())
        selection = replace(selection, row=here)
    state = revision.current()
    planned = cases.plan(plan, selection, checks=[options.check] if options.check else Check)
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    report = report_of(judge(planned, options.results, state), state, now)
    folder: Path = options.results
    write_whole(folder / "report.json", report.model_dump_json(indent=1) + "\n")
    write_whole(folder / "report.xml", junit(report))
    write_whole(folder / "report.md", markdown(report))
    console = Console()
    if past:
        past = replace(past, reports=(*past.reports, report))
        history.print_steps(past, console)
    print_report(report, console)
    shown = page_data.content(report, plan, page_data.stored(plan, folder), past)
    write_whole(folder / "report.html", page(shown))
    if report.is_undecided:
        return int(Exit.INCONCLUSIVE)
    return int(Exit.BLOCKED if report.blocks else Exit.GOOD)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="nox -s report --",
        description="Gives every planned case its verdict, from the records in results/; writes "
        "report.html, report.json, report.xml (JUnit) and report.md beside them.",
        epilog="exit codes: 0 all good, 1 a verdict blocks, 2 matrix.yaml or the command line "
        "is wrong, 3 results unreadable, 4 this machine is no row, 5 a baseline is unreadable, "
        "75 nothing but inconclusive: run it again",
    )
    cases.Selection.add_options(parser.add_argument)
    parser.add_argument("--results", type=Path, default=record_files.FOLDER, metavar="FOLDER")
    parser.add_argument("--check", type=Check, choices=list(Check), help="only this check")
    parser.add_argument(
        "--history",
        type=Path,
        metavar="DIR",
        help="show trends, and the commits of steps, over the runs whose report.json is in a "
        "folder below DIR, three deep at most; skips what is no report, with a line",
    )
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--processes", help=argparse.SUPPRESS)
    parser.add_argument("--gpus", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
