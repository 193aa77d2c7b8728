"""The disassembly of now against the blessed one, as a unified diff.

A lock holds hashes. The blessed text is taken from the store, by its hash, or compiled again from
the commit that wrote the lock.
"""

import difflib
import io
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from kernelproof.checks.codegen.compile_request import STORE, CompiledBuild, CompileRequest, ask
from kernelproof.errors import BaselineError
from kernelproof.plan.repository import ROOT
from kernelproof.records import code_lock as locks
from kernelproof.records.code_lock import CodeLock


def diff(found: CompiledBuild, lock: CodeLock, python: Path) -> Iterator[str]:
    """The lines of the diff for one build on one architecture; BaselineError without old text."""
    lines = lock.costs.get(found.build, {}).items()
    blessed = next((line.sha256 for name, line in lines if name == found.architecture), None)
    if found.costs is None or blessed is None:
        return
    old = _stored(blessed) or _compiled_again(found, blessed, python)
    new = _stored(found.costs.sha256) or ""
    name = f"{found.build} {found.architecture}"
    yield from difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"blessed {name}", f"now {name}", lineterm=""
    )


def _stored(sha256: str) -> str | None:
    try:
        return zlib.decompress((STORE / "text" / f"{sha256}.z").read_bytes()).decode()
    except (OSError, zlib.error):
        return None


def _compiled_again(found: CompiledBuild, blessed: str, python: Path) -> str:
    """The blessed text, from the sources at the last commit of the lock."""
    file = locks.path_of(found.kernel).relative_to(ROOT)
    commit = _git("log", "-1", "--format=%H", "--", str(file)).decode().strip()
    with tempfile.TemporaryDirectory() as folder:
        if commit:
            with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
                archive.extractall(folder, filter="data")
            request = CompileRequest(
                kernels=[found.kernel],
                architectures=[found.architecture],
                builds=[found.build],
                store=str(STORE),
            )
            ask(request, python=python, root=Path(folder))
    text = _stored(blessed)
    if text is None:
        where = f"commit {commit[:12]}" if commit else "no commit"
        message = (
            f"{file}: found {where} to compile the blessed {found.build} {found.architecture} "
            f"from, which does not give its code; expected a clone with history (git fetch "
            f"--unshallow), and the toolchain of the lock"
        )
        raise BaselineError(message)
    return text


def _git(*arguments: str) -> bytes:
    """What git prints; nothing where it fails or is not there."""
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
