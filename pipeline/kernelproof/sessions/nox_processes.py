"""The processes that the sessions of noxfile.py start, on which rows and in which environments.

A process that ends with another exit code than 0 ends nox with that code.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

import nox
from nox.command import CommandFailed

from kernelproof.errors import USER_ERRORS, MatrixError
from kernelproof.plan import matrix
from kernelproof.plan.repository import python_path
from kernelproof.plan.schema import Check, Row

# The seconds that an interrupted process has to write its results.
SECONDS_TO_STOP = 30
_PATH = {"PYTHONPATH": python_path()}
# Options by which perf-regress times two commits on any row, in place of stored times.
_COMMIT_OPTIONS = {"--against", "--bisect"}


@cache
def load_rows() -> Mapping[str, Row]:
    """Returns the rows of matrix.yaml by name; ends nox with the faults of a wrong matrix."""
    try:
        return matrix.load().rows
    except MatrixError as error:
        print(error, file=sys.stderr)
        sys.exit(int(error.exit))


def python_of(session: nox.Session, toolchain: str) -> str:
    """Returns the Python of a toolchain's environment, which is made or updated if needed."""
    if is_no_venv(session):
        return sys.executable
    return output_of(session, sys.executable, "-m", "kernelproof.machine.toolchain", toolchain)


def rows_here(session: nox.Session, *options: str) -> list[str]:
    """Returns the rows that this machine is, or that are named.

    Ends nox, before gigabytes are installed, if this machine cannot be a named row.
    """
    present = [] if is_no_venv(session) else ["--present"]
    command = ["-m", "kernelproof.machine.hardware", *present, *options, *session.posargs]
    return output_of(session, sys.executable, *command).split()


def run_cells(session: nox.Session, check: Check, rows: Iterable[str]) -> None:
    """Runs the cells of these rows, a process each, then judges all of them."""
    names = [f"--row={row}" for row in rows]
    report = ["-m", "kernelproof.report", "--check", check, *names, *session.posargs]
    judge = partial(code_of, session, sys.executable, *report)
    try:
        for row in rows:
            cells = ["-m", "kernelproof.checks", check, "--on", row, *session.posargs]
            python = python_of(session, load_rows()[row].toolchain)
            code = code_of(session, python, *cells, env=load_rows()[row].environment)
            if code in USER_ERRORS or is_help_asked(session):
                sys.exit(code)
    except KeyboardInterrupt:
        judge()
        raise
    if code := judge():
        sys.exit(code)


def row_session(check: Check, row: str) -> Callable[[nox.Session], None]:
    """Returns a session that runs the cells of one check on one row, if this machine can be it."""

    def run_row(session: nox.Session) -> None:
        rows_here(session, "--row", row)
        run_cells(session, check, [row])

    run_row.__doc__ = f"The same on {load_rows()[row].device}."
    return run_row


def run_perf(session: nox.Session, rows: Iterable[str]) -> None:
    """Judges speed on these rows: by times if they are compiled, else by their generated code.

    An option that names commits times them on every row.
    """
    timed = [row for row in rows if load_rows()[row].is_compiled]
    if _COMMIT_OPTIONS & {word.partition("=")[0] for word in session.posargs}:
        for row in rows:
            toolchain = load_rows()[row].toolchain if row in timed else "codegen"
            command = ["-m", "kernelproof.checks.perf", "--on", row, *session.posargs]
            run(session, python_of(session, toolchain), *command)
    elif timed or is_help_asked(session):
        run_cells(session, Check.PERF, timed or rows)
    else:
        session.log("timing an interpreter says nothing: the generated code is judged instead")
        run(session, python_of(session, "codegen"), "-m", "kernelproof.checks.codegen")


def run_on_rows(session: nox.Session, module: str, option: str, *selecting: str) -> None:
    """Runs a module on the rows that this machine is, each named to the module by `option`."""
    for name in rows_here(session, *selecting):
        row = load_rows()[name]
        command = ["-m", module, option, name, *session.posargs]
        run(session, python_of(session, row.toolchain), *command, env=row.environment)


def run_on_cpu(session: nox.Session, *command: str, toolchain: str | None = None) -> None:
    """Runs a command as on the row that every machine can be, in its toolchain or another one."""
    row = load_rows()["cpu"]
    python = python_of(session, toolchain or row.toolchain)
    run(session, python, *command, *session.posargs, env=row.environment)


def run_light(session: nox.Session, module: str) -> None:
    """Runs a module by nox's own Python, which the module takes for kernels under --no-venv."""
    here = ["--this-python"] if is_no_venv(session) else []
    run(session, sys.executable, "-m", module, *here, *session.posargs)


def run_tools(session: nox.Session, toolchain: str, commands: Iterable[Iterable[str]]) -> None:
    """Runs each command, a module of the toolchain or else an executable beside its Python."""
    python = Path(python_of(session, toolchain))
    for name, *arguments in commands:
        executable = python.with_name(name)
        tool = [str(executable)] if executable.exists() else [str(python), "-m", name]
        run(session, *tool, *arguments)


def is_no_venv(session: nox.Session) -> bool:
    """Returns True if nox uses the packages of its own Python."""
    return session._runner.global_config.force_venv_backend == "none"  # noqa: SLF001


def is_help_asked(session: nox.Session) -> bool:
    """Returns True if the session only prints the options that it takes."""
    return not {"-h", "--help"}.isdisjoint(session.posargs)


def output_of(session: nox.Session, *command: str) -> str:
    """Returns what a command prints; another exit code than 0 ends nox."""
    try:
        printed = session.run(*command, silent=True, stderr=None, log=False, env=_PATH)
    except CommandFailed as failure:
        sys.exit(failure.return_code or 1)
    return str(printed).strip()


def run(session: nox.Session, *command: str, env: Mapping[str, str] | None = None) -> None:
    """Runs a command; another exit code than 0 ends nox."""
    if code := code_of(session, *command, env=env):
        sys.exit(code)


def code_of(session: nox.Session, *command: str, env: Mapping[str, str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    try:
        session.run(*command, env={**_PATH, **(env or {})}, interrupt_timeout=SECONDS_TO_STOP)
    except CommandFailed as failure:
        return failure.return_code or 1
    return 0
