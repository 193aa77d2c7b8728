"""Blessing: the code of now becomes the lock, on purpose, with a reason."""

import datetime
import os
import sys
from pathlib import Path

from kernelproof.checks.codegen.code_tables import drift_lines, summary
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.checks.codegen.judge import CodeVerdict, judge
from kernelproof.errors import BaselineError, RefusedError, UsageError
from kernelproof.machine.toolchain import REQUIREMENTS
from kernelproof.plan.schema import Matrix
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock


def bless_codegen(
    reason: str,
    matrix: Matrix,
    folder: Path = locks.FOLDER,
    *,
    python: Path = Path(sys.executable),
) -> str:
    """Writes the lock of every kernel that has budgets, and says what was written.

    Nothing is written where nothing moved, nor, for any kernel, where one is refused.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise UsageError("bless codegen: found an empty reason, expected why the code may change")
    kernels = [name for name, kernel in matrix.kernels.items() if kernel.codegen is not None]
    found = ask(
        CompileRequest(kernels=kernels, architectures=list(matrix.architectures)),
        python=python,
        workers=os.cpu_count() or 1,
    )
    written, said = [], []
    for kernel in kernels:
        answers = [one for one in found if one.kernel == kernel]
        old = _old(kernel, folder)
        judged = judge(answers, old, matrix.kernels[kernel].codegen or [])
        for one in judged:
            if one.verdict in {CodeVerdict.ERROR, CodeVerdict.OVER_BUDGET}:
                message = f"bless codegen: {kernel} {one.build} {one.architecture}: {one.reason}"
                raise RefusedError(message)
        if not answers:
            raise RefusedError(f"bless codegen: {kernel}: found no builds, expected some in SPEC")
        _refuse_other_triton(answers[0].toolchain["triton"])
        moved = summary(judged).replace(CodeVerdict.MISSING, "new")
        if old and old.toolchain == answers[0].toolchain and moved == f"{len(judged)} same":
            said.append(f"{kernel}: {moved}; nothing to write")
            continue
        moves = list(drift_lines(judged)) if old else []
        written.append(_new(kernel, reason, moved, moves, answers))
        said.append(f"{kernel}: {moved}; wrote {locks.path_of(kernel, folder).name}")
    for lock in written:
        locks.write(lock, folder)
    return "\n".join(said)


def _refuse_other_triton(found: str) -> None:
    """A lock is of the Triton that `nox -s codegen` compiles with, by its requirements."""
    pins = (REQUIREMENTS / "codegen.txt").read_text(encoding="utf-8").split()
    if f"triton=={found}" not in pins:
        pinned = next((pin for pin in pins if pin.startswith("triton==")), "no triton")
        message = (
            f"bless codegen: found triton {found}, expected {pinned} of "
            f"pipeline/kernelproof/machine/toolchains/codegen.txt; run it there, or change the pin first"
        )
        raise RefusedError(message)


def _old(kernel: str, folder: Path) -> CodeLock | None:
    """The lock that stands, or None where it cannot be read: then all of it is new."""
    try:
        return locks.read(kernel, folder)
    except BaselineError:
        return None


def _new(
    kernel: str, reason: str, moved: str, moves: list[str], found: list[CompiledBuild]
) -> CodeLock:
    costs: dict[str, dict[str, object]] = {}
    for one in sorted(found, key=lambda one: one.build):
        costs.setdefault(one.build, {})[one.architecture] = one.costs
    return CodeLock.model_validate(
        {
            "kernel": kernel,
            "reason": reason,
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "moved": moved,
            "moves": moves,
            "toolchain": found[0].toolchain,
            "builds": {one.build: one.settings for one in sorted(found, key=lambda it: it.build)},
            "costs": costs,
        }
    )
