"""``python -m kernelproof.run.device_pulse --on h200``: whether the row's device still computes."""

import argparse
import sys
from collections.abc import Sequence

import torch

from kernelproof.errors import Exit, run_command
from kernelproof.measure import torch_device
from kernelproof.plan import matrix

_COUNT = 1024


def pulse(device: torch.device) -> str:
    """Nothing where the device adds some numbers right, or else what it said instead."""
    try:
        found = int(torch.arange(_COUNT, device=device).sum().item())
    except Exception as error:  # noqa: BLE001  (of the driver, of any kind; told)
        first = str(error).strip().partition("\n")[0]
        return f"{type(error).__name__}: {first}"
    expected = _COUNT * (_COUNT - 1) // 2
    return "" if found == expected else f"found {found}, expected {expected}"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where it does, 1 where not, and the words on stderr; 4 where it is another device."""
    parser = argparse.ArgumentParser(
        prog="python -m kernelproof.run.device_pulse", description=__doc__
    )
    parser.add_argument("--on", required=True, metavar="ROW", help="the row that this machine is")
    row = parser.parse_args(arguments).on
    words = pulse(torch_device.device_of(row, matrix.load().rows[row]))
    if words:
        print(words, file=sys.stderr)
    return Exit.BLOCKED if words else Exit.GOOD


if __name__ == "__main__":
    sys.exit(run_command(main))
