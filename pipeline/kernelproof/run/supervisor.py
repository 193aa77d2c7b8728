"""Workers, watched: one that dies or hangs costs the case that it was at, and no other.

A worker says on a pipe what it is about to do and how long that may take. Where it dies, or takes
longer, the case gets a record with its last words, the device is checked by a process of its own,
and another worker runs what has no record yet. Nothing of this needs torch, or a device, here.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, NoReturn

from kernelproof.errors import USER_ERRORS, Exit, ResultsError
from kernelproof.machine.gpus import Gpu, Share
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import python_path
from kernelproof.records import record_files
from kernelproof.records.record_files import Outcome, Record
from kernelproof.records.verdict import reproduce_command
from kernelproof.run.run_plan import Asked
from kernelproof.run.worker_messages import LOST
from kernelproof.run.worker_process import Worker, turn

_SECONDS_TO_CHECK, _CHECKS, _SECONDS_BETWEEN = 120, 3, 5
_PULSE = ("-m", "kernelproof.run.device_pulse")
_SIGNALLED = 128  # a shell's word for a process that a signal ended: 137 for SIGKILL


@dataclass(kw_only=True)
class Supervised:
    """A share's cases, `plan`, run by one worker after the other."""

    worker: Sequence[str]
    words: Sequence[str]
    cells: Asked
    share: Share
    plan: Sequence[Planned]
    gpu: Gpu | None
    source: Revision
    code: int = Exit.BLOCKED  # until it is done
    _worker: Worker | None = None
    _is_stopping: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Until everything has a record, or nothing more can be done: `code` says which."""
        try:
            self.code = self._run()
        except ResultsError as error:
            self._say(str(error), sys.stderr)
            self.code = error.exit

    def _run(self) -> int:
        is_resumed, is_again = False, False
        while True:
            worker = self._start(is_resumed=is_resumed)
            if worker:
                worker.wait()
            if worker is None or self._is_stopping:
                return Exit.INTERRUPTED
            if worker.code in {Exit.INTERRUPTED, *USER_ERRORS} or not (worker.code or worker.case):
                return worker.code
            if not (worker.has_discarded or is_resumed):
                record_files.discard(self.cells.folder, self.plan)
            if worker.case:
                self._record(worker)
            elif worker.code != LOST:
                self._say(f"its process {worker.end}", sys.stdout)
                if worker.code > 0 or (is_again and not worker.has_begun):
                    return worker.code if worker.code > 0 else _SIGNALLED - worker.code
            if words := self._pulse():
                left = f"{len(self._left())} cases have no record"
                self._say(f"the device does not answer any more: {words}; {left}", sys.stdout)
                return Exit.UNAVAILABLE
            is_resumed, is_again = True, not worker.has_begun

    def _start(self, *, is_resumed: bool) -> Worker | None:
        command = [*self.worker, *self.words, "--share", str(self.share)]
        with self._lock:
            if self._is_stopping:
                return None
            self._worker = Worker(
                [*command, *(["--resume"] if is_resumed else [])],
                environment=self._environment(),
                say=self._say if self.gpu else None,
            )
            return self._worker

    def _environment(self) -> dict[str, str]:
        """One that shows the GPU alone; on a host with one, whatever this process sees."""
        shown = {self.gpu.variable: self.gpu.value} if self.gpu else {}
        return {
            **os.environ,
            "PYTHONPATH": python_path(),
            "PYTHONUNBUFFERED": "1",
            **shown,
        }

    def _say(self, line: str, to: IO[str]) -> None:
        before = f"GPU {self.gpu.number}: " if self.gpu else ""
        with turn, suppress(BrokenPipeError):
            to.write(f"{before}{line.rstrip()}\n")
            to.flush()

    def _record(self, worker: Worker) -> None:
        """What became of the case that a worker died or hung at."""
        planned = next(one for one in self.plan if one.case.id == worker.case)
        outcome: Outcome = "timeout" if worker.is_late else "crash"
        record = Record(
            case=planned.case.id,
            check=planned.check,
            outcome=outcome,
            reason="\n".join([f"its process {worker.end}", *worker.last_words()]),
            numbers={},
            digest=None,
            input_digest=None,
            seed=None,
            distributions=[],
            seconds=worker.seconds,
            commit=self.source.commit,
            dirty=self.source.dirty,
            tree=self.source.tree,
            machine=worker.machine,
            reproduce=reproduce_command(planned),
        )
        record_files.write(self.cells.folder, planned, record)
        self._say(f"{outcome}  {planned.case.id}  ({worker.seconds:.1f} s)", sys.stdout)

    def _left(self) -> list[Planned]:
        return [
            one for one in self.plan if not record_files.path_of(self.cells.folder, one).exists()
        ]

    def _pulse(self) -> str:
        """Nothing where the device computes, or what was said instead, after some tries."""
        command = [sys.executable, *_PULSE, "--on", self.cells.row_name]
        words = ""
        for number in range(_CHECKS):
            time.sleep(_SECONDS_BETWEEN if number else 0)
            if self._is_stopping:
                break
            try:
                done = subprocess.run(
                    command,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=_SECONDS_TO_CHECK,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                words = f"no answer within {_SECONDS_TO_CHECK} s"
                continue
            if done.returncode == 0:
                return ""
            words = done.stderr.strip() or f"exit code {done.returncode}"
        return words.splitlines()[-1] if words else ""

    def stop(self) -> None:
        """Asks the worker to write what it knows and to end; starts no other."""
        with self._lock:
            self._is_stopping = True
            if self._worker:
                self._worker.stop()


def supervise(every: Sequence[Supervised]) -> int:
    """The worst exit code of all shares; Ctrl-C, or SIGTERM, lets each write what it knows."""
    threads = [threading.Thread(target=one.run, daemon=True) for one in every]
    with _terminable():
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:
            stoppers = [threading.Thread(target=one.stop) for one in every]
            for thread in stoppers:
                thread.start()
            for thread in (*stoppers, *threads):
                thread.join()
            raise
    return max((one.code for one in every), default=0)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is KeyboardInterrupt within."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
