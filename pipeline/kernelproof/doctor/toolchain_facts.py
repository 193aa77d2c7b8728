"""Facts of a toolchain: the packages of its environment, and the GPUs that its torch sees."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from kernelproof.doctor.facts import ToolchainFacts
from kernelproof.machine.toolchain import REQUIREMENTS
from kernelproof.plan.repository import ROOT
from kernelproof.plan.schema import Row

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)
_SECONDS = 120
_ASK = """\
import json, sys, torch
kind = torch.xpu if sys.argv[1] == "xpu" else torch.cuda
is_here = kind.is_available()
names = [kind.get_device_name(i) for i in range(kind.device_count())] if is_here else []
print(json.dumps([names, f"torch {torch.__version__} has no {sys.argv[1]} device"]))
"""


def read(row: Row, *, is_own: bool, root: Path = ROOT / ".nox") -> ToolchainFacts:
    """Returns the facts of a row's toolchain, in its own environment or in this Python.

    Asks torch on GPU rows only, in a process of its own: to import it takes seconds.
    """
    text = (REQUIREMENTS / f"{row.toolchain}.txt").read_text(encoding="utf-8")
    pinned = dict(_PINNED.findall(text))
    folder = root / f"toolchain-{row.toolchain}"
    python = folder / "bin" / "python" if is_own else Path(sys.executable)
    if is_own and not (python.exists() and (folder / "installed.sha256").is_file()):
        return ToolchainFacts(name=row.toolchain, is_made=False, pinned=pinned)
    installed = _installed(folder if is_own else None)
    sees, complaint = None, ""
    if row.backend != "interpreter" and "torch" in installed:
        sees, complaint = _visible_devices(python, row.backend)
    return ToolchainFacts(
        name=row.toolchain,
        is_own=is_own,
        python=_python(folder) if is_own else platform.python_version(),
        pinned=pinned,
        installed={name: installed[name] for name in pinned if name in installed},
        sees=sees,
        complaint=complaint,
    )


def _installed(folder: Path | None) -> Mapping[str, str]:
    """Returns the versions of packages by name, of an environment or (None) of this Python."""
    if folder is None:
        packages = distributions()
    else:
        folders = folder.glob("lib/python*/site-packages")
        packages = distributions(path=[str(path) for path in folders])
    return {_name(package.name): package.version for package in packages}


def _name(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _python(folder: Path) -> str | None:
    text = (folder / "pyvenv.cfg").read_text()
    version = re.search(r"^version *= *(\S+)$", text, re.MULTILINE)
    return version[1] if version else None


def _visible_devices(python: Path, backend: str) -> tuple[tuple[str, ...] | None, str]:
    """Returns the names of the devices that torch sees, or None and the last line of its error."""
    try:
        done = subprocess.run(
            [str(python), "-c", _ASK, backend],
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        names, reason = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return None, f"no answer in {_SECONDS} s"
    except ValueError:
        return None, (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
    return tuple(names), reason
