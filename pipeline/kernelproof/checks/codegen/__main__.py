"""``python -m kernelproof.checks.codegen``: compiles for every GPU architecture, and judges by the lock."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelproof.checks.codegen.code_diff import diff
from kernelproof.checks.codegen.code_tables import STATIC, drift_lines, lines_of, summary
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, drift, judge
from kernelproof.errors import Exit, UsageError, did_you_mean, run_command
from kernelproof.machine import toolchain
from kernelproof.plan import matrix
from kernelproof.plan.schema import Matrix
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock

_DESCRIPTION = "Compiles for every GPU architecture, and judges by the lock."
_EVERY = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 where all is the same, 1 where a verdict blocks, or the error's own."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    kernels = _chosen("--kernel", options.kernel, _locked_kernels(plan))
    architectures = _chosen("--arch", options.arch, list(plan.architectures))
    stored = {kernel: locks.read(kernel) for kernel in kernels}
    python = Path(sys.executable)
    if options.toolchain:
        python = toolchain.python_of(options.toolchain, over=python)
    builds = options.build or ["*"]
    request = CompileRequest(kernels=kernels, architectures=architectures, builds=builds)
    found = ask(request, python=python, workers=options.workers, told=_progress)
    is_whole = builds == ["*"] and not options.arch
    if not found and not is_whole:
        known = sorted({name for lock in stored.values() if lock for name in lock.builds})
        mend = did_you_mean(builds[0], known) or f"known: {', '.join(known[:12])}"
        raise UsageError(f"--build: found {', '.join(builds)}, expected names of builds; {mend}")
    judged = {
        kernel: judge(
            [one for one in found if one.kernel == kernel],
            stored[kernel],
            plan.kernels[kernel].codegen or [],
            is_whole=is_whole,
        )
        for kernel in kernels
    }
    if options.toolchain:
        return _tell_drift(found, stored, judged)
    _tell(found, stored, judged)
    if options.diff:
        _tell_diffs(found, stored, judged, python)
    is_drift = any(_drift(stored[kernel], found) for kernel in kernels)
    return _conclude(judged, is_drift=is_drift)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nox -s codegen --", description=_DESCRIPTION, epilog=STATIC
    )
    several: dict[str, Any] = {"action": "append", "default": [], "metavar": "NAME"}
    parser.add_argument("--kernel", **several, help="only this kernel")
    parser.add_argument("--arch", **several, help="only this architecture of matrix.yaml")
    parser.add_argument("--build", **several, help="only builds of this name; * is anything")
    parser.add_argument("--diff", action="store_true", help="show the disassembly's changes")
    parser.add_argument(
        "--toolchain", metavar="NAME", help="show what this file of machine/toolchains changes"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes that compile at once"
    )
    return parser


def _locked_kernels(plan: Matrix) -> list[str]:
    return [name for name, kernel in plan.kernels.items() if kernel.codegen is not None]


def _chosen(option: str, names: list[str], known: list[str]) -> list[str]:
    """The names of the command line, all known ones where it has none."""
    for name in names:
        if name not in known:
            message = f"{option}: found {name!r}, expected one of {', '.join(known)}"
            mend = did_you_mean(name, known)
            raise UsageError(f"{message}; {mend}" if mend else message)
    return list(dict.fromkeys(names)) or known


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{count} compiled", end="", file=sys.stderr, flush=True)
    elif count % _EVERY == 0:
        print(f"{count} compiled", file=sys.stderr, flush=True)


def _drift(lock: CodeLock | None, found: Sequence[CompiledBuild]) -> str:
    return drift(lock.toolchain, found[0].toolchain) if lock and found else ""


def _tools(found: Sequence[CompiledBuild]) -> str:
    tools = found[0].toolchain if found else {}
    return ", ".join(f"{name} {version}" for name, version in tools.items())


def _tell(
    found: Sequence[CompiledBuild],
    stored: dict[str, CodeLock | None],
    judged: dict[str, tuple[JudgedBuild, ...]],
) -> None:
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    print(f"compiled with {_tools(found)}")
    for kernel, of_kernel in judged.items():
        if moved := _drift(stored[kernel], found):
            print(
                f"{kernel}: the toolchain is not the lock's: {moved}; what moved may be its doing"
            )
        for line in lines_of(kernel, of_kernel):
            print(line)


def _tell_diffs(
    found: Sequence[CompiledBuild],
    stored: dict[str, CodeLock | None],
    judged: dict[str, tuple[JudgedBuild, ...]],
    python: Path,
) -> None:
    for one in found:
        changed = {(it.build, it.architecture) for it in judged[one.kernel] if it.moves}
        lock = stored[one.kernel]
        if lock and (one.build, one.architecture) in changed:
            for line in diff(one, lock, python):
                print(line)


def _tell_drift(
    found: Sequence[CompiledBuild],
    stored: dict[str, CodeLock | None],
    judged: dict[str, tuple[JudgedBuild, ...]],
) -> int:
    """The drift table: it was asked for, so that it blocks nothing but a kernel that fails."""
    print(f"compiled with {_tools(found)}")
    for kernel, of_kernel in judged.items():
        moved = _drift(stored[kernel], found) or "no other toolchain than the lock's"
        print(f"{kernel}: {moved}: {summary(of_kernel)}")
        for line in drift_lines(of_kernel):
            print(f"  {line}")
    print(STATIC)
    failed = any(one.verdict == CodeVerdict.ERROR for every in judged.values() for one in every)
    return Exit.BLOCKED if failed else Exit.GOOD


def _conclude(judged: dict[str, tuple[JudgedBuild, ...]], *, is_drift: bool) -> int:
    every = [one for of_kernel in judged.values() for one in of_kernel]
    if every and all(one.verdict == CodeVerdict.SAME for one in every):
        print(f"GOOD: {summary(every)}")
        return Exit.GOOD
    print(f"\nBLOCKED: {summary(every) or 'nothing was compiled'}")
    if first := next((one for one in every if one.moves), None):
        narrow = f"--build {first.build} --arch {first.architecture}"
        print(f"look:   nox -s codegen -- {narrow} --diff")
    if is_drift:
        print("mend:   nox -s codegen, without --no-venv: it compiles with the lock's toolchain")
    elif {one.verdict for one in every} & {CodeVerdict.ERROR, CodeVerdict.OVER_BUDGET}:
        print("mend:   the kernel, or its budgets in matrix.yaml; neither can be blessed")
    elif every:
        print('accept: nox -s bless -- codegen --reason "why the code may change"')
    print(STATIC)
    return Exit.BLOCKED


if __name__ == "__main__":
    sys.exit(run_command(main))
