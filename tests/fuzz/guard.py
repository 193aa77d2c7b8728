"""Limits of one reading: no write outside, no process but git, bounded time and memory.

Python's audit events report every file that is opened or moved and every process that is started,
by whatever code. A forbidden one raises `EscapeError`, which no code of the project catches.
"""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 2.0
# Seconds of wall time, for a reading that waits instead of computing on a busy machine.
_SECONDS_TO_WAIT = 30.0
MEMORY = 512 * 1024 * 1024  # bytes

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events that change files, with the number of their first arguments that are paths.
_CHANGES = {
    **dict.fromkeys(("os.rename", "os.link", "os.symlink", "shutil.move", "shutil.copyfile"), 2),
    **dict.fromkeys(("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"), 1),
    **dict.fromkeys(("os.chown", "os.utime", "shutil.rmtree", "os.setxattr", "os.mknod"), 1),
}
_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
_NEVER = (*_STARTS, "socket.connect", "socket.bind", "socket.getaddrinfo", "pickle.find_class")


class EscapeError(BaseException):
    """A write outside the results folder, or a process or connection that is not allowed."""


class TooSlowError(BaseException):
    """A reading that took longer than its limit."""


class _Watch:
    """The audit hook of this process, which is active while `folder` is set."""

    folder: Path | None = None

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raises EscapeError if an event is forbidden."""
        if self.folder is None:
            return
        if event == "open":
            path, mode, flags = arguments
            if flags & _WRITING or set(mode or "") & set("wax+"):
                self._require_inside(event, path)
        elif event in _CHANGES:
            for path in arguments[: _CHANGES[event]]:
                self._require_inside(event, path)
        elif event == "subprocess.Popen":
            _, words, _, _ = arguments
            if [str(word) for word in words][:2] != ["git", "-C"]:
                raise EscapeError(f"{event}: {words!r}")
        elif event in _NEVER:
            raise EscapeError(f"{event}: {arguments!r}")

    def _require_inside(self, event: str, path: Any) -> None:
        if isinstance(path, int):  # a file that is open already
            return
        place = Path(os.path.realpath(os.fsdecode(path)))
        if self.folder and not place.is_relative_to(self.folder):
            raise EscapeError(f"{event}: {path!r}, outside {self.folder}")


_WATCH = _Watch()
# Adds the hook once, since Python cannot remove one.
_add_hook = cache(sys.addaudithook)


@contextmanager
def refuse_escapes(folder: Path) -> Iterator[None]:
    """Raises EscapeError for a write outside `folder`, or a process that is not git."""
    _add_hook(_WATCH)
    _WATCH.folder = Path(os.path.realpath(folder))
    try:
        yield
    finally:
        _WATCH.folder = None


@contextmanager
def limit_seconds(seconds: float) -> Iterator[None]:
    """Raises TooSlowError after this much processor time, or after a long wait."""

    def raise_too_slow(number: int, _: object) -> None:
        waiting = f"{_SECONDS_TO_WAIT:g} s of waiting"
        limit = f"{seconds:g} s" if number == signal.SIGPROF else waiting
        raise TooSlowError(f"took more than {limit}")

    timers = ((signal.ITIMER_PROF, seconds), (signal.ITIMER_REAL, _SECONDS_TO_WAIT))
    signals = (signal.SIGPROF, signal.SIGALRM)
    old_handlers = [(number, signal.signal(number, raise_too_slow)) for number in signals]
    old_timers = [(timer, signal.setitimer(timer, limit)) for timer, limit in timers]
    try:
        yield
    finally:
        for timer, (left, interval) in old_timers:
            signal.setitimer(timer, left, interval)
        for number, handler in old_handlers:
            signal.signal(number, handler)


@contextmanager
def limit_memory(more: int = MEMORY) -> Iterator[None]:
    """Raises MemoryError if this process takes `more` bytes than it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
