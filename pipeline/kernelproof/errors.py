"""The project's exit codes, and the errors that end a command with one of them."""

import argparse
import enum
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from kernelproof.escape import plain

_FAULTS_SHOWN = 25
# Known words that a misspelt one is compared with; a comparison takes 45 us at most.
_MOST_KNOWN = 1_000


class Exit(enum.IntEnum):
    """The exit codes of commands."""

    GOOD = 0
    BLOCKED = 1
    MATRIX = 2
    RESULTS = 3  # also if files changed while a run lasted
    NOT_THE_ROW = 4
    BASELINE = 5
    UNAVAILABLE = 69  # only of processes that run cells: the device does not answer any more
    INCONCLUSIVE = 75
    INTERRUPTED = 130


# The codes after which there is nothing to judge: they end a session at once.
USER_ERRORS = frozenset({Exit.MATRIX, Exit.RESULTS, Exit.NOT_THE_ROW, Exit.BASELINE})


class UserError(Exception):
    """A mistake that its user can mend; the user sees its message alone, never a traceback."""

    exit = Exit.MATRIX


class UsageError(UserError):
    """A wrong command line; its exit code is that of argparse and pytest, too."""


class ResultsError(UserError):
    """A results folder that cannot be read or written."""

    exit = Exit.RESULTS


class NotTheRowError(UserError):
    """A machine that is not the row that was named."""

    exit = Exit.NOT_THE_ROW


class BaselineError(UserError):
    """A stored baseline that cannot be read, or that was edited."""

    exit = Exit.BASELINE


class RefusedError(UserError):
    """A baseline that may not be replaced by the results at hand."""

    exit = Exit.BLOCKED


@dataclass(frozen=True, kw_only=True, order=True)
class Fault:
    """A fault in a file: its place, what was found and expected, and how to mend it."""

    line: int
    column: int
    path: str
    found: str
    expected: str
    mend: str = ""

    def __str__(self) -> str:
        """Returns the fault on one line, without the file's name."""
        place = f"{self.line}:{self.column}: {self.path or 'the file'}"
        mend = f"; {self.mend}" if self.mend else ""
        return f"{place}: found {self.found}, expected {self.expected}{mend}"


class MatrixError(UserError):
    """All faults of a matrix file, in the order of its lines."""

    def __init__(self, name: str, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        lines = [f"{name}:{fault}" for fault in self.faults[:_FAULTS_SHOWN]]
        if (hidden := len(self.faults) - _FAULTS_SHOWN) > 0:
            lines.append(f"{name}: and {hidden} more")
        super().__init__("\n".join(lines))


def positive(text: str, most: int | None = None) -> int:
    """Returns an option's whole number, from 1 to `most` (if given); a type for argparse."""
    if not text.isdecimal() or int(text) < 1 or (most and int(text) > most):
        message = f"found {text!r}, expected a whole number from 1 {f'to {most}' if most else 'on'}"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Returns the likely correction of `word` as the end of a message, or an empty string."""
    close = get_close_matches(word, known[:_MOST_KNOWN], n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def system_words(error: OSError) -> str:
    """Returns the operating system's words for an error, in lower case."""
    return (error.strerror or str(error)).lower()


def run_command(command: Callable[[], int]) -> int:
    """Runs `command` and returns its exit code; prints a user's mistake without a traceback."""
    try:
        return command()
    except UserError as error:
        print(plain(str(error)), file=sys.stderr)
        return int(error.exit)
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.RESULTS)
