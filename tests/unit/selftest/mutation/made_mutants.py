"""Mutants and outcomes that tests make up."""

from kernelproof.records.mutation_run import Outcome
from kernelproof.selftest.mutation.mutant import Mutant, TextEdit
from kernelproof.selftest.mutation.mutant_messages import CaseOutcome
from kernelproof.selftest.mutation.mutant_status import MutantVerdict, judge

SOURCE = "def f(a, b):\n    return a + b\n"


def made_mutant(name: str = "kernel.f.arithmetic.1", conclusion: str = "") -> Mutant:
    """Returns a mutant of the toy kernel, with a proof if it is to have one."""
    return Mutant(
        id=name,
        file="kernel.py",
        function="f",
        line=2,
        operator="arithmetic",
        before="+",
        after="-",
        original=SOURCE,
        text=SOURCE.replace("+", "-"),
        edit=TextEdit(start=26, end=27, after="-"),
        place=(2, 11, 2, 16),
        kernel="toy",
        conclusion=conclusion,
        because="so it is" if conclusion else "",
    )


def made_outcomes(**outcomes: Outcome) -> list[CaseOutcome]:
    """Returns the outcomes of cases, by the case's name."""
    return [
        CaseOutcome(case=case, outcome=outcome, reason="9 differ")
        for case, outcome in outcomes.items()
    ]


def made_verdict(name: str = "a", conclusion: str = "", **outcomes: Outcome) -> MutantVerdict:
    """Returns the verdict on the cpu of a mutant that these cases met."""
    mutant = made_mutant(name, conclusion)
    return judge(mutant, made_outcomes(**outcomes), backend="interpreter", is_reached=True)
