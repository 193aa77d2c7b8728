"""Requests to compile, compiled builds, and the worker processes between the two."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kernelproof.errors import Exit, UserError
from kernelproof.plan.repository import ROOT, python_path
from kernelproof.records.code_lock import BuildSettings, CodeCosts

STORE = ROOT / ".nox" / "codegen"
# Variables with these prefixes change the compiled code, or keep it from compiling.
_VARIABLES = ("TRITON_", "MLIR_", "LLVM_", "AMDGCN_", "PTXAS_", "DISABLE_", "NVPTX_")
_LAST_LINES = 3


class CompilerError(UserError):
    """A worker that ended before it had answered, since its environment lacks something."""

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
    """One build on one architecture: its costs, or the compiler's error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kernel: str
    build: str
    architecture: str
    toolchain: dict[str, str]
    settings: BuildSettings
    costs: CodeCosts | None = None
    error: str | None = None


def ask(
    request: CompileRequest,
    *,
    python: Path = Path(sys.executable),
    root: Path = ROOT,
    workers: int = 1,
    told: Callable[[int], None] = lambda _: None,
) -> list[CompiledBuild]:
    """What `workers` processes of this Python answer together, on the kernels under `root`.

    `told` hears how many answers have come; CompilerError where a process dies.
    """
    count, lock = 0, threading.Lock()

    def one_more() -> None:
        nonlocal count
        with lock:
            count += 1
            told(count)

    workers = max(workers, 1)
    shares = [request.model_copy(update={"share": i, "shares": workers}) for i in range(workers)]
    with ThreadPoolExecutor(max_workers=len(shares)) as pool:
        answers = pool.map(lambda share: _answers(share, python, root, one_more), shares)
        found = [one for of_share in answers for one in of_share]
    return sorted(
        found, key=lambda one: (one.kernel, request.architectures.index(one.architecture))
    )


def _answers(
    request: CompileRequest, python: Path, root: Path, one_more: Callable[[], None]
) -> list[CompiledBuild]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_VARIABLES)}
    settings = {"TRITON_INTERPRET": "0", "TRITON_DISABLE_LINE_INFO": "1"}
    environment = {**kept, **settings, "PYTHONPATH": python_path(root)}
    command = [str(python), "-m", "kernelproof.checks.codegen.compile", request.model_dump_json()]
    found = []
    with subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None  # noqa: S101  (both are pipes)
        assert process.stderr is not None  # noqa: S101
        with ThreadPoolExecutor(max_workers=1) as reader:
            complaint = reader.submit(process.stderr.read)
            for line in process.stdout:
                if line.startswith("{"):  # or it is a compiler's remark
                    found.append(CompiledBuild.model_validate_json(line))
                one_more()
    if process.returncode:
        last = "\n".join(complaint.result().strip().splitlines()[-_LAST_LINES:])
        message = f"codegen: a worker of {python} ended with {process.returncode}:\n{last}"
        raise CompilerError(message)
    return found
