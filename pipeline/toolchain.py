"""A toolchain's environment: `pipeline/requirements/<name>.txt` in `.nox/toolchain-<name>`.

``python -m pipeline.toolchain cpu`` makes it, or brings it up to date, and prints its Python. All
sessions that need a toolchain share its one environment: with torch in it, it takes gigabytes.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from pipeline.errors import Exit, UsageError, did_you_mean, run_command
from pipeline.matrix import ROOT

REQUIREMENTS = ROOT / "pipeline" / "requirements"


class ToolchainError(UsageError):
    """An environment that could not be made; pip has said why."""

    exit = Exit.BLOCKED


def python_of(name: str) -> Path:
    """The Python of the toolchain's environment, ready for use; ToolchainError where it is not."""
    requirements = REQUIREMENTS / f"{name}.txt"
    if not requirements.is_file():
        known = sorted(file.stem for file in REQUIREMENTS.glob("*.txt"))
        mend = did_you_mean(name, known)
        message = f"toolchain: found {name!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    folder = ROOT / ".nox" / f"toolchain-{name}"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        stamp = folder / "installed.sha256"
        wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
        python = folder / "bin" / "python"
        if not python.exists() or not stamp.is_file() or stamp.read_text() != wanted:
            _install(requirements, folder)
            stamp.write_text(wanted)
    return python


def _install(requirements: Path, folder: Path) -> None:
    where = requirements.relative_to(ROOT)
    print(f"installing {where} (once; minutes where torch is in it)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in (
        [sys.executable, "-m", "virtualenv", "--quiet", str(folder)],
        [*install, "-r", str(requirements)],
    ):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            message = f"{where}: could not be installed; pip's message is above, mend it, run again"
            raise ToolchainError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the Python of the toolchain's environment."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.toolchain", description=__doc__)
    parser.add_argument("name", help="a file of pipeline/requirements, without .txt")
    print(python_of(parser.parse_args(arguments).name))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
