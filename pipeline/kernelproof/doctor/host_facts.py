"""Facts of the machine around the GPUs: disk, memory, git, nox, Triton's cache."""

import os
import re
import shutil
import subprocess
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kernelproof.doctor import nvidia_gpus
from kernelproof.doctor.facts import HostFacts
from kernelproof.plan.repository import ROOT

_GIGA = 1e9
_SECONDS = 30
_DEVICE_FILES = ("nvidiactl", "kfd")


def read(results: Path, *, has_gpu: bool, dev: Path = Path("/dev")) -> HostFacts:
    """Returns the facts of this host; `has_gpu` says that a driver has reported a GPU."""
    cache = cache_folder()
    files = tuple(str(dev / name) for name in _DEVICE_FILES if (dev / name).exists())
    complaint = ""
    if files and not has_gpu:
        is_nvidia = any(file.endswith("nvidiactl") for file in files)
        complaint = (nvidia_gpus.complaint() if is_nvidia else "") or "no driver reports a GPU"
    git = _git("--version")
    shallow = _git("rev-parse", "--is-shallow-repository")
    return HostFacts(
        memory_gb=_memory_gb(),
        toolchains_free_gb=_free_gb(ROOT / ".nox"),
        results_free_gb=_free_gb(results),
        is_results_writable=_is_writable(results),
        cache=str(cache) if cache else None,
        is_cache_writable=cache is not None and _is_writable(cache),
        git=git.removeprefix("git version ") if git else None,
        is_clone=shallow is not None,
        is_shallow=shallow == "true",
        nox=_version("nox"),
        device_files=files,
        driver_complaint=complaint,
    )


def cache_folder() -> Path | None:
    """Returns the folder of Triton's cache, None if that is in a home folder that the user lacks.

    A container's user may have a number, but neither a name nor a home.
    """
    if folder := os.environ.get("TRITON_CACHE_DIR"):
        return Path(folder)
    with suppress(RuntimeError):
        return Path(os.environ.get("TRITON_HOME") or Path.home()) / ".triton" / "cache"
    return None


def needed_nox() -> str:
    """Returns the version of nox that the noxfile needs."""
    text = (ROOT / "noxfile.py").read_text()
    version = re.search(r'nox\.needs_version = ">=([0-9.]+)"', text)
    return version[1] if version else "0"


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def _existing(folder: Path) -> Path:
    """Returns the folder, or the nearest existing one above it."""
    folder = folder.absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _is_writable(folder: Path) -> bool:
    path = _existing(folder)
    return path.is_dir() and os.access(path, os.W_OK | os.X_OK)


def _free_gb(folder: Path) -> float | None:
    with suppress(OSError):
        return shutil.disk_usage(_existing(folder)).free / _GIGA
    return None


def _memory_gb() -> float | None:
    with suppress(OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIGA
    return None


def _git(*words: str) -> str | None:
    """Returns the output of git, None if it fails or is not installed."""
    command = ["git", "-C", str(ROOT), *words]
    with suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        if done.returncode == 0:
            return done.stdout.strip()
    return None
