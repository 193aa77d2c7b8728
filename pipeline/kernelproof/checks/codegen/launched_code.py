"""``python -m kernelproof.checks.codegen.launched_code``: on a GPU, that what is launched is what is locked.

Launches every locked build's shape through the kernel's own launcher, takes the binary that the
driver was given, and compares its normalised disassembly with the lock's line for this GPU.
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
from kernelproof.measure.launch_capture import compiled_by
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan import matrix
from kernelproof.plan.value_types import DTYPES
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock
from kernelproof.spec import Build, InputRows, Spec

_SHOWN = 40


def architecture_here() -> str:
    """The architecture of the first GPU; NotTheRowError where none is there."""
    if triton.knobs.runtime.interpret or not torch.cuda.is_available():
        message = "codegen: found no GPU, expected one that compiles (unset TRITON_INTERPRET)"
        raise NotTheRowError(message)
    if torch.version.hip:
        return str(torch.cuda.get_device_properties(0).gcnArchName).partition(":")[0]
    major, minor = torch.cuda.get_device_capability(0)
    return f"sm_{major}{minor}"


def launched(spec: Spec, build: Build) -> Disassembly:
    """The code that launching a build's shape runs on this GPU."""
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
    (kernel,) = compiled_by(lambda: spec.launch(**inputs))
    torch.cuda.synchronize(device)
    return code_of(kernel)


def compare(kernel: str, lock: CodeLock, architecture: str) -> Iterator[tuple[bool, str]]:
    """For each build of a kernel: whether the launched code is the locked, and a line that says so.

    Where it is not, the line goes on with the difference from what is compiled without launching.
    """
    spec = spec_of(kernel)
    tools = drift(lock.toolchain, toolchain())
    for build in (one for one in spec.builds if one.backend == backend_of(architecture)):
        name = f"{kernel} {build.name} {architecture}"
        lines = lock.costs.get(build.name, {}).items()
        locked = next((line for of, line in lines if of == architecture), None)
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
        story = "\n".join(_difference(build, architecture, code))
        yield False, f"changed {name}: launched {found}, locked {expected}{blame}\n{story}"


def _difference(build: Build, architecture: str, code: Disassembly) -> list[str]:
    alone, _ = compiled(build, architecture)
    diff = difflib.unified_diff(
        alone.lines, code.lines, "compiled here", "launched here", lineterm=""
    )
    return list(islice(diff, _SHOWN)) or [
        "compiled here without launching, it is the same as launched"
    ]


def main() -> int:
    """The exit code: 0 where every launched build is the locked one."""
    architecture = architecture_here()
    # As locks are compiled: line numbers change the order of instructions, and some of them.
    triton.knobs.compilation.disable_line_info = True
    plan = matrix.load()
    answers = []
    for kernel in (name for name, one in plan.kernels.items() if one.codegen is not None):
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
