"""``python -m kernelproof.checks.codegen``: compiles for every GPU architecture and judges it.

The judge is the lock of each kernel: the blessed costs and hashes of its code.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelproof.checks.codegen.code_diff import diff
from kernelproof.checks.codegen.code_tables import STATIC, drift_lines, report_lines, summary
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.checks.codegen.judge import CodeVerdict, JudgedBuild, drift, judge
from kernelproof.errors import Exit, UsageError, did_you_mean, run_command
from kernelproof.machine import toolchain
from kernelproof.plan import matrix
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock

_DESCRIPTION = "Compiles for every GPU architecture, and judges by the lock."
_PROGRESS_STEP = 20
_SHOWN_NAMES = 12


@dataclass(frozen=True, kw_only=True)
class KernelCode:
    """The compiled builds of one kernel, its lock, and the verdicts by that lock."""

    kernel: str
    lock: CodeLock | None
    compiled: list[CompiledBuild]
    judged: tuple[JudgedBuild, ...]

    @property
    def drift(self) -> str:
        """The tools that differ from the lock's, empty if none does."""
        if self.lock and self.compiled:
            return drift(self.lock.toolchain, self.compiled[0].toolchain)
        return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if all code is the same, 1 if a verdict blocks."""
    options = _parser().parse_args(arguments)
    plan = matrix.load()
    locked = [name for name, kernel in plan.kernels.items() if kernel.codegen is not None]
    kernels = _chosen("--kernel", options.kernel, locked)
    architectures = _chosen("--arch", options.arch, list(plan.architectures))
    stored = {kernel: locks.read(kernel) for kernel in kernels}
    python = Path(sys.executable)
    if options.toolchain:
        python = toolchain.python_of(options.toolchain, over=python)
    builds = options.build or ["*"]
    request = CompileRequest(kernels=kernels, architectures=architectures, builds=builds)
    compiled = ask(request, python=python, workers=options.workers, progress=_progress)
    is_whole = builds == ["*"] and not options.arch
    if not compiled and not is_whole:
        known = sorted({name for lock in stored.values() if lock for name in lock.builds})
        mend = did_you_mean(builds[0], known) or f"known: {', '.join(known[:_SHOWN_NAMES])}"
        raise UsageError(f"--build: found {', '.join(builds)}, expected names of builds; {mend}")
    codes = []
    for kernel, lock in stored.items():
        own = [build for build in compiled if build.kernel == kernel]
        judged = judge(own, lock, plan.kernels[kernel].codegen or [], is_whole=is_whole)
        codes.append(KernelCode(kernel=kernel, lock=lock, compiled=own, judged=judged))
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)  # over the line of _progress
    tools = compiled[0].toolchain if compiled else {}
    print("compiled with", ", ".join(f"{name} {version}" for name, version in tools.items()))
    if options.toolchain:
        return _show_drift(codes)
    _show(codes)
    if options.diff:
        _show_diffs(codes, python)
    return _conclude(codes)


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


def _chosen(option: str, names: list[str], known: list[str]) -> list[str]:
    """Returns the names of the command line, or all known ones if it has none."""
    for name in names:
        if name not in known:
            message = f"{option}: found {name!r}, expected one of {', '.join(known)}"
            mend = did_you_mean(name, known)
            raise UsageError(f"{message}; {mend}" if mend else message)
    return list(dict.fromkeys(names)) or known


def _progress(count: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{count} compiled", end="", file=sys.stderr, flush=True)
    elif count % _PROGRESS_STEP == 0:
        print(f"{count} compiled", file=sys.stderr, flush=True)


def _show(codes: Sequence[KernelCode]) -> None:
    for code in codes:
        if code.drift:
            message = f"{code.kernel}: the toolchain is not the lock's: {code.drift}"
            print(f"{message}; moves may be its doing")
        for line in report_lines(code.kernel, code.judged):
            print(line)


def _show_diffs(codes: Sequence[KernelCode], python: Path) -> None:
    for code in codes:
        moved = {(build.build, build.architecture) for build in code.judged if build.moves}
        for build in code.compiled:
            if code.lock and (build.build, build.architecture) in moved:
                for line in diff(build, code.lock, python):
                    print(line)


def _show_drift(codes: Sequence[KernelCode]) -> int:
    """Prints the changes by another toolchain; returns 1 only if a build does not compile."""
    for code in codes:
        tools = code.drift or "no other toolchain than the lock's"
        print(f"{code.kernel}: {tools}: {summary(code.judged)}")
        for line in drift_lines(code.judged):
            print(f"  {line}")
    print(STATIC)
    verdicts = {build.verdict for code in codes for build in code.judged}
    return Exit.BLOCKED if CodeVerdict.ERROR in verdicts else Exit.GOOD


def _conclude(codes: Sequence[KernelCode]) -> int:
    judged = [build for code in codes for build in code.judged]
    verdicts = {build.verdict for build in judged}
    if verdicts == {CodeVerdict.SAME}:
        print(f"GOOD: {summary(judged)}")
        return Exit.GOOD
    print(f"\nBLOCKED: {summary(judged) or 'nothing was compiled'}")
    if first := next((build for build in judged if build.moves), None):
        narrow = f"--build {first.build} --arch {first.architecture}"
        print(f"look:   nox -s codegen -- {narrow} --diff")
    if any(code.drift for code in codes):
        print("mend:   nox -s codegen, without --no-venv: it compiles with the lock's toolchain")
    elif verdicts & {CodeVerdict.ERROR, CodeVerdict.OVER_BUDGET}:
        print("mend:   the kernel, or its budgets in matrix.yaml; neither can be blessed")
    elif judged:
        print('accept: nox -s bless -- codegen --reason "why the code may change"')
    print(STATIC)
    return Exit.BLOCKED


if __name__ == "__main__":
    sys.exit(run_command(main))
