"""Unified diffs of disassemblies: the blessed code against the present code.

A lock holds hashes. The text of the blessed code comes from the store, by its hash, or from
compiling the commit that wrote the lock.
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


def diff(compiled: CompiledBuild, lock: CodeLock, python: Path) -> Iterator[str]:
    """Yields the diff of one build on one architecture.

    Raises BaselineError if the blessed text is neither in the store nor in a commit.
    """
    lines = lock.costs.get(compiled.build, {}).items()
    blessed = next((line.sha256 for name, line in lines if name == compiled.architecture), None)
    if compiled.costs is None or blessed is None:
        return
    old = _stored(blessed) or _compiled_again(compiled, blessed, python)
    new = _stored(compiled.costs.sha256) or ""
    name = f"{compiled.build} {compiled.architecture}"
    yield from difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"blessed {name}", f"now {name}", lineterm=""
    )


def _stored(sha256: str) -> str | None:
    try:
        return zlib.decompress((STORE / "text" / f"{sha256}.z").read_bytes()).decode()
    except (OSError, zlib.error):
        return None


def _compiled_again(compiled: CompiledBuild, blessed: str, python: Path) -> str:
    """Returns the blessed text, compiled from the sources at the last commit of the lock."""
    file = locks.path_of(compiled.kernel).relative_to(ROOT)
    commit = _git("log", "-1", "--format=%H", "--", str(file)).decode().strip()
    with tempfile.TemporaryDirectory() as folder:
        if commit:
            with tarfile.open(fileobj=io.BytesIO(_git("archive", commit))) as archive:
                archive.extractall(folder, filter="data")
            request = CompileRequest(
                kernels=[compiled.kernel],
                architectures=[compiled.architecture],
                builds=[compiled.build],
                store=str(STORE),
            )
            ask(request, python=python, root=Path(folder))
    text = _stored(blessed)
    if text is None:
        source = f"commit {commit[:12]}" if commit else "no commit"
        message = (
            f"{file}: found {source} to compile the blessed {compiled.build} "
            f"{compiled.architecture} from, which does not give its code; expected a clone with "
            f"history (git fetch --unshallow), and the toolchain of the lock"
        )
        raise BaselineError(message)
    return text


def _git(*arguments: str) -> bytes:
    """Returns the output of git, empty if it fails or is not installed."""
    command = ["git", "-C", str(ROOT), *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return b""
