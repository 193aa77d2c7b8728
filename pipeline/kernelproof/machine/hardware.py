"""Which rows of the matrix this machine is, asked of the drivers and without torch.

``python -m kernelproof.machine.hardware`` prints the rows that are here, one a line, and on stderr the ones
that are not. A machine with an accelerator is the rows of that accelerator; one without is the
rows of the interpreter. torch has the last word, where the row's cells run (`machine`).
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pynvml

from kernelproof.errors import NotTheRowError, run_command
from kernelproof.plan import cases, matrix
from kernelproof.plan.schema import Matrix, Row

_KFD = Path("/sys/class/kfd/kfd/topology/nodes")


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A GPU as its driver reports it; a name or architecture that it does not tell is empty."""

    backend: str
    name: str = ""
    arch: str = ""

    def is_row(self, row: Row) -> bool:
        """Whether it is what `row` asks for: by name, or by architecture where it has no name."""
        if self.backend != row.backend:
            return False
        return self.name == row.device if self.name else self.arch == row.arch

    def __str__(self) -> str:
        """``NVIDIA H200 (cuda, sm_90)``."""
        details = ", ".join(filter(None, (self.backend, self.arch)))
        return f"{self.name or 'an unnamed GPU'} ({details})"


def accelerators() -> tuple[Accelerator, ...]:
    """Every accelerator of this machine that a driver reports."""
    return (*_nvidia(), *_amd(), *_intel())


def _nvidia() -> list[Accelerator]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    found = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        name, arch = pynvml.nvmlDeviceGetName(handle), f"sm_{major}{minor}"
        found.append(Accelerator(backend="cuda", name=name, arch=arch))
    pynvml.nvmlShutdown()
    return found


def amd_nodes(folder: Path) -> list[dict[str, str]]:
    """The GPUs of the kernel driver's topology, numbered as it does: by node, processors left out.

    A container may not read the nodes of GPUs that it was not given: ROCm leaves them out, too.
    """
    nodes = []
    for file in sorted(folder.glob("[0-9]*/properties"), key=lambda file: int(file.parent.name)):
        with suppress(OSError):
            properties = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
            if int(properties.get("gfx_target_version", "0")):
                nodes.append(properties)
    return nodes


def _amd() -> list[Accelerator]:
    """By the kernel driver's topology, where 90402 stands for gfx942."""
    found = []
    for node in amd_nodes(_KFD):
        version = int(node["gfx_target_version"])
        arch = f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"
        found.append(Accelerator(backend="hip", arch=arch))
    return found


def _intel() -> list[Accelerator]:
    if not (command := shutil.which("xpu-smi")):
        return []
    try:
        done = subprocess.run(
            [command, "discovery", "-j"], capture_output=True, timeout=30, check=False
        )
        devices = json.loads(done.stdout)["device_list"]
        # One whose firmware is being mended has no name; the others are still there.
        return [Accelerator(backend="xpu", name=one.get("device_name", "")) for one in devices]
    except subprocess.TimeoutExpired:
        message = "xpu-smi: no answer in 30 s, expected its devices; mend the driver"
        raise NotTheRowError(message) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def rows_here(plan: Matrix, found: Sequence[Accelerator]) -> tuple[str, ...]:
    """The rows that a machine with these accelerators is; NotTheRowError where it is none."""
    if not found:
        here = [name for name, row in plan.rows.items() if row.backend == "interpreter"]
    else:
        here = [name for name, row in plan.rows.items() if any(gpu.is_row(row) for gpu in found)]
    if not here:
        raise NotTheRowError(_unknown(plan, found))
    return tuple(here)


def _unknown(plan: Matrix, found: Sequence[Accelerator]) -> str:
    if not found:
        return "this machine has no accelerator, and matrix.yaml no row with backend: interpreter"
    gpu = found[0]
    interpreted = [name for name, row in plan.rows.items() if row.backend == "interpreter"]
    instead = f"; or use the CPU: nox -s parity -- --row {interpreted[0]}" if interpreted else ""
    return (
        f"this machine is no row of matrix.yaml: found {gpu}, expected one of "
        f"{', '.join(row.device for row in plan.rows.values())}; add a row{instead}\n"
        f"  my_row:\n    backend: {gpu.backend}\n    device: {gpu.name or '...'}\n"
        f"    arch: {gpu.arch or '...'}\n    memory_gb: ...\n    toolchain: ...\n    runner: [...]"
    )


def _require_present(plan: Matrix, names: Sequence[str]) -> None:
    """NotTheRowError for a CUDA row whose GPU no driver reports; other drivers may not tell."""
    found = accelerators()
    for name in names:
        row = plan.rows[name]
        if row.backend == "cuda" and not any(gpu.is_row(row) for gpu in found):
            message = (
                f"row {name}: found {', '.join(map(str, found)) or 'no GPU'}, expected "
                f"{row.device}; run it on that machine, or mend the row's device in matrix.yaml"
            )
            raise NotTheRowError(message)


def require_gpu(plan: Matrix, names: Sequence[str], what: str = "bench") -> None:
    """NotTheRowError for a row that is interpreted: its times say nothing of a kernel."""
    gpus = [name for name, row in plan.rows.items() if row.backend != "interpreter"]
    for name in names:
        if name not in gpus:
            message = f"{what} needs a GPU: found row {name}, which is interpreted, "
            message += (
                f"expected one of {', '.join(gpus) or 'no row yet'}; run it on such a machine"
            )
            raise NotTheRowError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the rows here, or those that the command line names.

    Where help is asked for, of the command that the rows are for, any machine will do: then it is
    one that is interpreted, if there is any.
    """
    parser = argparse.ArgumentParser(prog="python -m kernelproof.machine.hardware", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    cases.Selection.add_options(parser.add_argument)
    text = "refuse a named NVIDIA row without its GPU, before anything is installed for it"
    parser.add_argument("--present", action="store_true", help=text)
    text = "rows to time kernels on: GPUs, narrowed by the cases of bench"
    parser.add_argument("--bench", action="store_true", help=text)
    text = "rows to run under compute-sanitizer, narrowed by the cases of sanitize"
    parser.add_argument("--sanitize", action="store_true", help=text)
    options, _ = parser.parse_known_args(arguments)
    plan = matrix.load()
    if options.help:
        print(min(plan.rows, key=lambda name: plan.rows[name].is_compiled))
        return 0
    selection = cases.Selection.of(options)
    if options.bench:
        cases.select_listed(plan, cases.BENCH, selection)
    elif options.sanitize:
        cases.select_listed(plan, cases.SANITIZE, selection)
    else:
        cases.plan(plan, selection)
    here = selection.rows(plan) or rows_here(plan, accelerators())
    if options.bench:
        require_gpu(plan, here)
    if options.present:
        _require_present(plan, here)
    for name, row in plan.rows.items():
        if name not in here:
            print(f"{name:8} not here: needs {row.device}", file=sys.stderr)
    print("\n".join(here))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
