"""A worker's process: what it tells, what it says, how long it may take, and how it ends."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import IO, Any

from kernelproof.run.worker_messages import Told, lines_of

SECONDS_TO_START = 300  # to import torch, and to find the device
# What a case may take beyond its limit: the worker ends what it can by itself, and says where.
SECONDS_OF_GRACE = 15
_SECONDS_TO_SPEAK = 10  # to dump where it hangs
_SECONDS_TO_STOP = 20  # less than nox grants
_LINES_KEPT, _LAST_LINES, _LINE_LENGTH = 200, 15, 4096
_FATAL, _THREAD = "Fatal Python error: ", ("Thread 0x", "Current thread 0x")  # in a dump
_WATCHING = " in _end_with_the_supervisor"  # the thread that waits for this process
_NOT_OURS = ("/_pytest/", "/pluggy/", "Extension modules: ", "<frozen runpy>")

# Of whoever says something: lines stay whole.
turn = threading.Lock()
Say = Callable[[str, IO[str]], None]


class Worker:
    """A process, and what it told and said until it ended.

    It is of a process group of its own: a terminal's Ctrl-C reaches the supervisor alone, and what
    it started ends with it.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        say: Say | None,
    ) -> None:
        self.machine: dict[str, Any] = {}
        self.case, self.seconds, self.code = "", 0.0, 0
        self.has_begun = self.is_late = False
        self._allow(SECONDS_TO_START)
        self._reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, *arguments, "--tell", str(writer)],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if say else None,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=[writer],
                process_group=0,
            )
        finally:
            os.close(writer)
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        streams = ((self._process.stdout, sys.stdout), (self._process.stderr, sys.stderr))
        self._threads = [
            threading.Thread(target=self._pass_on, args=(stream, to, say), daemon=True)
            for stream, to in streams
            if stream
        ]
        for thread in self._threads:
            thread.start()

    @property
    def has_discarded(self) -> bool:
        """Whether it got as far as to take away older records: it says its machine after that."""
        return bool(self.machine)

    @property
    def end(self) -> str:
        """How it ended, as the rest of a sentence that begins with it."""
        if self.is_late:
            return f"was ended after {self.seconds:.0f} s: its limit is {self._limit:.0f} s"
        if self.code < 0:
            return f"was ended by {signal.Signals(-self.code).name} after {self.seconds:.1f} s"
        return f"ended with exit code {self.code} after {self.seconds:.1f} s"

    def wait(self) -> None:
        """Until it has ended by itself, or is late and was ended."""
        try:
            self._listen()
            self.code = self._process.wait(max(0.0, self._until - time.monotonic()))
        except (TimeoutError, subprocess.TimeoutExpired):
            self.is_late = True
            self.code = self._end()
        finally:
            self.seconds = time.monotonic() - self._since
            os.close(self._reader)
            if self.code:
                self._kill_group()
            for thread in self._threads:
                thread.join(timeout=_SECONDS_TO_STOP)
            with suppress(OSError):
                self._process.stdin.close()  # type: ignore[union-attr]

    def _allow(self, seconds: float) -> None:
        self._since, self._limit = time.monotonic(), seconds
        self._until = self._since + seconds + SECONDS_OF_GRACE

    def _listen(self) -> None:
        """Takes what it tells until it tells no more; TimeoutError where something takes long."""
        rest = b""
        while True:
            left = self._until - time.monotonic()
            if left <= 0 or not select.select([self._reader], [], [], left)[0]:
                raise TimeoutError
            more = os.read(self._reader, 65536)
            if not more:
                return
            told, rest = lines_of(rest + more)
            for one in told:
                self._hear(one)

    def _hear(self, told: Told) -> None:
        self.machine = told.machine or self.machine
        self.case = told.case
        self.has_begun |= bool(told.case)
        self._allow(told.seconds or SECONDS_TO_START)

    def _end(self) -> int:
        """Its exit code, after it was asked where it hangs: Python dumps that at this signal."""
        for by, seconds in ((signal.SIGABRT, _SECONDS_TO_SPEAK), (signal.SIGKILL, None)):
            self._process.send_signal(by)
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(seconds)
        raise AssertionError  # the second one waits without a limit

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end, then, where it does not, makes it."""
        self._process.terminate()
        try:
            self._process.wait(timeout=_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            self._kill_group()

    def _pass_on(self, stream: IO[str], to: IO[str], say: Say | None) -> None:
        """Says whatever it says at once, and keeps the last lines of its complaints."""
        with stream:
            for line in iter(lambda: stream.readline(_LINE_LENGTH), ""):
                if to is sys.stderr:
                    self._said.append(line.rstrip())
                if say and line.strip():
                    say(line, to)
                elif not say:
                    with turn, suppress(BrokenPipeError):
                        to.write(line)
                        to.flush()

    def last_words(self) -> list[str]:
        """Its last complaints; of a dump its first lines, without those of pytest's own frames."""
        said = [line for line in self._said if line.strip()]
        dumps = [number for number, line in enumerate(said) if line.startswith(_FATAL)]
        if not dumps:
            return said[-_LAST_LINES:]
        threads: list[list[str]] = [[]]
        for line in said[dumps[-1] :]:
            if line.startswith(_THREAD):
                threads.append([])
            threads[-1].append(line)
        ours = (
            line
            for thread in threads
            if not any(_WATCHING in line for line in thread)
            for line in thread
            if not any(part in line for part in _NOT_OURS)
        )
        return [*islice(ours, _LAST_LINES)]
