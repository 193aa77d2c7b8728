"""Child processes: read against deadlines, killed with all that they started, never orphans.

A child that outlived its parent would use a GPU whose lock is free, without a limit of time. So
each child is in a process group whose leader is a guard: a shell that reads from a pipe, the other
end of which only the parent holds. However the parent ends, be it by SIGKILL, that read returns,
and the guard kills its group. The guard is started first, so there is no moment without it, and it
is reaped last, so that the number of the group is not given to another process.

A child that starts a `ChildProcess` gives it a group and a guard of its own; if the child is
killed, that guard sees it in the same way.
"""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, Self

_GUARD = ("/bin/sh", "-c", "trap '' HUP INT TERM; read line; kill -s KILL 0")
_BYTES_AT_ONCE = 65536
_SECONDS_BETWEEN_LOOKS = 0.25  # at whether a silent child is still alive
_SECONDS_TO_STOP = 20  # less than nox grants
_SECONDS_TO_DRAIN = 5  # until the pipes of a killed group are read to their end
_LINES_KEPT, _LINE_LENGTH = 200, 4096

# Receives a line, and the stream of this process that the child wrote it for.
Show = Callable[[str, IO[str]], None]


class LineReader:
    """The lines of a pipe; bytes that are not UTF-8 are replaced, half a line at its end is not."""

    def __init__(self, pipe: int) -> None:
        self._pipe, self._rest = pipe, b""

    def read(self, until: float, is_alive: Callable[[], bool] = lambda: True) -> str | None:
        """Returns the next line without its end, or None at the end of the pipe.

        The pipe ends, too, if its writer is not alive and nothing is left to read, though some
        grandchild holds it open. Raises TimeoutError at `until`, a `time.monotonic`, however much
        there is to read: a writer may never stop.
        """
        while (seconds := until - time.monotonic()) > 0:
            if b"\n" in self._rest:
                line, _, self._rest = self._rest.partition(b"\n")
                return line.decode(errors="replace")
            is_last = not is_alive()
            seconds = 0.0 if is_last else min(seconds, _SECONDS_BETWEEN_LOOKS)
            if select.select([self._pipe], [], [], seconds)[0]:
                content = os.read(self._pipe, _BYTES_AT_ONCE)
                if not content:
                    return None
                self._rest += content
            elif is_last:
                return None
        raise TimeoutError


class ChildProcess:
    """A child in a process group of its own, with the last lines that it wrote to stderr.

    Its messages are lines, by default those of its stdout. `messages` is the reading end of another
    pipe for them; then stdout, if it is a pipe, is shown as stderr is: each line is given to
    `show`. `options` are Popen's. Leaving the context manager kills the group.
    """

    def __init__(
        self,
        command: Sequence[str | os.PathLike[str]],
        *,
        messages: int | None = None,
        show: Show | None = None,
        **options: Any,
    ) -> None:
        pipe, null = subprocess.PIPE, subprocess.DEVNULL
        self._tail: deque[str] = deque(maxlen=_LINES_KEPT)
        self._threads: list[threading.Thread] = []
        self._ending = threading.Lock()
        self._guard = subprocess.Popen(
            _GUARD, stdin=pipe, stdout=null, stderr=null, process_group=0
        )
        try:
            self._process: subprocess.Popen[str] = subprocess.Popen(
                command,
                process_group=self._guard.pid,
                encoding="utf-8",
                errors="replace",
                **{"stdin": null, "stdout": pipe, "stderr": pipe} | options,
            )
        except BaseException:
            self._end_group()
            raise
        stdout, stderr = self._process.stdout, self._process.stderr
        if stdout and messages is not None:
            self._start_thread(self._pass_on, stdout, sys.stdout, show)
        if stderr:
            self._start_thread(self._pass_on, stderr, sys.stderr, show)
        if stdout and messages is None:
            messages = stdout.fileno()
        self._messages = LineReader(messages) if messages is not None else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kills the group, and closes this process's ends of the child's pipes."""
        self.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with suppress(OSError):
                    stream.close()

    def send(self, line: str) -> None:
        """Writes a line to the child's stdin, without waiting for the child to read it."""
        self._start_thread(self._write, f"{line}\n")

    def read_line(self, until: float) -> str | None:
        """Returns the child's next message, or None if it ended or closed the pipe.

        Raises TimeoutError at `until`, a `time.monotonic`.
        """
        assert self._messages  # noqa: S101  (whoever reads has not sent them to a file)
        return self._messages.read(until, lambda: self._process.poll() is None)

    def wait(self, until: float) -> int:
        """Returns the exit code once the child has ended; raises TimeoutError at `until`."""
        try:
            return self._process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise TimeoutError from None

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal to the child alone, not to its group."""
        self._process.send_signal(number)

    def stop(self) -> None:
        """Asks the child to end by SIGTERM, and kills its group if it does not."""
        self.send_signal(signal.SIGTERM)
        try:
            self.wait(time.monotonic() + _SECONDS_TO_STOP)
        except TimeoutError:
            self._end_group()

    def kill(self) -> int:
        """Kills the group; returns the child's exit code, which is its own if it ended before."""
        self._end_group()
        code = self._process.wait()
        for thread in self._threads:
            thread.join(_SECONDS_TO_DRAIN)
        return code

    @property
    def tail(self) -> list[str]:
        """The last lines that the child wrote to stderr; all of them are in after `kill`."""
        return list(self._tail)

    def _end_group(self) -> None:
        """Kills every process of the group, once: a number that is free may be another's."""
        with self._ending:
            if self._guard.returncode is None:
                os.killpg(self._guard.pid, signal.SIGKILL)
                self._guard.wait()
                self._guard.stdin.close()  # type: ignore[union-attr]

    def _start_thread(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _write(self, text: str) -> None:
        stdin = self._process.stdin
        assert stdin  # noqa: S101  (whoever sends has asked for the pipe)
        with suppress(OSError):  # of a child that has ended: reading tells that
            stdin.write(text)
            stdin.flush()

    def _pass_on(self, stream: IO[str], to: IO[str], show: Show | None) -> None:
        """Shows each line at once, and keeps the last lines of stderr."""
        with stream:
            for line in iter(lambda: stream.readline(_LINE_LENGTH), ""):
                if stream is self._process.stderr:
                    self._tail.append(line.rstrip())
                if show:
                    show(line, to)
