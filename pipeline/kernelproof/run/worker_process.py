"""A worker's process: its progress, its last words, the time that it may take, and its end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from kernelproof.run.child_process import ChildProcess, Show
from kernelproof.run.worker_messages import Assignment, WorkerMessage

SECONDS_TO_START = 300  # to import torch, and to find the device
# The time beyond a case's limit: the worker ends what it can by itself, and says where it was.
SECONDS_OF_GRACE = 15
_SECONDS_TO_DUMP = 10
_LAST_LINES = 15
_FATAL = "Fatal Python error: "  # begins a dump
_NOT_OURS = ("/_pytest/", "/pluggy/", "Extension modules: ", "<frozen runpy>")


class WorkerProcess:
    """A worker with its assignment, the progress that it sends, and its end.

    - `case` is the case that it is at, empty between cases and before the first.
    - `seconds` is the time since its last message; `is_late` is True if that was too long.
    - `code` is its exit code, negative for the signal that ended it.
    - `machine` is the fingerprint of its machine, empty until it has removed older records.

    It shows stdout by `show` if `is_shared`, else its stdout is this process's own.
    """

    def __init__(
        self,
        command: Sequence[str],
        assignment: Assignment,
        *,
        environment: Mapping[str, str],
        show: Show,
        is_shared: bool,
    ) -> None:
        self.machine: dict[str, Any] = {}
        self.case, self.seconds, self.code = "", 0.0, 0
        self.is_late = False
        self._allow(SECONDS_TO_START)
        self._reader, writer = os.pipe()
        try:
            self._child = ChildProcess(
                [sys.executable, *command, "--messages", str(writer)],
                messages=self._reader,
                show=show,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if is_shared else None,
                pass_fds=[writer],
            )
        finally:
            os.close(writer)
        self._child.send(assignment.to_line())

    @property
    def end(self) -> str:
        """Its end, as the rest of a sentence that begins with the worker."""
        if self.is_late:
            return f"was ended after {self.seconds:.0f} s: its limit is {self._limit:.0f} s"
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name} after {self.seconds:.1f} s"
        return f"ended with exit code {self.code} after {self.seconds:.1f} s"

    def wait(self) -> None:
        """Takes messages until the worker has ended, or was ended since it is late."""
        try:
            while (line := self._child.read_line(self._until)) is not None:
                if message := WorkerMessage.from_line(line):
                    self.machine = message.machine or self.machine
                    self.case = message.case
                    self._allow(message.seconds or SECONDS_TO_START)
            self._child.wait(self._until)
        except TimeoutError:
            self.is_late = True
            self._dump()
        finally:
            self.code = self._child.kill()
            self.seconds = time.monotonic() - self._since
            self._child.close()
            os.close(self._reader)

    def _allow(self, seconds: float) -> None:
        self._since, self._limit = time.monotonic(), seconds
        self._until = self._since + seconds + SECONDS_OF_GRACE

    def _dump(self) -> None:
        """Sends the signal at which Python writes to stderr where it hangs, and ends."""
        self._child.send_signal(signal.SIGABRT)
        with suppress(TimeoutError):  # C code that hears no signal is killed
            self._child.wait(time.monotonic() + _SECONDS_TO_DUMP)

    def stop(self) -> None:
        """Asks the worker to write what it knows and to end; kills it if it does not."""
        self._child.stop()

    def last_words(self) -> list[str]:
        """Returns its last lines on stderr; of a dump the first lines, without pytest's frames."""
        lines = [line for line in self._child.tail if line.strip()]
        dumps = [number for number, line in enumerate(lines) if line.startswith(_FATAL)]
        if not dumps:
            return lines[-_LAST_LINES:]
        dump = (line for line in lines[dumps[-1] :] if not any(part in line for part in _NOT_OURS))
        return list(islice(dump, _LAST_LINES))
