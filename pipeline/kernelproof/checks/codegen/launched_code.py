"""``python -m kernelproof.checks.codegen.launched_code``: compares launched with locked code.

Needs a GPU. Launches every locked build's shape through the kernel's own launcher, takes the binary
that the driver was given, and compares its normalised disassembly with the lock's line.
"""

import difflib
import sys
from collections.abc import Iterator
from itertools import islice

import torch
import triton

from kernelproof.checks.codegen.compile import backend_of, code_of, compiled, toolchain
from kernelproof.checks.codegen.disassembly import Disassembly
from kernelproof.checks.codegen.judge import drift
from kernelproof.errors import BaselineError, Exit, NotTheRowError, run_command
from kernelproof.measure.launch_capture import capture_kernels
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan import matrix
from kernelproof.plan.value_types import DTYPES
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock
from kernelproof.spec import Build, InputRows, Spec

_SHOWN = 40


def architecture_here() -> str:
    """Returns the architecture of the first GPU; raises NotTheRowError if there is none."""
    if triton.knobs.runtime.interpret or not torch.cuda.is_available():
        message = "codegen: found no GPU, expected one that compiles (unset TRITON_INTERPRET)"
        raise NotTheRowError(message)
    if torch.version.hip:
        return str(torch.cuda.get_device_properties(0).gcnArchName).partition(":")[0]
    major, minor = torch.cuda.get_device_capability(0)
    return f"sm_{major}{minor}"


def launched(spec: Spec, build: Build) -> Disassembly:
    """Returns the code that a launch of a build's shape runs on this GPU."""
    device = torch.device("cuda", 0)
    rows = InputRows(
        seed=0,
        shape=build.shape,
        dtype=getattr(torch, DTYPES[build.dtype]),
        device=device,
        first=0,
        count=build.shape["T"],
    )
    inputs = spec.make_inputs(rows)
    (kernel,) = capture_kernels(lambda: spec.launch(**inputs))
    torch.cuda.synchronize(device)
    return code_of(kernel)


def compare(kernel: str, lock: CodeLock, architecture: str) -> Iterator[tuple[bool, str]]:
    """Yields for each build of a kernel if the launched code is the locked, and a line about it.

    If they differ, the text goes on with the difference from the code compiled without a launch.
    """
    spec = spec_of(kernel)
    tools = drift(lock.toolchain, toolchain())
    builds = [build for build in spec.builds if build.backend == backend_of(architecture)]
    for build in builds:
        name = f"{kernel} {build.name} {architecture}"
        lines = lock.costs.get(build.name, {}).items()
        locked = next((line for place, line in lines if place == architecture), None)
        if locked is None:
            yield False, f"missing {name}: the lock has no line for it"
            continue
        code = launched(spec, build)
        found = f"{code.sha256[:16]}, {code.registers} registers"
        if code.sha256 == locked.sha256:
            yield True, f"same    {name}: {found}"
            continue
        expected = f"{locked.sha256[:16]}, {locked.registers} registers"
        blame = f" (toolchain: {tools})" if tools else ""
        difference = "\n".join(_difference(build, architecture, code))
        yield False, f"changed {name}: launched {found}, locked {expected}{blame}\n{difference}"


def _difference(build: Build, architecture: str, code: Disassembly) -> list[str]:
    alone, _ = compiled(build, architecture)
    diff = difflib.unified_diff(
        alone.lines, code.lines, "compiled here", "launched here", lineterm=""
    )
    return list(islice(diff, _SHOWN)) or [
        "compiled here without launching, it is the same as launched"
    ]


def main() -> int:
    """Returns 0 if every launched build is the locked one, 1 otherwise."""
    architecture = architecture_here()
    # Locks are compiled so, too: line numbers change the order of instructions, and some of them.
    triton.knobs.compilation.disable_line_info = True
    plan = matrix.load()
    answers = []
    for kernel, planned in plan.kernels.items():
        if planned.codegen is None:
            continue
        lock = locks.read(kernel)
        if lock is None:
            raise BaselineError(f"{locks.path_of(kernel)}: found no lock, expected one; bless it")
        for is_same, line in compare(kernel, lock, architecture):
            print(line, flush=True)
            answers.append(is_same)
    print(
        f"{'GOOD' if all(answers) else 'BLOCKED'}: {sum(answers)} of {len(answers)} launched same"
    )
    return Exit.GOOD if answers and all(answers) else Exit.BLOCKED


if __name__ == "__main__":
    sys.exit(run_command(main))
