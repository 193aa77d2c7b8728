"""What holds while one file is read: no write outside, no process but git, bounded time and memory.

Python's audit events tell of every file that is opened or moved and every process that is started,
whoever does it. What may not be raises `EscapeError`, which no code of the project catches.
"""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 2.0
# Of the clock on the wall, for what waits and does not compute; others use this machine, too.
_SECONDS_TO_WAIT = 30.0
MEMORY = 512 * 1024 * 1024

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events that change files, with how many of their first arguments are paths.
_CHANGES = {
    **dict.fromkeys(("os.rename", "os.link", "os.symlink", "shutil.move", "shutil.copyfile"), 2),
    **dict.fromkeys(("os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod"), 1),
    **dict.fromkeys(("os.chown", "os.utime", "shutil.rmtree", "os.setxattr", "os.mknod"), 1),
}
_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "pty.spawn")
_NEVER = (*_STARTS, "socket.connect", "socket.bind", "socket.getaddrinfo", "pickle.find_class")


class EscapeError(BaseException):
    """A write outside the results folder, or a process or connection that nobody asked for."""


class TooSlowError(BaseException):
    """A reading that took longer than it may."""


class _Watch:
    """The one hook of this process; it looks on only while `folder` is one."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.is_hooked = False

    def hook(self) -> None:
        """Adds the hook, which Python never takes away again, once."""
        if not self.is_hooked:
            sys.addaudithook(self)
            self.is_hooked = True

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """What Python calls of every event."""
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


@contextmanager
def nothing_outside(folder: Path) -> Iterator[None]:
    """EscapeError for a write outside `folder`, or a process that is not git."""
    _WATCH.hook()
    _WATCH.folder = Path(os.path.realpath(folder))
    try:
        yield
    finally:
        _WATCH.folder = None


@contextmanager
def bounded_time(seconds: float) -> Iterator[None]:
    """TooSlowError after so much time of the processor, or where nothing happens for long."""

    def raise_it(number: int, _: object) -> None:
        what = (
            f"{seconds:g} s" if number == signal.SIGPROF else f"{_SECONDS_TO_WAIT:g} s of waiting"
        )
        raise TooSlowError(f"took more than {what}")

    timers = ((signal.ITIMER_PROF, seconds), (signal.ITIMER_REAL, _SECONDS_TO_WAIT))
    kept = [
        (number, signal.signal(number, raise_it)) for number in (signal.SIGPROF, signal.SIGALRM)
    ]
    timed = [(timer, signal.setitimer(timer, after)) for timer, after in timers]
    try:
        yield
    finally:
        for timer, (left, interval) in timed:
            signal.setitimer(timer, left, interval)
        for number, handler in kept:
            signal.signal(number, handler)


@contextmanager
def bounded_memory(more: int = MEMORY) -> Iterator[None]:
    """MemoryError where this process takes so many bytes more than it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
