"""A stand-in for compute-sanitizer: runs the application, and writes a log in the tool's format.

Copied to a folder of the path as an executable. The variable STAND_IN says what it is to see:
nothing beside what is planted, or one of the words of `main`.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

VERSION = "Version 2025.3.1.0 (build 36400806) (public-release)"
# What each tool says of its planted fault.
PLANTED = {
    "memcheck": """\
========= Invalid __global__ write of size 4 bytes
=========     at _planted_memcheck_kernel+0xb0 in planted.py:24
=========     by thread (0,0,0) in block (0,0,0)
=========     Access to 0x7f3ea2a00200 is out of bounds
=========     and is 1 bytes after the nearest allocation at 0x7f3ea2a00000 of size 512 bytes
=========
""",
    "racecheck": """\
========= Error: Race reported between Write access at _planted_racecheck_kernel+0x90 in planted.py:31
=========     and Read access at _planted_racecheck_kernel+0xa0 in planted.py:31 [4 hazards]
=========
""",  # noqa: E501  (as the tool writes it)
    "initcheck": """\
========= Uninitialized __global__ memory read of size 4 bytes
=========     at _planted_initcheck_kernel+0x90 in planted.py:46
=========     by thread (0,0,0) in block (0,0,0)
=========     Access to 0x7f3ea2a00000
=========
""",
    "synccheck": """\
========= Barrier error detected. Invalid arguments
=========     at _planted_synccheck_kernel+0x70 in planted.py:55
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
    """The application's exit code, or the one asked for where something was seen."""
    if list(arguments) == ["--version"]:
        print(f"NVIDIA (R) Compute Sanitizer\n{VERSION}")
        return 0
    parser = argparse.ArgumentParser()
    for name in ("tool", "log-file", "error-exitcode", "padding", "report-api-errors"):
        parser.add_argument(f"--{name}")
    for name in ("target-processes", "launch-timeout", "destroy-on-device-error"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("show-backtrace", "print-limit"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("application", nargs=argparse.REMAINDER)
    options = parser.parse_args(arguments)
    what = os.environ.get("STAND_IN", "")
    if what == "hangs":
        Path(os.environ["STAND_IN_PID"]).write_text(str(os.getpid()))
        time.sleep(600)
    code = subprocess.run(options.application, check=False).returncode
    answers = Path(options.application[5]).read_text().splitlines()
    reports = [PLANTED[options.tool]] * (0 if what == "sees nothing" else len(answers) + 1)
    if what == "finds" and options.tool == "memcheck":
        reports[2:2] = [FOUND] * 3
    is_race = options.tool == "racecheck"
    total = f"{len(reports)} hazards displayed ({len(reports)} errors, 0 warnings)"
    summary = f"RACECHECK SUMMARY: {total}" if is_race else f"ERROR SUMMARY: {len(reports)} errors"
    log = f"========= COMPUTE-SANITIZER\n{''.join(reports)}========= {summary}\n"
    Path(options.log_file.replace("%%", "%")).write_text(log)
    return code or (int(options.error_exitcode) if reports else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
