"""The launches of one case, with memory that a tool can tell apart, and what became of them."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from kernelproof.measure.comparison import Mismatch, require_same_bits
from kernelproof.measure.launch_capture import count_launches
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.selftest.sanitize.case_answer import Answer
from kernelproof.spec import InputRows, Inputs, Spec

# Cases of at most so many rows are launched in the other forms of their inputs, too.
_FORMED = 64


def answer(case: Case, seed: int, device: torch.device) -> Answer:
    """What became of a case: the reference's bits of every launch, or what was wrong."""
    spec = spec_of(case.kernel)
    outcome, reason, asked = "pass", "", 0
    with count_launches(spec.jitted) as launched:
        try:
            for form, inputs in _inputs(case, seed, spec):
                asked += 1
                _ask(spec, inputs, form, device)
                if launched.total() != asked:
                    found = f"found {launched.total()} of the Triton kernel, expected {asked}"
                    raise Mismatch(f"launches: {found}")  # noqa: TRY301  (told as the others are)
        except Mismatch as mismatch:
            outcome, reason = "fail", str(mismatch)
        except Exception as error:  # noqa: BLE001  (a kernel's own, of any kind; told)
            outcome, reason = "error", f"{type(error).__name__}: {error}"
    answered = {"case": case.id, "outcome": outcome, "reason": reason.strip()}
    return Answer.model_validate({**answered, "launches": launched.total()})


def _inputs(case: Case, seed: int, spec: Spec) -> Iterator[tuple[str, Inputs]]:
    """As many inputs as it takes to meet every distribution, with words for each; on the host."""
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
        if draw == 0 and count <= _FORMED:
            every_second = {name: inputs[name][::2] for name in spec.per_token}
            yield "every second row", {**inputs, **every_second}
            yield from spec.forms(inputs) if spec.forms else ()


def _ask(spec: Spec, inputs: Inputs, form: str, device: torch.device) -> None:
    """Launches the kernel into outputs that nobody has written, and compares all of their bits."""
    expected = spec.reference(**inputs)
    there = {name: _placed(value, device) for name, value in inputs.items()}
    out = tuple(torch.empty_like(one, device=device) for one in expected)
    spec.launch(**there, out=out)
    explain = partial(spec.explain_row, inputs)
    for output, found, wanted in zip(spec.outputs, out, expected, strict=True):
        of = f"the reference, of {form}"
        require_same_bits(output.name, found.cpu(), wanted, origin=of, explain=explain)


def _placed(value: object, device: torch.device) -> object:
    """A tensor on the device, in memory of which nothing but its own values has been written."""
    if not isinstance(value, Tensor):
        return value
    steps = ((size - 1) * stride for size, stride in zip(value.shape, value.stride(), strict=True))
    length = value.storage_offset() + 1 + sum(steps) if value.numel() else 0
    memory = torch.empty(length, dtype=value.dtype, device=device)
    return memory.as_strided(value.shape, value.stride(), value.storage_offset()).copy_(value)
