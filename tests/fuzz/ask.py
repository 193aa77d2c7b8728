"""One input: the file put in its place, one reading, and what came of it."""

import io
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from kernelproof.errors import Exit, UserError
from tests.fuzz.guard import (
    SECONDS,
    EscapeError,
    TooSlowError,
    bounded_memory,
    bounded_time,
    nothing_outside,
)
from tests.fuzz.reader import Reader

# A refusal is for people: each line has so many letters at most.
_LETTERS = 1000


TAKEN, LEFT_OUT = "taken", "left out"
OUTCOMES = (
    TAKEN,
    LEFT_OUT,
    *(f"exit {int(code)}" for code in (Exit.MATRIX, Exit.RESULTS, Exit.BASELINE)),
)


class WrongError(Exception):
    """What may not be: another exit code, a line that is not plain, an output that is broken."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one reading came to, how long it took, and what was wrong, if anything.

    `outcome` is a word of `OUTCOMES`; `kind` is the same for inputs that go wrong in the same way.
    """

    outcome: str
    seconds: float
    wrong: str = ""
    kind: str = ""


def ask(reader: Reader, content: bytes, folder: Path) -> Answer:
    """The answer of a reader to one file's content; `folder` is its own, made by `settle`."""
    home = folder / reader.home
    home.parent.mkdir(parents=True, exist_ok=True)
    home.write_bytes(content)
    outcome, wrong, kind = "", "", ""
    start = time.process_time()
    try:
        with (
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
            bounded_time(SECONDS),
            bounded_memory(),
            nothing_outside(folder / "results"),
        ):
            try:
                outcome = TAKEN if reader.read(folder) else LEFT_OUT
            except UserError as error:
                outcome = f"exit {int(error.exit)}"
                require_refusal(reader, error)
        require_plain(out.getvalue() + err.getvalue())
    except (Exception, EscapeError, TooSlowError) as error:  # noqa: BLE001  (all are findings)
        frames = traceback.extract_tb(error.__traceback__)
        within = [one for one in frames if "/fuzz/" not in one.filename] or frames
        kind = f"{type(error).__name__} at {Path(within[-1].filename).name}:{within[-1].lineno}"
        if isinstance(error, WrongError):
            kind = f"WrongError: {str(error)[:40]}"
        wrong = "".join(traceback.format_exception(error, chain=False))[-4000:]
    return Answer(outcome=outcome, seconds=time.process_time() - start, wrong=wrong, kind=kind)


def settle(reader: Reader, folder: Path) -> None:
    """Puts what a reader needs beside its file into a folder."""
    (folder / "results").mkdir(parents=True, exist_ok=True)
    reader.setting(folder)


def require_refusal(reader: Reader, error: UserError) -> None:
    """WrongError for an exit code that is not documented, or a message that is no message."""
    code, said = error.exit, str(error)
    if code not in reader.codes:
        raise WrongError(f"exit code {int(code)}: found {said!r}")
    lines = said.split("\n")
    if not said.strip() or len(lines) > reader.lines:
        raise WrongError(f"lines of a refusal: found {len(lines)}: {said[:2000]!r}")
    if long := [line for line in lines if len(line) > _LETTERS]:
        raise WrongError(f"length of a refusal: found {len(long[0])}: {long[0][:2000]!r}")
    require_plain(said)


def require_plain(text: str) -> None:
    """WrongError for what a terminal would obey, or for a traceback."""
    for line in text.split("\n"):
        if not line.isprintable():
            raise WrongError(f"no plain line: found {line[:2000]!r}")
    if "Traceback (most recent call last)" in text:
        raise WrongError(f"a traceback: found {text[-2000:]!r}")
