"""The file of a mutation run, `results/mutants.json` or `results/verdict-mutants.json`."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kernelproof.errors import ResultsError
from kernelproof.files.json_file import MalformedError, read_model
from kernelproof.files.strict_model import StrictModel

_MAX_BYTES = 8 * 1024 * 1024

Count = Annotated[int, Field(ge=0)]

# `import`: the kernel could not be imported, so no case was asked. `memory`: the device had too
# little, which says nothing of the mutant.
Outcome = Literal["pass", "fail", "error", "crash", "timeout", "import", "memory"]


class MutantStatus(StrEnum):
    """The status of a mutant; `kernelproof.selftest.mutation` defines each."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    NO_BUILD = "no build"
    REFUTED = "refuted"
    EQUIVALENT = "equivalent"
    OTHER_ROW = "other row"

    @property
    def blocks(self) -> bool:
        """Returns True if a mutant of this status counts against the score."""
        good = {MutantStatus.KILLED, MutantStatus.EQUIVALENT, MutantStatus.OTHER_ROW}
        return self not in good


class KillingCase(StrictModel):
    """A case, or a test, that kills a mutant, with the first line of its reason.

    `distribution` is that of the first row which the reason names, if it names one.
    """

    case: str
    outcome: Outcome
    distribution: str
    reason: str


class MutantRecord(StrictModel):
    """A mutant: the file and the text that it changes, its status and the reason of that."""

    id: str
    kernel: str
    file: str
    line: Annotated[int, Field(ge=1)]
    function: str
    operator: str
    source: str
    before: str
    after: str
    status: MutantStatus
    why: str
    killed_by: list[KillingCase]


class KillScore(StrictModel):
    """The number of mutants that are killed, of those that have to be."""

    killed: Count
    of: Count


class MutationRun(StrictModel):
    """A run of mutants on one row, with counts that agree with its mutants.

    Runs that are older than the fields `date` and `commit` have None there.
    """

    version: Literal[1] = 1
    row: str
    date: str | None = None
    commit: str | None = None
    dirty: bool = False
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cases: list[str]
    enough: list[str]
    score: KillScore
    statuses: dict[MutantStatus, Count]
    mutants: list[MutantRecord]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        counts = Counter(mutant.status for mutant in self.mutants)
        killed = counts[MutantStatus.KILLED]
        of = killed + sum(counts[status] for status in MutantStatus if status.blocks)
        if (counts, killed, of) != (self.statuses, self.score.killed, self.score.of):
            raise ValueError("score and statuses are not those of the mutants")
        return self


class CoveredFile(StrictModel):
    """The coverage of a file of verdict code by its unit tests, and the seconds of its mutants."""

    file: str
    statements: Count
    branches: Count
    missing_lines: list[int]
    missing_branches: list[tuple[int, int]]
    seconds: float


class VerdictMutationRun(MutationRun):
    """A run of the mutants of verdict code: its cases are tests."""

    files: list[CoveredFile]


def read(file: Path) -> MutationRun | None:
    """Returns the run in a file, None if there is no file; raises ResultsError if it is no run."""
    try:
        return read_model(file, MutationRun, _MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        fault = (error.strerror or str(error)).lower()
    except MalformedError as error:
        fault = str(error)
    wanted = "expected what nox -s mutants wrote; run it again, or delete the file"
    raise ResultsError(f"{file}: {fault}; {wanted}")
