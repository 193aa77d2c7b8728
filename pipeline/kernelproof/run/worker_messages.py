"""What a worker tells its supervisor, on a pipe: a JSON line for whatever it is about to do."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from types import FrameType
from typing import Any, NoReturn

# A worker's exit code: its device does not answer any more in this process; another one goes on.
LOST = 70


@dataclass(frozen=True, kw_only=True)
class Told:
    """One line: what it begins, `case` or else something before any, and in how many seconds.

    A line without seconds ends what the one before began. `machine` is its fingerprint, once.
    """

    case: str = ""
    seconds: float = 0
    machine: dict[str, Any] = field(default_factory=dict)


class Teller:
    """The worker's end of the pipe; without one, as where somebody starts it by hand, silent."""

    def __init__(self, pipe: int | None) -> None:
        self._pipe = pipe

    def tell(self, told: Told) -> None:
        """Writes a line; ends this process where nobody reads it any more."""
        if self._pipe is None:
            return
        content = (json.dumps(asdict(told)) + "\n").encode()
        try:
            while content:
                content = content[os.write(self._pipe, content) :]
        except BrokenPipeError:
            os._exit(1)


def lines_of(content: bytes) -> tuple[Iterator[Told], bytes]:
    """What whole lines say, and the rest, which is not one yet."""
    *lines, rest = content.split(b"\n")
    return (Told(**json.loads(line)) for line in lines), rest


def obey() -> None:
    """In a worker: SIGTERM is KeyboardInterrupt; the supervisor's end is the worker's own.

    The supervisor keeps the worker's standard input open, and writes nothing to it.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_end_with_the_supervisor, daemon=True).start()


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _end_with_the_supervisor() -> None:
    """Whatever the main thread does meanwhile, be it waiting for a device that never answers."""
    while os.read(sys.__stdin__.fileno(), 1):  # type: ignore[union-attr]
        pass
    os._exit(1)
