"""Requests to compile, compiled builds, and the worker processes between the two."""

import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.records.code_lock import BuildSettings, CodeCosts
from kernelproof.run.child_process import ChildProcess

STORE = ROOT / ".nox" / "codegen"
# Variables with these prefixes change the compiled code, or keep it from compiling.
_VARIABLES = ("TRITON_", "MLIR_", "LLVM_", "AMDGCN_", "PTXAS_", "DISABLE_", "NVPTX_")
_COMPILER = ("-m", "kernelproof.checks.codegen.compile")
# The limit of a build, and of the imports before the first one. The slowest build takes 5 s on one
# core, with Triton 3.6 on an x86 machine: whatever takes this long does not end.
SECONDS_A_BUILD = 300
_LAST_LINES = 3


class CompilerError(UserError):
    """A worker that ended before it had answered, or took too long over a build."""

    exit = Exit.BLOCKED


class CompileRequest(BaseModel):
    """Kernels, architectures and patterns of builds; a worker takes every `shares`-th of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kernels: list[str]
    architectures: list[str]
    builds: list[str] = ["*"]
    share: int = 0
    shares: int = 1
    store: str = str(STORE)


class CompiledBuild(BaseModel):
    """A build on an architecture with its costs, or the compiler's error; neither as it begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kernel: str
    build: str
    architecture: str
    toolchain: dict[str, str]
    settings: BuildSettings
    costs: CodeCosts | None = None
    error: str | None = None

    @property
    def is_done(self) -> bool:
        """True if the build has ended, well or not."""
        return bool(self.costs or self.error)


def ask(
    request: CompileRequest,
    *,
    python: Path = Path(sys.executable),
    root: Path = ROOT,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> list[CompiledBuild]:
    """Returns the builds that `workers` processes of this Python compile of kernels under `root`.

    Calls `progress` with the number of builds that are done. Raises CompilerError if a process
    dies, or takes longer than `SECONDS_A_BUILD` over a build.
    """
    count, lock = 0, threading.Lock()

    def count_one() -> None:
        nonlocal count
        with lock:
            count += 1
            progress(count)

    shares = max(workers, 1)
    requests = (request.model_copy(update={"share": i, "shares": shares}) for i in range(shares))
    compilers = [_start(part, python, root) for part in requests]
    with ThreadPoolExecutor(max_workers=shares) as pool:
        try:
            results = pool.map(lambda compiler: _builds(compiler, python, count_one), compilers)
            builds = [build for share in results for build in share]
        finally:
            for compiler in compilers:  # of one that failed, the others are not waited for
                compiler.kill()
    architectures = request.architectures
    return sorted(builds, key=lambda build: (build.kernel, architectures.index(build.architecture)))


def _start(request: CompileRequest, python: Path, root: Path) -> ChildProcess:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_VARIABLES)}
    settings = {"TRITON_INTERPRET": "0", "TRITON_DISABLE_LINE_INFO": "1"}
    return ChildProcess(
        [python, *_COMPILER, request.model_dump_json()],
        cwd=root,
        env={**kept, **settings, "PYTHONPATH": python_path(root)},
    )


def _builds(
    compiler: ChildProcess, python: Path, count_one: Callable[[], None]
) -> list[CompiledBuild]:
    """Returns the builds that a worker has done, read until its end."""
    builds: list[CompiledBuild] = []
    place, end = "", ""
    until = time.monotonic() + SECONDS_A_BUILD
    with compiler:
        try:
            while (line := compiler.read_line(until)) is not None:
                if not line.startswith("{"):
                    continue  # a compiler's remark
                build = CompiledBuild.model_validate_json(line)
                until = time.monotonic() + SECONDS_A_BUILD
                if build.is_done:
                    builds.append(build)
                    count_one()
                else:
                    place = f" at {build.kernel} {build.build} on {build.architecture}"
            if code := compiler.wait(until):
                end = f"ended with {code}"
        except TimeoutError:
            end = f"was ended after {SECONDS_A_BUILD} s"
        except ValidationError:
            end = f"said what it should not, {line!r:.80},"
    if end:
        last_lines = "\n".join(compiler.tail[-_LAST_LINES:])
        message = f"codegen: a worker of {python} {end}{place}:\n{last_lines}"
        raise CompilerError(message)
    return builds
