"""What the page shows of a run of mutants: its counts, and a mutant each, without what repeats."""

from typing import Any

from kernelproof.records.mutation_run import Recorded, Run, Status


def content(run: Run) -> dict[str, Any]:
    """The statuses that block come first; a killer is its place in `cases`, and what it saw."""
    order = sorted(Status, key=lambda status: not status.blocks)
    killers = (killer.case for one in run.mutants for killer in one.killed_by)
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
        "mutants": [_mutant(one, places) for one in run.mutants],
    }


def _mutant(one: Recorded, places: dict[str, int]) -> dict[str, Any]:
    """A killer's reason is left out: the first one's is why the mutant is killed."""
    return {
        **one.model_dump(mode="json", exclude={"killed_by"}),
        "killed_by": [
            [places[killer.case], killer.outcome, killer.distribution] for killer in one.killed_by
        ],
    }
