"""The pool of workers, one a core: each gets the next mutant as soon as it is free."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Self

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.schema import Row
from kernelproof.records.mutation_run import MutantStatus
from kernelproof.run.child_process import ChildProcess
from kernelproof.selftest.mutation.mutant_messages import MutantAnswer, MutantRequest

_MUTANTS_A_LINE = 50
_SECONDS_TO_START = 300  # to import torch, or to collect the tests, on a machine with other work


class WorkerDeathError(UserError):
    """A worker that ended before it answered, or did not answer in time."""

    exit = Exit.BLOCKED


@dataclass(kw_only=True)
class MutantPool:
    """Workers of one row in a ``with`` statement, which leaves no process or file of theirs.

    Each runs `module` with two arguments: `name`, and a temporary folder.
    """

    name: str
    row: Row
    workers: int
    module: str = "kernelproof.selftest.mutation.kernel_worker"
    root: Path = ROOT
    _processes: list[ChildProcess] = field(default_factory=list)
    _free: SimpleQueue[ChildProcess] = field(default_factory=SimpleQueue)
    _folder: tempfile.TemporaryDirectory[str] = field(init=False)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        command = [sys.executable, "-m", self.module, self.name, self._folder.name]
        for _ in range(self.workers):
            process = ChildProcess(
                command,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.PIPE,
                show=_show,
            )
            self._processes.append(process)
            self._free.put(process)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.close()
        self._folder.cleanup()

    def _environment(self) -> dict[str, str]:
        """Returns the variables of a worker: one thread, since more would not survive a fork."""
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        cache = {"TRITON_CACHE_DIR": f"{self._folder.name}/cache", "PYTHONDONTWRITEBYTECODE": "1"}
        path = {"PYTHONPATH": python_path(self.root)}
        return {**os.environ, **path, **self.row.environment, **threads, **cache}

    def ask(self, request: MutantRequest) -> MutantAnswer:
        """Returns the answer of the next free worker; raises WorkerDeathError if it has none."""
        process = self._free.get()
        # The limit is one forked child's; a mutant may end a child at each of its cases.
        seconds = _SECONDS_TO_START + request.seconds * (len(request.cases) + 1)
        until = time.monotonic() + seconds
        end = "ended"
        try:
            process.send(request.model_dump_json())
            while (line := process.read_line(until)) is not None:
                if line.startswith("{"):  # a library may print a remark before it
                    return MutantAnswer.model_validate_json(line)
        except TimeoutError:
            end = f"gave no answer within {seconds} s"
            process.kill()  # its late answer would be taken for another mutant's
        finally:
            self._free.put(process)
        message = f"mutants: a worker {end} at {request.id or 'the kernel'}; its words are above"
        raise WorkerDeathError(message)

    def ask_all(
        self,
        requests: Sequence[MutantRequest],
        status_of: Callable[[MutantAnswer], MutantStatus],
    ) -> dict[str, MutantAnswer]:
        """Returns the answers by the mutants' ids; shows the progress, and each that blocks."""
        answers: dict[str, MutantAnswer] = {}
        executor = ThreadPoolExecutor(max_workers=self.workers)
        try:
            for answer in executor.map(self.ask, requests):
                if (status := status_of(answer)).blocks:
                    print(f"{status}  {answer.id}", flush=True)
                answers[answer.id] = answer
                _show_progress(len(answers), len(requests))
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
        return answers


def _show_progress(count: int, total: int) -> None:
    """Writes to stderr how many mutants are done: each time on a terminal, else now and then."""
    if sys.stderr.isatty():
        end = "\r" if count == total else ""
        print(f"\r{count}/{total} ", end=end, file=sys.stderr, flush=True)
    elif count % _MUTANTS_A_LINE == 0:
        print(f"{count}/{total} mutants", file=sys.stderr, flush=True)


def _show(line: str, to: IO[str]) -> None:
    to.write(line)
    to.flush()
