"""``python -m kernelproof.run.device_pulse --on h200``: asks whether the row's device computes."""

import argparse
import sys
from collections.abc import Sequence

import torch

from kernelproof.errors import Exit, run_command
from kernelproof.measure import torch_device
from kernelproof.plan import matrix

_COUNT = 1024


def pulse(device: torch.device) -> str:
    """Returns an empty string if the device adds right, else its error in one line."""
    try:
        total = int(torch.arange(_COUNT, device=device).sum().item())
    except Exception as error:  # noqa: BLE001  (of the driver, of any kind; returned)
        return f"{type(error).__name__}: {str(error).strip()}".partition("\n")[0]
    expected = _COUNT * (_COUNT - 1) // 2
    return "" if total == expected else f"found {total}, expected {expected}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0 if the device computes; else prints its error on stderr and returns 1.

    Raises NotTheRowError, exit code 4, if this machine has no such device.
    """
    parser = argparse.ArgumentParser(
        prog="python -m kernelproof.run.device_pulse", description=__doc__
    )
    parser.add_argument("--on", required=True, metavar="ROW", help="the row that this machine is")
    row = parser.parse_args(arguments).on
    error = pulse(torch_device.device_of(row, matrix.load().rows[row]))
    if error:
        print(error, file=sys.stderr)
    return Exit.BLOCKED if error else Exit.GOOD


if __name__ == "__main__":
    sys.exit(run_command(main))
