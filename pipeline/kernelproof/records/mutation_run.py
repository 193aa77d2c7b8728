"""What a run of mutants leaves, `results/mutants.json`: one model, which writes and reads it."""

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kernelproof.errors import ResultsError
from kernelproof.files import safe_read
from kernelproof.files.fault_messages import first_fault

_MAX_BYTES = 8 * 1024 * 1024

Count = Annotated[int, Field(ge=0)]

# `import` where the kernel could not even be imported: it was asked of no case. `memory` where the
# device had not enough, which says nothing of the mutant.
Outcome = Literal["pass", "fail", "error", "crash", "timeout", "import", "memory"]


class Status(StrEnum):
    """What became of a mutant; `kernelproof.selftest.mutation` says what each means."""

    KILLED = "killed"
    SURVIVED = "survived"
    TIMED_OUT = "timed out"
    NO_BUILD = "no build"
    REFUTED = "refuted"
    EQUIVALENT = "equivalent"
    OTHER_ROW = "other row"

    @property
    def blocks(self) -> bool:
        """Whether it counts against the score."""
        return self not in {Status.KILLED, Status.EQUIVALENT, Status.OTHER_ROW}


class _Part(BaseModel):
    """A mapping of the file: every key known, every value of its own type, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Killer(_Part):
    """A case that shows a mutant: its reason's first line, and the distribution that it names."""

    case: str
    outcome: Outcome
    distribution: str
    reason: str


class Recorded(_Part):
    """What a mutant changes and where, what became of it, and why."""

    id: str
    kernel: str
    file: str
    line: Annotated[int, Field(ge=1)]
    function: str
    operator: str
    source: str
    before: str
    after: str
    status: Status
    why: str
    killed_by: list[Killer]


class Score(_Part):
    """How many are killed, of how many that have to be."""

    killed: Count
    of: Count


class Run(_Part):
    """A whole run on one row; its counts are those of its mutants.

    `date` and `commit` are None in a run of before the fields were there.
    """

    version: Literal[1] = 1
    row: str
    date: str | None = None
    commit: str | None = None
    dirty: bool = False
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    cases: list[str]
    enough: list[str]
    score: Score
    statuses: dict[Status, Count]
    mutants: list[Recorded]

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        found = Counter(one.status for one in self.mutants)
        killed = found[Status.KILLED]
        of = killed + sum(found[status] for status in Status if status.blocks)
        if (found, killed, of) != (self.statuses, self.score.killed, self.score.of):
            raise ValueError("score and statuses are not those of the mutants")
        return self


def read(file: Path) -> Run | None:
    """The run in a file, None where it is not there; ResultsError where it is no run."""
    try:
        content = safe_read.read_bounded(file, _MAX_BYTES)
        if not (excess := safe_read.excess_of(content, _MAX_BYTES)):
            return Run.model_validate_json(content)
        found = f"found {excess}"
    except FileNotFoundError:
        return None
    except OSError as error:
        found = (error.strerror or str(error)).lower()
    except ValidationError as error:
        found = first_fault(error)
    wanted = "expected what nox -s mutants wrote; run it again, or delete the file"
    raise ResultsError(f"{file}: {found}; {wanted}")
