"""Blessing of generated code: the present code becomes the lock, on purpose, with a reason."""

import datetime
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kernelproof.checks.codegen.code_tables import drift_lines, summary
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, judge
from kernelproof.errors import BaselineError, RefusedError, UsageError
from kernelproof.plan.repository import TOOLCHAINS
from kernelproof.plan.schema import Matrix
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock


def bless_codegen(
    reason: str, matrix: Matrix, folder: Path = locks.FOLDER, *, python: Path = Path(sys.executable)
) -> str:
    """Writes the lock of every kernel with budgets, and returns a line for each.

    A lock whose code did not move stays as it is. Raises RefusedError, and writes nothing at all,
    if any kernel is refused: its code does not compile, is over budget or of another Triton.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("bless codegen: found an empty reason, expected why the code may change")
    kernels = [name for name, kernel in matrix.kernels.items() if kernel.codegen is not None]
    compiled = ask(
        CompileRequest(kernels=kernels, architectures=list(matrix.architectures)),
        python=python,
        workers=os.cpu_count() or 1,
    )
    new_locks, lines = [], []
    for kernel in kernels:
        builds = [build for build in compiled if build.kernel == kernel]
        old: CodeLock | None = None
        with suppress(BaselineError):  # all lines are new if the lock cannot be read
            old = locks.read(kernel, folder)
        judged = judge(builds, old, matrix.kernels[kernel].codegen or [])
        _refuse(kernel, builds, judged)
        moved = summary(judged).replace(CodeVerdict.MISSING, "new")
        if old and old.toolchain == builds[0].toolchain and moved == f"{len(judged)} same":
            lines.append(f"{kernel}: {moved}; nothing to write")
            continue
        moves = list(drift_lines(judged)) if old else []
        new_locks.append(_new_lock(reason, moved, moves, builds))
        lines.append(f"{kernel}: {moved}; wrote {locks.path_of(kernel, folder).name}")
    for lock in new_locks:
        locks.write(lock, folder)
    return "\n".join(lines)


def _refuse(kernel: str, builds: Sequence[CompiledBuild], judged: Sequence[JudgedBuild]) -> None:
    """Raises RefusedError for code that cannot be blessed."""
    for build in judged:
        if build.verdict in {CodeVerdict.ERROR, CodeVerdict.OVER_BUDGET}:
            message = f"bless codegen: {kernel} {build.build} {build.architecture}: {build.reason}"
            raise RefusedError(message)
    if not builds:
        raise RefusedError(f"bless codegen: {kernel}: found no builds, expected some in SPEC")
    # A lock is of the Triton that `nox -s codegen` compiles with, by its requirements.
    triton = builds[0].toolchain["triton"]
    pins = (TOOLCHAINS / "codegen.txt").read_text(encoding="utf-8").split()
    if f"triton=={triton}" not in pins:
        pinned = next((pin for pin in pins if pin.startswith("triton==")), "no triton")
        message = (
            f"bless codegen: found triton {triton}, expected {pinned} of "
            "pipeline/kernelproof/machine/toolchains/codegen.txt; run it there, or change the pin "
            "first"
        )
        raise RefusedError(message)


def _new_lock(reason: str, moved: str, moves: list[str], builds: list[CompiledBuild]) -> CodeLock:
    ordered = sorted(builds, key=lambda build: build.build)
    costs: dict[str, dict[str, object]] = {}
    for build in ordered:
        costs.setdefault(build.build, {})[build.architecture] = build.costs
    return CodeLock.model_validate(
        {
            "kernel": builds[0].kernel,
            "reason": reason,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "moved": moved,
            "moves": moves,
            "toolchain": builds[0].toolchain,
            "builds": {build.build: build.settings for build in ordered},
            "costs": costs,
        }
    )
