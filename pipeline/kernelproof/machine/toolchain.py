"""A toolchain's environment: `pipeline/kernelproof/machine/toolchains/<name>.txt` in `.nox/toolchain-<name>`.

``python -m kernelproof.machine.toolchain cpu`` makes it, or brings it up to date, and prints its Python. All
sessions that need a toolchain share its one environment: with torch in it, it takes gigabytes.

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
from kernelproof.plan.repository import ROOT, TOOLCHAINS

REQUIREMENTS = TOOLCHAINS
_OVER = re.compile(r"^# over: (\S+)$", re.MULTILINE)
# Where a Python looks for packages.
_PACKAGES = (
    "import sys; print(*(path for path in sys.path if path.endswith('-packages')), sep='\\n')"
)


class ToolchainError(UsageError):
    """An environment that could not be made; pip has said why."""

    exit = Exit.BLOCKED


def python_of(name: str, *, over: Path | None = None) -> Path:
    """The Python of the toolchain's environment, ready for use; ToolchainError where it is not.

    An overlay stands over the environment of the Python `over`, or over the one that it names.
    """
    requirements = REQUIREMENTS / f"{name}.txt"
    if not requirements.is_file():
        known = sorted(file.stem for file in REQUIREMENTS.glob("*.txt"))
        mend = did_you_mean(name, known)
        message = f"toolchain: found {name!r}, expected one of {', '.join(known)}; {mend}"
        raise UsageError(message)
    below = _OVER.search(requirements.read_text(encoding="utf-8"))
    packages = _packages(over or python_of(below[1])) if below else ""
    folder = ROOT / ".nox" / f"toolchain-{name}"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        stamp = folder / "installed.sha256"
        made_of = requirements.read_bytes() + sys.version.encode() + packages.encode()
        wanted = hashlib.sha256(made_of).hexdigest()
        python = folder / "bin" / "python"
        if not python.exists() or not stamp.is_file() or stamp.read_text() != wanted:
            _install(requirements, folder, packages)
            stamp.write_text(wanted)
    return python


def _packages(python: Path) -> str:
    """The folders of packages of a Python, a line each."""
    command = [str(python), "-c", _PACKAGES]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def _install(requirements: Path, folder: Path, packages: str) -> None:
    where = requirements.relative_to(ROOT)
    print(f"installing {where} (once; minutes where torch is in it)", file=sys.stderr, flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    python = str(folder / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    alone = ["--no-deps"] if packages else []  # torch below names another Triton as its own
    for command in (
        [sys.executable, "-m", "virtualenv", "--quiet", str(folder)],
        [*install, *alone, "-r", str(requirements)],
    ):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            message = f"{where}: could not be installed; pip's message is above, mend it, run again"
            raise ToolchainError(message)
    if packages:
        own = Path(_packages(Path(python)).splitlines()[0])
        (own / "below.pth").write_text(packages, encoding="utf-8")


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
