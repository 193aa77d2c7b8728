"""A forked child: what it tells, line by line on a pipe, and how it ended."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kernelproof.run.child_process import LineReader

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a child told, and its end: ``SIGABRT`` or ``exit code 0``; `is_late` where it hung."""

    lines: list[dict[str, Any]]
    end: str
    is_late: bool


def ask_child(work: Callable[[Tell], None], seconds: float) -> Told:
    """What `work` tells in a process of its own, which ends with it, or after so many seconds."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(work, writer)
    os.close(writer)
    told: list[dict[str, Any]] = []
    is_late = False
    lines, until = LineReader(reader), time.monotonic() + seconds
    try:
        while (line := lines.read(until)) is not None:
            told.append(json.loads(line))
    except TimeoutError:
        is_late = True
    finally:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(reader)
    end = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return Told(lines=told, end=end, is_late=is_late)


def _be_the_child(work: Callable[[Tell], None], writer: int) -> None:
    """Works without a terminal, and ends this process."""
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        work(lambda line: _tell(writer, line))
        code = 0
    finally:
        os._exit(code)


def _tell(writer: int, line: dict[str, Any]) -> None:
    content = (json.dumps(line) + "\n").encode()
    while content:
        content = content[os.write(writer, content) :]
