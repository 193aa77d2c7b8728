"""What the sessions of noxfile.py start: processes, whose exit code, where not 0, ends nox."""

import sys

import nox
from nox.command import CommandFailed

from kernelproof.plan.repository import python_path

# What a process may take to write what it knows, once it is interrupted.
SECONDS_TO_STOP = 30
_PATH = {"PYTHONPATH": python_path()}


def python_of(session: nox.Session, toolchain: str) -> str:
    """The Python of a toolchain's environment, made or brought up to date where it has to be."""
    if is_no_venv(session):
        return sys.executable
    return output_of(session, sys.executable, "-m", "kernelproof.machine.toolchain", toolchain)


def is_no_venv(session: nox.Session) -> bool:
    """Whether nox was told to use the packages of its own Python."""
    return session._runner.global_config.force_venv_backend == "none"  # noqa: SLF001


def is_help_asked(session: nox.Session) -> bool:
    """Whether a session is only to say which options it takes."""
    return not {"-h", "--help"}.isdisjoint(session.posargs)


def output_of(session: nox.Session, *command: str) -> str:
    """What a command prints; its exit code, where that is not 0, ends nox."""
    try:
        printed = session.run(*command, silent=True, stderr=None, log=False, env=_PATH)
    except CommandFailed as failure:
        sys.exit(failure.return_code or 1)
    return str(printed).strip()


def run(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> None:
    """Runs a command; its exit code, where that is not 0, ends nox."""
    if code := code_of(session, *command, env=env):
        sys.exit(code)


def code_of(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> int:
    """The exit code of a command."""
    try:
        session.run(*command, env={**_PATH, **(env or {})}, interrupt_timeout=SECONDS_TO_STOP)
    except CommandFailed as failure:
        return failure.return_code or 1
    return 0
