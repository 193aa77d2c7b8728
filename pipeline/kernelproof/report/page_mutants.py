"""The page's content of a mutation run: its counts, and each mutant without what repeats."""

from typing import Any

from kernelproof.records.mutation_run import MutantRecord, MutantStatus, MutationRun


def content(run: MutationRun) -> dict[str, Any]:
    """Returns the run with the blocking statuses first; its mutants name cases by their place."""
    order = sorted(MutantStatus, key=lambda status: not status.blocks)
    killers = (killer.case for mutant in run.mutants for killer in mutant.killed_by)
    cases = list(dict.fromkeys([*run.cases, *killers]))
    places = {case: place for place, case in enumerate(cases)}
    return {
        **run.model_dump(exclude={"version", "statuses", "mutants"}),
        "cases": cases,
        "statuses": [
            {"status": status, "count": run.statuses[status], "blocks": status.blocks}
            for status in order
            if run.statuses.get(status)
        ],
        "mutants": [_mutant(mutant, places) for mutant in run.mutants],
    }


def _mutant(mutant: MutantRecord, places: dict[str, int]) -> dict[str, Any]:
    """Returns a mutant without the reasons of its killers: `why` has the first one's."""
    return {
        **mutant.model_dump(mode="json", exclude={"killed_by"}),
        "killed_by": [
            [places[killer.case], killer.outcome, killer.distribution]
            for killer in mutant.killed_by
        ],
    }
