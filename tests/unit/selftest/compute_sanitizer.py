"""A stand-in for compute-sanitizer: answers for the worker, and writes a log in its format.

Tests copy it to a folder of the path as an executable. It starts no worker, whose import of torch
takes seconds. The variable STAND_IN names what it does beside reporting the planted errors.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

VERSION = "Version 2025.3.1.0 (build 36400806) (public-release)"
# The report of each tool on its planted error.
PLANTED = {
    "memcheck": """\
========= Invalid __global__ write of size 4 bytes
=========     at _planted_memcheck_kernel+0xb0 in planted_errors.py:24
=========     by thread (0,0,0) in block (0,0,0)
=========     Access to 0x7f3ea2a00200 is out of bounds
=========     and is 1 bytes after the nearest allocation at 0x7f3ea2a00000 of size 512 bytes
=========
""",
    "racecheck": """\
========= Error: Race reported between Write access at _planted_racecheck_kernel+0x90 in planted_errors.py:31
=========     and Read access at _planted_racecheck_kernel+0xa0 in planted_errors.py:31 [4 hazards]
=========
""",  # noqa: E501  (as the tool writes it)
    "initcheck": """\
========= Uninitialized __global__ memory read of size 4 bytes
=========     at _planted_initcheck_kernel+0x90 in planted_errors.py:46
=========     by thread (0,0,0) in block (0,0,0)
=========     Access to 0x7f3ea2a00000
=========
""",
    "synccheck": """\
========= Barrier error detected. Invalid arguments
=========     at _planted_synccheck_kernel+0x70 in planted_errors.py:55
=========     by thread (0,0,0) in block (0,0,0)
=========
""",
}
FOUND = """\
========= Invalid __global__ read of size 16 bytes
=========     at _toy_kernel+0x2f0 in kernel.py:33
=========     by thread (7,0,0) in block (2,0,0)
=========     Access to 0x7f3ea2a00400 is out of bounds
=========     and is 1 bytes after the nearest allocation at 0x7f3ea2a00000 of size 1,024 bytes
=========
"""


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code of a tool that has reported something, or that of its application."""
    if list(arguments) == ["--version"]:
        print(f"NVIDIA (R) Compute Sanitizer\n{VERSION}")
        return 0
    options = _parser().parse_args(arguments)
    mode = os.environ.get("STAND_IN", "")
    if mode == "hangs":
        Path(os.environ["STAND_IN_PID"]).write_text(str(os.getpid()))
        time.sleep(600)
    # The application is `python -m WORKER ROW TOOL FILE CASE...`.
    _, _, _, _, tool, file, *cases = options.application
    assert tool == options.tool
    if mode == "dies":
        print("Aborted")
        return 134
    answers = [{"case": case, "outcome": "pass", "launches": 1} for case in cases]
    Path(file).write_text("".join(f"{json.dumps(answer)}\n" for answer in answers))
    reports = [PLANTED[tool]] * (0 if mode == "sees nothing" else len(cases) + 1)
    if mode == "finds" and tool == "memcheck":
        reports[2:2] = [FOUND] * 3
    total = f"{len(reports)} hazards displayed ({len(reports)} errors, 0 warnings)"
    is_race = tool == "racecheck"
    summary = f"RACECHECK SUMMARY: {total}" if is_race else f"ERROR SUMMARY: {len(reports)} errors"
    log = f"========= COMPUTE-SANITIZER\n{''.join(reports)}========= {summary}\n"
    Path(options.log_file.replace("%%", "%")).write_text(log)
    return int(options.error_exitcode) if reports else 0


def _parser() -> argparse.ArgumentParser:
    """Returns a parser of the options that the tools take."""
    parser = argparse.ArgumentParser()
    for name in ("tool", "log-file", "error-exitcode", "padding", "report-api-errors"):
        parser.add_argument(f"--{name}")
    for name in ("target-processes", "launch-timeout", "destroy-on-device-error"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("show-backtrace", "print-limit"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("application", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
