"""What the code of two commits costs, where nothing can be timed: instructions, of every build."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest, ask
from kernelproof.machine.worktree import worktree
from kernelproof.plan.repository import ROOT

Code = dict[tuple[str, str, str], CompiledBuild]


@contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """A worktree of a commit with the pipeline of this tree: its kernels, by today's rules."""
    with worktree(commit) as root:
        shutil.rmtree(root / "pipeline", ignore_errors=True)
        shutil.copytree(ROOT / "pipeline", root / "pipeline")
        yield root


def code_of(
    root: Path, kernels: Sequence[str], architectures: Sequence[str], *, workers: int
) -> Code:
    """What the kernels under `root` compile to, by kernel, build and architecture."""
    request = CompileRequest(kernels=list(kernels), architectures=list(architectures))
    found = ask(request, python=Path(sys.executable), root=root, workers=workers)
    return {(one.kernel, one.build, one.architecture): one for one in found}


def hashes(code: Code) -> dict[tuple[str, str, str], str]:
    """The hash of every build, or its error."""
    return {name: one.costs.sha256 if one.costs else one.error or "" for name, one in code.items()}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A build on an architecture at two commits: instructions a row, and spills."""

    name: tuple[str, str, str]
    old: CompiledBuild | None
    new: CompiledBuild | None

    @property
    def is_same(self) -> bool:
        """Whether its code is the same to the instruction."""
        pair = [one.costs.sha256 if one and one.costs else None for one in (self.old, self.new)]
        return None not in pair and pair[0] == pair[1]

    def is_dearer(self, limit: float) -> bool:
        """Whether a row takes more instructions by more than `limit` percent, or more spills.

        So does a build that no longer compiles.
        """
        if self.old is None or self.old.costs is None:
            return False
        if self.new is None or self.new.costs is None:
            return True
        old, new = self.old.costs, self.new.costs
        grows = new.instructions_per_row > old.instructions_per_row * (1 + limit / 100)
        return grows or new.spills > old.spills

    def __str__(self) -> str:
        """``bf16-E128-K8-T1-cuda sm_90: 406.5 -> 420 instructions a row``."""
        sides = [
            f"{one.costs.instructions_per_row:g}" if one and one.costs else "none"
            for one in (self.old, self.new)
        ]
        spills = [one.costs.spills if one and one.costs else 0 for one in (self.old, self.new)]
        more = f", {spills[0]} -> {spills[1]} spills" if any(spills) else ""
        _, build, architecture = self.name
        return f"{build} {architecture}: {sides[0]} -> {sides[1]} instructions a row{more}"


def compare(old: Code, new: Code) -> list[Cost]:
    """Every build that either commit has."""
    names = dict.fromkeys([*new, *old])
    return [Cost(name=name, old=old.get(name), new=new.get(name)) for name in names]
