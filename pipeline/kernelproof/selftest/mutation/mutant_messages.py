"""The request that a worker reads and the answer that it writes for a mutant, as JSON lines."""

from pydantic import Field

from kernelproof.files.strict_model import StrictModel
from kernelproof.records.mutation_run import Outcome
from kernelproof.selftest.mutation.mutant import Span

KILLING = frozenset({"fail", "error", "crash"})


class MutantRequest(StrictModel):
    """A mutant to run: the changed file and its text, which are empty for the unmutated kernel.

    `cases` are cases of parity, or tests. `is_brief` ends the mutant at the first case that kills
    it, and `is_traced` asks for the places that run.
    """

    id: str
    kernel: str
    file: str = ""
    text: str = ""
    cases: list[str]
    seconds: int
    is_traced: bool = False
    is_brief: bool = False


class CaseOutcome(StrictModel):
    """The outcome of one case, or test, against a mutant, and the first lines of its reason."""

    case: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0

    @property
    def is_kill(self) -> bool:
        """Returns True if the case shows the mutant."""
        return self.outcome in KILLING


class MutantAnswer(StrictModel):
    """The outcomes of one mutant; `reached` has the places that ran, by file, if asked for."""

    id: str
    outcomes: list[CaseOutcome]
    reached: dict[str, list[Span]] = Field(default_factory=dict)
