"""The rows of the matrix that this machine is, by its drivers and without torch.

``python -m kernelproof.machine.hardware`` prints the rows that are here, a line each, and on stderr
the others. A machine with accelerators is the rows of these accelerators; a machine without is the
interpreted rows. Later torch has the last word, in the processes that run the row's cells
(`kernelproof.measure.torch_device`).
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
_XPU_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A GPU as its driver reports it; a name or architecture that no driver tells is empty."""

    backend: str
    name: str = ""
    arch: str = ""

    def is_row(self, row: Row) -> bool:
        """Returns True if this is the device of `row`: by its name, or else by its architecture."""
        if self.backend != row.backend:
            return False
        return self.name == row.device if self.name else self.arch == row.arch

    def __str__(self) -> str:
        """Returns the GPU as messages name it: ``NVIDIA H200 (cuda, sm_90)``."""
        details = ", ".join(filter(None, (self.backend, self.arch)))
        return f"{self.name or 'an unnamed GPU'} ({details})"


def accelerators() -> tuple[Accelerator, ...]:
    """Returns all accelerators of this machine that a driver reports."""
    return (*_nvidia(), *_amd(), *_intel())


def _nvidia() -> list[Accelerator]:
    """Returns NVIDIA's GPUs; none without a driver."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    gpus = []
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        major, minor = pynvml.nvmlDeviceGetCudaComputeCapability(handle)
        name, arch = pynvml.nvmlDeviceGetName(handle), f"sm_{major}{minor}"
        gpus.append(Accelerator(backend="cuda", name=name, arch=arch))
    pynvml.nvmlShutdown()
    return gpus


def amd_nodes(folder: Path) -> list[dict[str, str]]:
    """Returns the properties of AMD's GPUs below `folder`, numbered as the kernel driver does.

    Nodes of processors are left out, and nodes that a container may not read: those of GPUs that
    the container was not given, which ROCm leaves out, too.
    """
    nodes = []
    for file in sorted(folder.glob("[0-9]*/properties"), key=lambda file: int(file.parent.name)):
        with suppress(OSError):
            properties = dict(line.split(maxsplit=1) for line in file.read_text().splitlines())
            if int(properties.get("gfx_target_version", "0")):
                nodes.append(properties)
    return nodes


def _amd() -> list[Accelerator]:
    """Returns AMD's GPUs by the kernel driver's topology, in which 90402 stands for gfx942."""
    gpus = []
    for node in amd_nodes(_KFD):
        version = int(node["gfx_target_version"])
        arch = f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"
        gpus.append(Accelerator(backend="hip", arch=arch))
    return gpus


def _intel() -> list[Accelerator]:
    """Returns Intel's GPUs; none without xpu-smi. Raises NotTheRowError if it does not answer."""
    if not (command := shutil.which("xpu-smi")):
        return []
    try:
        done = subprocess.run(
            [command, "discovery", "-j"], capture_output=True, timeout=_XPU_SECONDS, check=False
        )
        devices = json.loads(done.stdout)["device_list"]
        # A device whose firmware is being updated has no name; the others are still there.
        return [Accelerator(backend="xpu", name=gpu.get("device_name", "")) for gpu in devices]
    except subprocess.TimeoutExpired:
        message = f"xpu-smi: no answer in {_XPU_SECONDS} s, expected its devices; mend the driver"
        raise NotTheRowError(message) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def rows_here(plan: Matrix, gpus: Sequence[Accelerator]) -> tuple[str, ...]:
    """Returns the rows that a machine with these accelerators is; raises NotTheRowError if none."""
    here = tuple(
        name
        for name, row in plan.rows.items()
        if (any(gpu.is_row(row) for gpu in gpus) if gpus else not row.is_compiled)
    )
    if not here:
        raise NotTheRowError(_unknown_machine(plan, gpus))
    return here


def _unknown_machine(plan: Matrix, gpus: Sequence[Accelerator]) -> str:
    """Returns the message for a machine that is no row, with the row to add."""
    if not gpus:
        return "this machine has no accelerator, and matrix.yaml no row with backend: interpreter"
    gpu = gpus[0]
    interpreted = [name for name, row in plan.rows.items() if not row.is_compiled]
    instead = f"; or use the CPU: nox -s parity -- --row {interpreted[0]}" if interpreted else ""
    return (
        f"this machine is no row of matrix.yaml: found {gpu}, expected one of "
        f"{', '.join(row.device for row in plan.rows.values())}; add a row{instead}\n"
        f"  my_row:\n    backend: {gpu.backend}\n    device: {gpu.name or '...'}\n"
        f"    arch: {gpu.arch or '...'}\n    memory_gb: ...\n    toolchain: ...\n    runner: [...]"
    )


def _require_present(plan: Matrix, names: Sequence[str]) -> None:
    """Raises NotTheRowError for a CUDA row whose GPU the driver does not report.

    Other drivers may not tell all of their GPUs, so nothing is concluded from them.
    """
    gpus = accelerators()
    for name in names:
        row = plan.rows[name]
        if row.backend == "cuda" and not any(gpu.is_row(row) for gpu in gpus):
            message = (
                f"row {name}: found {', '.join(map(str, gpus)) or 'no GPU'}, expected "
                f"{row.device}; run it on that machine, or mend the row's device in matrix.yaml"
            )
            raise NotTheRowError(message)


def require_gpu(plan: Matrix, names: Sequence[str], what: str = "bench") -> None:
    """Raises NotTheRowError for an interpreted row, whose times say nothing of a kernel."""
    compiled = [name for name, row in plan.rows.items() if row.is_compiled]
    for name in names:
        if name not in compiled:
            raise NotTheRowError(
                f"{what} needs a GPU: found row {name}, which is interpreted, expected one of "
                f"{', '.join(compiled) or 'no row yet'}; run it on such a machine"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the rows here, or the rows that the command line names.

    ``--help`` asks for the help of the command that will run on the row, which any machine can
    give: then the row is an interpreted one, if there is any.
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
