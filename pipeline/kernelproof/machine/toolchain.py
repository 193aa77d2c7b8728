"""The environment of a toolchain: `machine/toolchains/<name>.txt` in `.nox/toolchain-<name>`.

``python -m kernelproof.machine.toolchain cpu`` makes the environment, or brings it up to date, and
prints its Python. All sessions that need a toolchain share its environment: with torch in it, it
takes gigabytes. Its Python imports `kernelproof` and the kernels of this repository.

A file with the line ``# over: cpu`` is an overlay: an environment of its own packages alone, in
front of those of another one. So another Triton stands beside torch, which is there once.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from kernelproof.errors import Exit, UsageError, did_you_mean, run_command
from kernelproof.plan.repository import ROOT, TOOLCHAINS, shown_path

REQUIREMENTS = TOOLCHAINS
_OVER = re.compile(r"^# over: (\S+)$", re.MULTILINE)
# Prints the folders in which a Python looks for packages.
_PRINT_PACKAGES = (
    "import sys; print(*(path for path in sys.path if path.endswith('-packages')), sep='\\n')"
)
# Files among an environment's packages; each line is a folder that its Python imports from.
_SOURCES_PTH, _BELOW_PTH = "kernelproof-sources.pth", "below.pth"


class ToolchainError(UsageError):
    """An environment that could not be made; pip has said why."""

    exit = Exit.BLOCKED


def python_of(name: str, *, over: Path | None = None) -> Path:
    """Returns the Python of a toolchain's environment, which is made or brought up to date first.

    An overlay stands over the environment of the Python `over`, or over the one that it names.
    Raises UsageError for an unknown toolchain, ToolchainError if it cannot be installed.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    if not requirements.is_file():
        known = sorted(file.stem for file in REQUIREMENTS.glob("*.txt"))
        mend = did_you_mean(name, known)
        message = f"toolchain: found {name!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    # 1. The environment that an overlay stands over.
    below = _OVER.search(requirements.read_text(encoding="utf-8"))
    packages = _packages(over or python_of(below[1])) if below else ""
    # 2. The environment itself, unless it was made of just these requirements.
    folder = ROOT / ".nox" / f"toolchain-{name}"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        stamp, python = folder / "installed.sha256", folder / "bin" / "python"
        made_of = requirements.read_bytes() + sys.version.encode() + packages.encode()
        digest = hashlib.sha256(made_of).hexdigest()
        if not python.exists() or not stamp.is_file() or stamp.read_text() != digest:
            _install(requirements, folder, packages)
            _add_to_path(folder, _BELOW_PTH, packages)
            stamp.write_text(digest)
        # 3. The sources of this repository, which the environment may have been made before.
        _add_to_path(folder, _SOURCES_PTH, f"{ROOT / 'pipeline'}\n{ROOT / 'kernels'}\n")
    return python


def _add_to_path(folder: Path, name: str, lines: str) -> None:
    """Adds folders, a line each, to the import path of the environment's Python."""
    for packages in (folder / "lib").glob("python*/site-packages"):
        file = packages / name
        if lines and (not file.is_file() or file.read_text(encoding="utf-8") != lines):
            file.write_text(lines, encoding="utf-8")


def _packages(python: Path) -> str:
    """Returns the folders of packages of a Python, a line each."""
    command = [str(python), "-c", _PRINT_PACKAGES]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _install(requirements: Path, folder: Path, below: str) -> None:
    """Makes the environment in `folder` anew; `below` are the packages below an overlay."""
    name = shown_path(requirements)
    print(f"installing {name} (once; minutes if torch is in it)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The torch below requires another Triton than an overlay brings.
    alone = ["--no-deps"] if below else []
    for command in (
        [sys.executable, "-m", "virtualenv", "--quiet", str(folder)],
        [*install, *alone, "-r", str(requirements)],
    ):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            message = f"{name}: could not be installed; pip's message is above, mend it, run again"
            raise ToolchainError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the Python of the toolchain's environment."""
    parser = argparse.ArgumentParser(
        prog="python -m kernelproof.machine.toolchain", description=__doc__
    )
    parser.add_argument("name", help="a file of machine/toolchains, without .txt")
    print(python_of(parser.parse_args(arguments).name))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
