"""The processes that run mutants: one worker a core, each asked for the next mutant in turn."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.plan.schema import Row
from kernelproof.selftest.mutation.exchange_messages import Answers, Asked

_EVERY = 50


class WorkerError(UserError):
    """A worker that ended before it had answered: its environment lacks something."""

    exit = Exit.BLOCKED


@dataclass(kw_only=True)
class Pool:
    """Workers of one row, from a ``with`` on; behind it no process and no file of them is left.

    `module` is what they run; it is given `name`, which is the row's, and a folder. Each worker
    leads a group of its own, so that its end is its children's, too, and an interrupt of the
    terminal is for this process to pass on.
    """

    name: str
    row: Row
    workers: int
    module: str = "kernelproof.selftest.mutation.kernel_worker"
    root: Path = ROOT
    _processes: list[subprocess.Popen[str]] = field(default_factory=list)
    _free: SimpleQueue[subprocess.Popen[str]] = field(default_factory=SimpleQueue)
    _folder: tempfile.TemporaryDirectory[str] = field(init=False)

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")
        command = [sys.executable, "-m", self.module, self.name, self._folder.name]
        for _ in range(self.workers):
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            self._processes.append(process)
            self._free.put(process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    with suppress(OSError):
                        stream.close()
        self._folder.cleanup()

    def _environment(self) -> dict[str, str]:
        """One thread a worker: more would not survive a fork, and the workers fill the cores."""
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        cache = {"TRITON_CACHE_DIR": f"{self._folder.name}/cache", "PYTHONDONTWRITEBYTECODE": "1"}
        path = {"PYTHONPATH": python_path(self.root)}
        return {**os.environ, **path, **self.row.environment, **threads, **cache}

    def ask(self, asked: Asked) -> Answers:
        """What the next free worker says; WorkerError where it dies instead."""
        process = self._free.get()
        assert process.stdin is not None  # noqa: S101  (both are pipes)
        assert process.stdout is not None  # noqa: S101
        try:
            print(asked.model_dump_json(), file=process.stdin, flush=True)
            line = process.stdout.readline()
        except (OSError, ValueError):
            line = ""
        finally:
            self._free.put(process)
        if not line:
            message = f"mutants: a worker ended at {asked.id or 'the kernel'}; its words are above"
            raise WorkerError(message)
        return Answers.model_validate_json(line)

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
