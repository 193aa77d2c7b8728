"""What a worker is asked and what it answers: the models of both, as JSON lines."""

from pydantic import BaseModel, ConfigDict

from kernelproof.records.mutation_run import Outcome
from kernelproof.selftest.mutation.mutant import Span

KILLING = frozenset({"fail", "error", "crash"})


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asked(_Line):
    """One mutant: the file of the kernel that is another, and its text; none for the kernel.

    One that `is_brief` is asked no more cases once one has killed it.
    """

    id: str
    kernel: str
    file: str = ""
    text: str = ""
    cases: list[str]
    seconds: int
    is_traced: bool = False
    is_brief: bool = False


class Answer(_Line):
    """What became of one case: the reason's first lines, and the distribution that it names."""

    case: str
    outcome: Outcome
    reason: str = ""
    seconds: float = 0


class Answers(_Line):
    """What became of one mutant; `reached` has the places that ran, by file, where asked for."""

    id: str
    answers: list[Answer]
    reached: dict[str, list[Span]] = {}
