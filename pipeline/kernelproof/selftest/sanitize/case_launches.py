"""The launches of one case, each tensor in memory of its own, and their outcome."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from kernelproof.measure.comparison import Mismatch, require_same_bits
from kernelproof.measure.launch_capture import count_launches
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.selftest.sanitize.tool_run import CaseAnswer
from kernelproof.spec import InputRows, Inputs, Spec

# Cases of at most this many rows are launched with the other forms of their inputs, too.
_MOST_ROWS_IN_FORMS = 64


def answer(case: Case, seed: int, device: torch.device) -> CaseAnswer:
    """Launches a case; its outcome is a pass if every launch has the bits of the reference."""
    spec = spec_of(case.kernel)
    outcome, reason, expected = "pass", "", 0
    with count_launches(spec.jitted) as launches:
        try:
            for form, inputs in _inputs(case, seed, spec):
                expected += 1
                _launch_and_compare(spec, inputs, form, device)
                if launches.total() != expected:
                    count = f"found {launches.total()} of the Triton kernel, expected {expected}"
                    raise Mismatch(f"launches: {count}")  # noqa: TRY301  (reported as the others)
        except Mismatch as mismatch:
            outcome, reason = "fail", str(mismatch)
        except Exception as error:  # noqa: BLE001  (the kernel's own, of any kind; reported)
            outcome, reason = "error", f"{type(error).__name__}: {error}"
    fields = {"case": case.id, "outcome": outcome, "reason": reason.strip()}
    return CaseAnswer.model_validate({**fields, "launches": launches.total()})


def _inputs(case: Case, seed: int, spec: Spec) -> Iterator[tuple[str, Inputs]]:
    """Yields inputs on the host, each with its form, until every distribution was drawn."""
    shape, host = dict(case.shape), torch.device("cpu")
    count = shape["T"]
    for draw in range(max(1, -(-len(spec.distributions) // count))):
        rows = InputRows(
            seed=seed,
            shape=shape,
            dtype=getattr(torch, DTYPES[case.dtype]),
            device=host,
            first=draw * count,
            count=count,
        )
        inputs = spec.make_inputs(rows)
        yield f"rows from {rows.first} on", inputs
        if draw == 0 and count <= _MOST_ROWS_IN_FORMS:
            every_second = {name: inputs[name][::2] for name in spec.per_token}
            yield "every second row", {**inputs, **every_second}
            yield from spec.forms(inputs) if spec.forms else ()


def _launch_and_compare(spec: Spec, inputs: Inputs, form: str, device: torch.device) -> None:
    """Launches the kernel into unwritten outputs; raises Mismatch unless all bits are right."""
    references = spec.reference(**inputs)
    placed = {name: _placed(value, device) for name, value in inputs.items()}
    outputs = tuple(torch.empty_like(reference, device=device) for reference in references)
    spec.launch(**placed, out=outputs)
    explain = partial(spec.explain_row, inputs)
    for declared, output, reference in zip(spec.outputs, outputs, references, strict=True):
        origin = f"the reference, of {form}"
        require_same_bits(declared.name, output.cpu(), reference, origin=origin, explain=explain)


def _placed(value: object, device: torch.device) -> object:
    """Returns a tensor on the device, in memory that has been written at its own values alone.

    The strides and the offset stay; the memory ends with the last value.
    """
    if not isinstance(value, Tensor):
        return value
    distances = (
        (size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True)
    )
    length = value.storage_offset() + 1 + sum(distances) if value.numel() else 0
    memory = torch.empty(length, dtype=value.dtype, device=device)
    return memory.as_strided(value.shape, value.stride(), value.storage_offset()).copy_(value)
