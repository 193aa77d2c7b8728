"""`judged.yaml`: the files that judge, the tests that they are judged by, and proofs."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from kernelproof.plan.repository import ROOT
from kernelproof.selftest.mutation import mutant_list
from kernelproof.selftest.mutation.kernel_mutants import MutantsError
from kernelproof.selftest.mutation.mutant_list import Part
from kernelproof.selftest.verdict_mutation.verdict_operators import OPERATORS

FILE = Path(__file__).with_name("judged.yaml")

Pattern = Annotated[str, Field(pattern=r"^[a-z0-9_*]+(/[a-z0-9_*]+)*\.py$")]


class Proof(mutant_list.Proof):
    """Why mutants that survive cannot be killed; names are of `pipeline`: ``perf.judge.zone``."""

    concludes: Literal["equivalent"]
    operator: Literal[tuple(OPERATORS)] | None = None  # type: ignore[valid-type]


class Judged(Part):
    """The whole file: `files` are those of `pipeline`, `tests` those of `tests/unit`."""

    files: Annotated[list[Pattern], Field(min_length=1)]
    tests: Annotated[list[Pattern], Field(min_length=1)]
    proofs: list[Proof]

    def judging(self, root: Path = ROOT) -> list[str]:
        """The files, ``perf/judge.py``: one that is added where a pattern looks is among them."""
        return _matched(root / "pipeline" / "kernelproof", self.files)

    def asking(self, root: Path = ROOT) -> list[str]:
        """The tests' files, ``tests/unit/checks/test_verdict.py``."""
        return [f"tests/unit/{name}" for name in _matched(root / "tests" / "unit", self.tests)]


def read(file: Path = FILE) -> Judged:
    """The list; MatrixError with every fault of it."""
    return mutant_list.read_as(Judged, file)


def _matched(folder: Path, patterns: list[str]) -> list[str]:
    """In the order of the patterns; MutantsError for one that matches nothing."""
    found: dict[str, None] = {}
    for pattern in patterns:
        files = sorted(folder.glob(pattern))
        if not files:
            raise MutantsError(f"{FILE.name}: found no file {pattern!r}, expected some")
        found |= dict.fromkeys(str(file.relative_to(folder)) for file in files)
    return list(found)
