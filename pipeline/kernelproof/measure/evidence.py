"""The evidence of a case: numbers, digests and inputs that its record will hold."""

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
    """The evidence of one case, collected while it runs on `device`.

    `promise` is the kernel's promise at the case's dtype.
    """

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
        """The first 64 bits of the sha256 of the case's key, the same on every row."""
        return int.from_bytes(hashlib.sha256(self.case.key.encode()).digest()[:8], "big")

    def plan_launches(self, distributions: Sequence[str], launches: int) -> None:
        """Notes the distributions of the inputs and the number of launches to come."""
        self.distributions = list(distributions)
        self.numbers["launches"] = launches

    def add_inputs(self, inputs: Inputs) -> None:
        """Adds the tensors among the inputs of a launch to the digest of inputs."""
        for value in inputs.values():
            if isinstance(value, torch.Tensor):
                self.inputs_digest.add(value)

    def add_outputs(self, outputs: Outputs) -> None:
        """Adds the outputs of a launch to the digest of outputs."""
        for output in outputs:
            self.outputs_digest.add(output)

    def add_numbers(self, **numbers: float) -> None:
        """Notes numbers; of two with the same name, the larger one stays."""
        for name, number in numbers.items():
            self.numbers[name] = max(number, self.numbers.get(name, number))
