"""A reader of files from outside, and the trial of one input: read once, with an outcome."""

import io
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelproof.errors import Exit, UserError
from tests.fuzz import guard
from tests.fuzz.structures import as_json

# A refusal is for people to read: the letters of each of its lines, at most.
_MOST_LETTERS = 1000
_SHOWN = 2000  # letters of a text in the message on it
_MOST_OF_TRACEBACK = 4000

TAKEN, LEFT_OUT = "taken", "left out"
_REFUSALS = (Exit.MATRIX, Exit.RESULTS, Exit.BASELINE)
OUTCOMES = (TAKEN, LEFT_OUT, *(f"exit {int(code)}" for code in _REFUSALS))


class BreachError(Exception):
    """A breach of a promise: an undocumented exit code, or a line that is not plain."""


def _leave(_: Any) -> None:
    """Changes nothing."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Code that reads the file `path` below a folder, and uses its content as commands do.

    - `read` returns True if it takes the file, False if it mentions the file and leaves it out.
    - `samples` are the values of valid files; `as_text` writes them, `reseal` gives them a seal
      that fits.
    - `codes` are the documented exit codes of its refusals, which have `most_lines` lines at most.
    - `prepare` puts what else it needs into the folder, once.
    - `fill_sizes` are the numbers of values and of letters that are near the most that it takes.
    """

    name: str
    path: str
    read: Callable[[Path], bool]
    codes: frozenset[Exit]
    most_lines: int = 1
    samples: tuple[Any, ...]
    as_text: Callable[[Any], str] = as_json
    reseal: Callable[[Any], None] = _leave
    fill_sizes: tuple[int, int] = (140_000, 2**22)
    prepare: Callable[[Path], None] = _leave

    @property
    def files(self) -> tuple[bytes, ...]:
        """The content of the valid files."""
        return tuple(self.as_text(sample).encode() for sample in self.samples)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The outcome of one reading, one of `OUTCOMES`, its time, and the breach if there was one.

    Breaches of one `kind` are alike.
    """

    outcome: str
    seconds: float
    wrong: str = ""
    kind: str = ""


def try_input(reader: Reader, content: bytes, folder: Path) -> Trial:
    """Lets a reader read one file's content in a folder of its own, made by `prepare`."""
    (folder / reader.path).write_bytes(content)
    outcome, wrong, kind = "", "", ""
    start = time.process_time()
    try:
        with (
            redirect_stdout(io.StringIO()) as out,
            redirect_stderr(io.StringIO()) as err,
            guard.limit_seconds(guard.SECONDS),
            guard.limit_memory(),
            guard.refuse_escapes(folder / "results"),
        ):
            try:
                outcome = TAKEN if reader.read(folder) else LEFT_OUT
            except UserError as error:
                outcome = f"exit {int(error.exit)}"
                require_refusal(reader, error)
        require_plain(out.getvalue() + err.getvalue())
    except (Exception, guard.EscapeError, guard.TooSlowError) as error:  # noqa: BLE001  (all are breaches)
        kind = _kind(error)
        wrong = "".join(traceback.format_exception(error, chain=False))[-_MOST_OF_TRACEBACK:]
    return Trial(outcome=outcome, seconds=time.process_time() - start, wrong=wrong, kind=kind)


def _kind(error: BaseException) -> str:
    """Returns the error's class with its last place in the project, or the head of its message."""
    if isinstance(error, BreachError):
        return f"BreachError: {str(error)[:40]}"
    frames = traceback.extract_tb(error.__traceback__)
    place = ([frame for frame in frames if "/fuzz/" not in frame.filename] or frames)[-1]
    return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"


def prepare(reader: Reader, folder: Path) -> None:
    """Puts what a reader needs beside its file into a folder, with the folders of both."""
    (folder / reader.path).parent.mkdir(parents=True, exist_ok=True)
    (folder / "results").mkdir(parents=True, exist_ok=True)
    reader.prepare(folder)


def files_beside(folder: Path) -> set[str]:
    """Returns every file and folder outside of the results that Python did not write itself."""
    files = (file.relative_to(folder) for file in folder.rglob("*"))
    return {
        str(file)
        for file in files
        if file.parts[0] != "results" and "__pycache__" not in file.parts
    }


def require_refusal(reader: Reader, error: UserError) -> None:
    """Raises BreachError for an undocumented exit code, or for a message that is too long."""
    code, message = error.exit, str(error)
    if code not in reader.codes:
        raise BreachError(f"exit code {int(code)}: found {message!r}")
    lines = message.split("\n")
    if not message.strip() or len(lines) > reader.most_lines:
        raise BreachError(f"lines of a refusal: found {len(lines)}: {message[:_SHOWN]!r}")
    if long := [line for line in lines if len(line) > _MOST_LETTERS]:
        raise BreachError(f"length of a refusal: found {len(long[0])}: {long[0][:_SHOWN]!r}")
    require_plain(message)


def require_plain(text: str) -> None:
    """Raises BreachError for a character that a terminal obeys, or for a traceback."""
    for line in text.split("\n"):
        if not line.isprintable():
            raise BreachError(f"no plain line: found {line[:_SHOWN]!r}")
    if "Traceback (most recent call last)" in text:
        raise BreachError(f"a traceback: found {text[-_SHOWN:]!r}")
