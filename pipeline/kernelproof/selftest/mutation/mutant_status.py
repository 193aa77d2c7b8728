"""What became of each mutant, the score, and the cases that are enough to kill all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kernelproof.records.mutation_run import Status
from kernelproof.selftest.mutation.exchange_messages import KILLING, Answer
from kernelproof.selftest.mutation.kernel_mutants import Planted
from kernelproof.selftest.mutation.mutant_list import Proof


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A mutant's status, and why; `answers` are of the cases that it was run against."""

    planted: Planted
    status: Status
    why: str
    answers: tuple[Answer, ...] = ()

    @property
    def killers(self) -> tuple[Answer, ...]:
        """The cases that show it."""
        return tuple(answer for answer in self.answers if answer.outcome in KILLING)


def judge(
    planted: Planted, answers: Sequence[Answer] | None, *, backend: str, is_reached: bool
) -> Judged:
    """The status of a mutant on a row of this backend; no answers where it was not run."""
    status, why = _status(planted, answers or (), backend, is_reached=is_reached)
    return Judged(planted=planted, status=status, why=why, answers=tuple(answers or ()))


def _status(
    planted: Planted, answers: Sequence[Answer], backend: str, *, is_reached: bool
) -> tuple[Status, str]:
    for answer in answers:
        if answer.outcome == "import":
            return Status.NO_BUILD, answer.reason
        if answer.outcome in KILLING:
            return _killed(planted.proof, answer)
    if excuse := _excuse(planted, backend, is_reached=is_reached):
        return excuse
    if not is_reached:
        return Status.SURVIVED, "no quick case reaches it: add one that does, or a question"
    if short := next((answer for answer in answers if answer.outcome == "memory"), None):
        return Status.SURVIVED, f"{short.case}: {short.reason}; run it with fewer --workers"
    if late := next((answer for answer in answers if answer.outcome == "timeout"), None):
        return Status.TIMED_OUT, f"{late.case}: {late.reason}"
    return Status.SURVIVED, f"{len(answers)} cases pass"


def _killed(proof: Proof | None, answer: Answer) -> tuple[Status, str]:
    if proof and proof.concludes == "equivalent":
        return Status.REFUTED, f"{answer.case}: {answer.reason}; the proof said: {proof.because}"
    return Status.KILLED, f"{answer.case}: {answer.reason}"


def _excuse(planted: Planted, backend: str, *, is_reached: bool) -> tuple[Status, str] | None:
    """Why a mutant that was not killed here need not be."""
    proof = planted.proof
    if proof and proof.concludes == "equivalent":
        return Status.EQUIVALENT, proof.because
    here = {"needs cpu"} if backend == "interpreter" else {"needs gpu", f"needs {backend}"}
    here |= {"no row"} if is_reached else set()
    if proof and proof.concludes not in here:
        return Status.OTHER_ROW, f"{proof.concludes}: {proof.because}"
    if planted.backend not in {None, backend} and not is_reached:
        return Status.OTHER_ROW, f"needs a {planted.backend} row: no other runs it"
    return None


def score(judged: Sequence[Judged]) -> tuple[int, int]:
    """How many are killed, of how many that have to be."""
    killed = sum(one.status == Status.KILLED for one in judged)
    return killed, killed + sum(one.status.blocks for one in judged)


def enough(judged: Sequence[Judged], seconds: Mapping[str, float]) -> tuple[str, ...]:
    """Few cases that kill all that is killed, in the order of `seconds`, each one's time.

    The greedy cover: the case that kills the most of what is left, of equals the quickest; then
    those are dropped again that the others make needless.
    """
    kills: dict[str, set[str]] = {case: set() for case in seconds}
    for one in judged:
        for answer in one.killers if one.status == Status.KILLED else ():
            kills[answer.case].add(one.planted.mutant.id)
    left, chosen = set[str]().union(*kills.values()), list[str]()
    while left:
        best = max(kills, key=lambda case: (len(kills[case] & left), -seconds[case]))
        chosen.append(best)
        left -= kills[best]
    for case in sorted(chosen, key=lambda case: len(kills[case])):
        if kills[case] <= _killed_by([one for one in chosen if one != case], kills):
            chosen.remove(case)
    return tuple(case for case in seconds if case in chosen)


def left_alive(judged: Sequence[Judged], cases: Collection[str]) -> tuple[str, ...]:
    """The killed mutants that none of these cases kills, by their ids."""
    return tuple(
        one.planted.mutant.id
        for one in judged
        if one.status == Status.KILLED and not any(answer.case in cases for answer in one.killers)
    )


def _killed_by(cases: Collection[str], kills: Mapping[str, set[str]]) -> set[str]:
    return set[str]().union(*(kills[case] for case in cases))
