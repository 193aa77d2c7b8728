"""The supervisor of a run: a worker that dies or hangs costs the case that it was at, no other.

A worker sends a message before each case, with the time that it may take. If it dies, or takes
longer, the case gets a record with its last words, a process checks whether the device computes,
and another worker runs the cases that have no record yet. The supervisor itself needs no torch.

A run is of one revision of the files, which is taken at its start. If the files are others before
a worker starts, or at the end, the run ends: its records are of files that are gone.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from kernelproof.errors import USER_ERRORS, Exit, ResultsError
from kernelproof.machine import revision
from kernelproof.machine.gpus import Gpu, Share
from kernelproof.machine.revision import Revision
from kernelproof.plan.cases import Planned
from kernelproof.plan.repository import python_path
from kernelproof.records import record_files
from kernelproof.records.record_files import Outcome
from kernelproof.run.child_process import ChildProcess
from kernelproof.run.run_plan import RunPlan, record_of
from kernelproof.run.worker_messages import LOST_DEVICE, Assignment
from kernelproof.run.worker_process import WorkerProcess

_SECONDS_TO_CHECK, _CHECKS, _SECONDS_BETWEEN = 120, 3, 5
_PULSE = ("-m", "kernelproof.run.device_pulse")
_SIGNALLED = 128  # a shell's exit code of a process that a signal ended: 137 for SIGKILL

_output = threading.Lock()  # held while a line is written, so that lines stay whole


class ChangedFilesError(ResultsError):
    """Files that changed while a run lasted: its records are of files that are gone."""


@dataclass(kw_only=True)
class ShareSupervisor:
    """Runs the cases of a share by one worker after the other, on `gpu` if there are several.

    `worker` is the command line of a worker's Python, without the words of the plan. `code` is the
    exit code, once `run` has returned.
    """

    worker: Sequence[str]
    plan: RunPlan
    share: Share
    cases: Sequence[Planned]
    gpu: Gpu | None
    revision: Revision
    code: int = Exit.BLOCKED
    is_changed: bool = False
    _worker: WorkerProcess | None = None
    _is_stopping: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Starts workers until every case has a record, or no worker can do more."""
        try:
            self.code = self._run()
        except ResultsError as error:
            self._show(str(error), sys.stderr)
            self.code = error.exit

    def _run(self) -> int:
        cases, was_stuck = list(self.cases), False
        while cases:
            worker = self._start(cases)
            if worker:
                worker.wait()
            if worker is None or self._is_stopping:
                return Exit.INTERRUPTED
            if _is_over(worker):
                return worker.code
            if not worker.machine:  # it has not removed older records
                record_files.discard(self.plan.folder, cases)
            if worker.case:
                self._record(worker)
            left = self._left()
            is_stuck = len(left) == len(cases)
            if code := self._code_of_failure(worker, is_last=is_stuck and was_stuck):
                return code
            cases, was_stuck = left, is_stuck
        return Exit.GOOD

    def _code_of_failure(self, worker: WorkerProcess, *, is_last: bool) -> int:
        """Returns 0 if another worker can go on after this one, else the exit code of the run.

        A signal may have come from anywhere, so one more worker tries, unless this `is_last`.
        """
        if not worker.case and worker.code != LOST_DEVICE:
            self._show(f"its process {worker.end}", sys.stdout)
            if worker.code > 0:
                return worker.code
        if is_last:
            return worker.code if worker.code > 0 else _SIGNALLED - worker.code
        if error := self._pulse():
            left = f"{len(self._left())} cases have no record"
            self._show(f"the device does not answer any more: {error}; {left}", sys.stdout)
            return Exit.UNAVAILABLE
        self.is_changed = is_changed(self.revision)
        return Exit.RESULTS if self.is_changed else Exit.GOOD

    def _start(self, cases: Sequence[Planned]) -> WorkerProcess | None:
        """Starts a worker of these cases, or returns None if the run was interrupted."""
        names = tuple(case.case.id for case in cases)
        with self._lock:
            if self._is_stopping:
                return None
            self._worker = WorkerProcess(
                [*self.worker, *self.plan.words, "--share", str(self.share)],
                Assignment(revision=self.revision, cases=names),
                environment=self._environment(),
                show=self._show_raw if self.gpu is None else self._show,
                is_shared=self.gpu is not None,
            )
            return self._worker

    def _environment(self) -> dict[str, str]:
        """Returns a worker's environment: of several GPUs, it shows the share's alone."""
        visible = {self.gpu.variable: self.gpu.value} if self.gpu else {}
        path = {"PYTHONPATH": python_path(), "PYTHONUNBUFFERED": "1"}
        return {**os.environ, **path, **visible}

    def _show(self, line: str, to: IO[str]) -> None:
        """Writes a line, unless it is empty, behind the number of the GPU if there are several."""
        if line.strip():
            prefix = f"GPU {self.gpu.number}: " if self.gpu else ""
            self._show_raw(f"{prefix}{line.rstrip()}\n", to)

    def _show_raw(self, line: str, to: IO[str]) -> None:
        with _output, suppress(BrokenPipeError):
            to.write(line)
            to.flush()

    def _record(self, worker: WorkerProcess) -> None:
        """Writes a record of the case that a worker died or hung at."""
        planned = next(case for case in self.cases if case.case.id == worker.case)
        outcome: Outcome = "timeout" if worker.is_late else "crash"
        record = record_of(
            planned,
            self.revision,
            worker.machine,
            outcome=outcome,
            reason="\n".join([f"its process {worker.end}", *worker.last_words()]),
            seconds=worker.seconds,
        )
        record_files.write(self.plan.folder, planned, record)
        self._show(f"{outcome}  {planned.case.id}  ({worker.seconds:.1f} s)", sys.stdout)

    def _left(self) -> list[Planned]:
        """Returns the cases without a record of this run: older ones were removed."""
        folder = self.plan.folder
        return [case for case in self.cases if not record_files.path_of(folder, case).exists()]

    def _pulse(self) -> str:
        """Returns an empty string if the device computes at one of some tries, else its error."""
        error = ""
        for number in range(_CHECKS):
            time.sleep(_SECONDS_BETWEEN if number else 0)
            if self._is_stopping:
                break
            command = [sys.executable, *_PULSE, "--on", self.plan.row_name]
            with ChildProcess(
                command, env=self._environment(), stdout=subprocess.DEVNULL
            ) as process:
                try:
                    code = process.wait(time.monotonic() + _SECONDS_TO_CHECK)
                except TimeoutError:
                    error = f"no answer within {_SECONDS_TO_CHECK} s"
                    continue
                process.kill()
            if code == 0:
                return ""
            lines = [line for line in process.tail if line.strip()]
            error = lines[-1] if lines else f"exit code {code}"
        return error

    def stop(self) -> None:
        """Asks the worker to write what it knows and to end; starts no other."""
        with self._lock:
            self._is_stopping = True
            if self._worker:
                self._worker.stop()


def _is_over(worker: WorkerProcess) -> bool:
    """Returns True if another worker would end in the same way, or has nothing to do."""
    if worker.code == Exit.INTERRUPTED:
        return True
    is_at_work = bool(worker.case) or worker.is_late
    return not is_at_work and worker.code in {0, *USER_ERRORS}


def is_changed(started: Revision) -> bool:
    """Returns True if results of the files of now are not results of the revision `started`."""
    now = revision.current()
    return (now.commit, now.tree) != (started.commit, started.tree)


def supervise(shares: Sequence[ShareSupervisor]) -> int:
    """Runs all shares at once and returns their worst exit code.

    Ctrl-C and SIGTERM let each worker write what it knows, then raise KeyboardInterrupt. Raises
    ChangedFilesError, exit code 3, if the files changed while the run lasted.
    """
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run_all(shares)
    finally:
        signal.signal(signal.SIGTERM, before)
    for share in shares:
        if share.is_changed or is_changed(share.revision):
            message = (
                "results: found files that changed while the run lasted, expected those of its "
                f"start, commit {share.revision.commit[:12]}, whose records these are; run it again"
            )
            raise ChangedFilesError(message)
    return max((share.code for share in shares), default=0)


def _run_all(shares: Sequence[ShareSupervisor]) -> None:
    threads = [threading.Thread(target=share.run, daemon=True) for share in shares]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except KeyboardInterrupt:
        stoppers = [threading.Thread(target=share.stop) for share in shares]
        for thread in stoppers:
            thread.start()
        for thread in (*stoppers, *threads):
            thread.join()
        raise
