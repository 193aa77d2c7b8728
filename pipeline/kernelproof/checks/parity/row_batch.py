"""A batch of rows of a case: the inputs of one launch, and words for its rows."""

from collections.abc import Callable
from dataclasses import dataclass

from kernelproof.spec import Inputs, Spec


@dataclass(frozen=True, kw_only=True)
class RowBatch:
    """Rows of a case that one launch takes: `count` of them, from row `first` of the case on."""

    spec: Spec
    inputs: Inputs
    first: int
    count: int

    def select(self, rows: slice) -> Inputs:
        """Returns the inputs of some rows of the batch."""
        tensors = {name: self.inputs[name][rows] for name in self.spec.per_token}
        return {**self.inputs, **tensors}

    def explain(self, row: int) -> str:
        """Returns a row's number in the batch, its distribution and its inputs in words."""
        names = self.spec.distributions
        distribution = names[(self.first + row) % len(names)]
        return f"row {row} ({distribution}): {self.spec.explain_row(self.inputs, row)}"

    def explainer(self, numbers: range) -> Callable[[int], str]:
        """Returns a function that explains row ``numbers[n]`` of the batch, given n."""
        return lambda n: self.explain(numbers[n])
