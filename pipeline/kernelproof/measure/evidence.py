"""What a case leaves behind while it runs: numbers, digests, and how its inputs came about."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from kernelproof.measure.digest import Digest
from kernelproof.plan.cases import Case
from kernelproof.plan.schema import Promise
from kernelproof.records.timing import CaseTiming
from kernelproof.spec import Inputs, Outputs


@dataclass(kw_only=True)
class Evidence:
    """One case's evidence; `promise` is what the kernel holds at the case's dtype."""

    case: Case
    device: torch.device
    promise: Promise
    timing: CaseTiming | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    distributions: list[str] = field(default_factory=list)
    outputs_digest: Digest = field(default_factory=Digest)
    inputs_digest: Digest = field(default_factory=Digest)

    @property
    def seed(self) -> int:
        """64 bits of the sha256 of the case's key: the same on every row."""
        return int.from_bytes(hashlib.sha256(self.case.key.encode()).digest()[:8], "big")

    def will_see(self, distributions: Sequence[str], launches: int) -> None:
        """Notes the distributions of the inputs and the number of launches."""
        self.distributions = list(distributions)
        self.numbers["launches"] = launches

    def fed(self, inputs: Inputs) -> None:
        """Notes the inputs of a launch."""
        for value in inputs.values():
            if isinstance(value, torch.Tensor):
                self.inputs_digest.add(value)

    def saw(self, outputs: Outputs) -> None:
        """Notes the outputs of a launch."""
        for output in outputs:
            self.outputs_digest.add(output)

    def measured(self, **numbers: float) -> None:
        """Notes numbers, the largest of each name."""
        for name, number in numbers.items():
            self.numbers[name] = max(number, self.numbers.get(name, number))
