"""Messages between a supervisor and its worker: an assignment on stdin, progress on a pipe."""

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from kernelproof.machine.revision import Revision

# A worker's exit code if its device does not compute any more: another worker goes on.
LOST_DEVICE = 70


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """The cases that a worker runs, by their ids, and the revision that the whole run is of."""

    revision: Revision
    cases: tuple[str, ...]

    def to_line(self) -> str:
        """Returns the assignment as one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Returns the assignment of a line of JSON."""
        content = json.loads(line)
        return cls(revision=Revision(**content["revision"]), cases=tuple(content["cases"]))


@dataclass(frozen=True, kw_only=True)
class WorkerMessage:
    """The beginning of a case, or of a stretch without one, and the seconds that it may take.

    A message without seconds ends what the one before it began. `machine` is the fingerprint of the
    worker's machine, sent once, after the worker has removed older records of its cases.
    """

    case: str = ""
    seconds: float = 0
    machine: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_line(cls, line: str) -> Self | None:
        """Returns the message of a line of JSON, or None if the line is something else."""
        try:
            return cls(**json.loads(line))
        except (ValueError, TypeError):
            return None


class MessagePipe:
    """The worker's end of the pipe to its supervisor; None, for a worker without one, is silent."""

    def __init__(self, pipe: int | None) -> None:
        self._pipe = pipe

    def send(self, message: WorkerMessage) -> None:
        """Writes a message; ends this process at once if nobody reads messages any more."""
        if self._pipe is None:
            return
        content = (json.dumps(asdict(message)) + "\n").encode()
        try:
            while content:
                content = content[os.write(self._pipe, content) :]
        except BrokenPipeError:
            os._exit(1)
