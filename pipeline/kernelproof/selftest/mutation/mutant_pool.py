"""The processes that run mutants: one worker a core, each asked for the next mutant in turn."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Self

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.schema import Row
from kernelproof.run.child_process import ChildProcess
from kernelproof.selftest.mutation.exchange_messages import Answers, Asked

_EVERY = 50
_SECONDS_TO_START = 300  # to import torch, or to collect the tests, on a machine with other work


class WorkerError(UserError):
    """A worker that ended before it had answered, or did not answer in time."""

    exit = Exit.BLOCKED


@dataclass(kw_only=True)
class Pool:
    """Workers of one row, from a ``with`` on; behind it no process and no file of them is left.

    `module` is what they run; it is given `name`, which is the row's, and a folder.
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
        """One thread a worker: more would not survive a fork, and the workers fill the cores."""
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        cache = {"TRITON_CACHE_DIR": f"{self._folder.name}/cache", "PYTHONDONTWRITEBYTECODE": "1"}
        path = {"PYTHONPATH": python_path(self.root)}
        return {**os.environ, **path, **self.row.environment, **threads, **cache}

    def ask(self, asked: Asked) -> Answers:
        """What the next free worker says; WorkerError where it dies or hangs instead."""
        process = self._free.get()
        # The limit is of one forked child; a mutant may end one at each of its cases.
        seconds = _SECONDS_TO_START + asked.seconds * (len(asked.cases) + 1)
        until = time.monotonic() + seconds
        end = "ended"
        try:
            process.send(asked.model_dump_json())
            while (line := process.read_line(until)) is not None:
                if line.startswith("{"):  # or some library prints a remark
                    return Answers.model_validate_json(line)
        except TimeoutError:
            end = f"gave no answer within {seconds} s"
            process.kill()  # what it may answer yet is of no other mutant
        finally:
            self._free.put(process)
        message = f"mutants: a worker {end} at {asked.id or 'the kernel'}; its words are above"
        raise WorkerError(message)

    def ask_all(
        self,
        every: Sequence[Asked],
        told: Callable[[int], None],
        heard: Callable[[Answers], None] = lambda _: None,
    ) -> list[Answers]:
        """What became of all of them, in their order; `told` is how many, `heard` of which."""
        executor = ThreadPoolExecutor(max_workers=self.workers)
        try:
            return list(_counted(executor.map(self.ask, every), told, heard))
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def _counted(
    found: Iterator[Answers], told: Callable[[int], None], heard: Callable[[Answers], None]
) -> Iterator[Answers]:
    for count, one in enumerate(found, start=1):
        heard(one)
        told(count)
        yield one


def progress(total: int) -> Callable[[int], None]:
    """Hears how many are done, and says so: at once on a terminal, else now and then."""

    def told(count: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{count}/{total} ", end="", file=sys.stderr, flush=True)
        elif count % _EVERY == 0:
            print(f"{count}/{total} mutants", file=sys.stderr, flush=True)

    return told


def _show(line: str, to: IO[str]) -> None:
    to.write(line)
    to.flush()
