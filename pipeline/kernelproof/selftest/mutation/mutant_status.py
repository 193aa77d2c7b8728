"""The status of each mutant, the score, and the cases that suffice to kill all."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kernelproof.records.mutation_run import KillScore, MutantStatus
from kernelproof.selftest.mutation.mutant import Mutant
from kernelproof.selftest.mutation.mutant_messages import CaseOutcome


@dataclass(frozen=True, kw_only=True)
class MutantVerdict:
    """A mutant's status and its reason; `outcomes` are of the cases that the mutant met."""

    mutant: Mutant
    status: MutantStatus
    why: str
    outcomes: tuple[CaseOutcome, ...] = ()

    @property
    def kills(self) -> tuple[CaseOutcome, ...]:
        """Returns the outcomes that show the mutant."""
        return tuple(outcome for outcome in self.outcomes if outcome.is_kill)


def judge(
    mutant: Mutant, outcomes: Sequence[CaseOutcome], *, backend: str, is_reached: bool
) -> MutantVerdict:
    """Returns the verdict of a mutant on a row of this backend, by the cases that it met."""
    status, why = _status(mutant, outcomes, backend, is_reached=is_reached)
    return MutantVerdict(mutant=mutant, status=status, why=why, outcomes=tuple(outcomes))


def _status(
    mutant: Mutant, outcomes: Sequence[CaseOutcome], backend: str, *, is_reached: bool
) -> tuple[MutantStatus, str]:
    # A kill shows the mutant, whatever a proof says.
    for outcome in outcomes:
        if outcome.outcome == "import":
            return MutantStatus.NO_BUILD, outcome.reason
        if outcome.is_kill:
            return _killed(mutant, f"{outcome.case}: {outcome.reason}")
    # A survivor needs an excuse, or it blocks, with the first reason why nothing was seen.
    if excuse := _excuse(mutant, backend, is_reached=is_reached):
        return excuse
    if not is_reached:
        return MutantStatus.SURVIVED, "no quick case reaches it: add one that does, or a question"
    first = {outcome.outcome: outcome for outcome in reversed(outcomes)}
    if short := first.get("memory"):
        why = f"{short.case}: {short.reason}; run it with fewer --workers"
        return MutantStatus.SURVIVED, why
    if late := first.get("timeout"):
        return MutantStatus.TIMED_OUT, f"{late.case}: {late.reason}"
    return MutantStatus.SURVIVED, f"{len(outcomes)} cases pass"


def _killed(mutant: Mutant, why: str) -> tuple[MutantStatus, str]:
    if mutant.conclusion == "equivalent":
        return MutantStatus.REFUTED, f"{why}; the proof said: {mutant.because}"
    return MutantStatus.KILLED, why


def _excuse(mutant: Mutant, backend: str, *, is_reached: bool) -> tuple[MutantStatus, str] | None:
    """Returns why a mutant that was not killed here need not be, or None."""
    if mutant.conclusion == "equivalent":
        return MutantStatus.EQUIVALENT, mutant.because
    here = {"needs cpu"} if backend == "interpreter" else {"needs gpu", f"needs {backend}"}
    here |= {"no row"} if is_reached else set()
    if mutant.conclusion and mutant.conclusion not in here:
        return MutantStatus.OTHER_ROW, f"{mutant.conclusion}: {mutant.because}"
    if mutant.backend not in {None, backend} and not is_reached:
        return MutantStatus.OTHER_ROW, f"needs a {mutant.backend} row: no other runs it"
    return None


def score(verdicts: Sequence[MutantVerdict]) -> KillScore:
    """Returns how many are killed, of how many that have to be."""
    killed = sum(verdict.status == MutantStatus.KILLED for verdict in verdicts)
    return KillScore(killed=killed, of=killed + sum(verdict.status.blocks for verdict in verdicts))


def minimal_cases(
    verdicts: Sequence[MutantVerdict], seconds: Mapping[str, float]
) -> tuple[str, ...]:
    """Returns few cases that kill all that is killed, in the order of `seconds`, the time of each.

    The greedy cover takes the case that kills most of what is left, the quickest of equals; then
    it drops the cases that the others make needless.
    """
    kills: dict[str, set[str]] = {case: set() for case in seconds}
    for verdict in verdicts:
        for outcome in verdict.kills if verdict.status == MutantStatus.KILLED else ():
            kills[outcome.case].add(verdict.mutant.id)
    # Choose cases until they kill all.
    left, chosen = set[str]().union(*kills.values()), list[str]()
    while left:
        best = max(kills, key=lambda case: (len(kills[case] & left), -seconds[case]))
        chosen.append(best)
        left -= kills[best]
    # Drop the needless, those first that kill least.
    for case in sorted(chosen, key=lambda case: len(kills[case])):
        if kills[case] <= _killed_by([name for name in chosen if name != case], kills):
            chosen.remove(case)
    return tuple(case for case in seconds if case in chosen)


def left_alive(verdicts: Sequence[MutantVerdict], cases: Collection[str]) -> tuple[str, ...]:
    """Returns the ids of the killed mutants that none of these cases kills."""
    return tuple(
        verdict.mutant.id
        for verdict in verdicts
        if verdict.status == MutantStatus.KILLED
        and not any(outcome.case in cases for outcome in verdict.kills)
    )


def _killed_by(cases: Collection[str], kills: Mapping[str, set[str]]) -> set[str]:
    return set[str]().union(*(kills[case] for case in cases))
