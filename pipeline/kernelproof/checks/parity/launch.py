"""Some rows of a case, in one launch."""

from collections.abc import Callable
from dataclasses import dataclass

from kernelproof.spec import Inputs, Spec


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Some rows of a case, in one launch: its inputs, and words for its rows."""

    spec: Spec
    inputs: Inputs
    first: int
    count: int

    def rows(self, rows: slice) -> Inputs:
        """The inputs of some of its rows."""
        tensors = {name: self.inputs[name][rows] for name in self.spec.per_token}
        return {**self.inputs, **tensors}

    def explain_of(self, numbers: range) -> Callable[[int], str]:
        """Words for the n-th of some rows."""
        return lambda n: self.explain(numbers[n])

    def explain(self, row: int) -> str:
        """One row: its number, its distribution, and what it holds."""
        names = self.spec.distributions
        distribution = names[(self.first + row) % len(names)]
        return f"row {row} ({distribution}): {self.spec.explain_row(self.inputs, row)}"
