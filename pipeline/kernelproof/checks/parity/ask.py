"""The parity check of one case: launches its rows and raises Mismatch at the first wrong answer.

The rows of a case carry every distribution of the kernel's inputs.
"""

from collections.abc import Iterator

import torch

from kernelproof.checks.parity import invariance
from kernelproof.checks.parity.row_batch import RowBatch
from kernelproof.measure.comparison import (
    Mismatch,
    bits_of,
    require_same_bits,
    require_within,
    ulp_distance,
)
from kernelproof.measure.evidence import Evidence
from kernelproof.measure.guarded_outputs import GuardedOutputs
from kernelproof.measure.launch_capture import count_launches
from kernelproof.measure.memory_watch import watch_memory
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.spec import InputRows, Outputs, Spec

# The most rows compared at once, which bounds the memory of the reference and of the oracle.
_CHUNK = 2**20
# The first rows of a launch, whose distance from the plain formulation is asked.
_AGREEMENT_ROWS = 16_384


def ask(case: Case, evidence: Evidence) -> None:
    """Asks every question of the check, of every launch of the case."""
    spec = spec_of(case.kernel)
    with watch_memory(spec.jitted):
        for batch in _batches(case, spec, evidence):
            outputs = _launch_guarded(case, batch, evidence)
            _ask_reference_and_oracle(batch, outputs, evidence)
            _ask_agreement(batch, outputs)
            invariance.ask_rows_alone(batch, outputs)
            if batch.first == 0:
                invariance.ask_far_rows(batch, outputs)
                invariance.ask_odd_addresses(batch, outputs)
                invariance.ask_forms(batch)
            evidence.add_outputs(outputs)


def _batches(case: Case, spec: Spec, evidence: Evidence) -> Iterator[RowBatch]:
    """Yields batches of T rows, as many as the rows need to meet every distribution."""
    shape = dict(case.shape)
    count = shape["T"]
    batches = max(1, -(-len(spec.distributions) // count)) if count else 1
    evidence.plan_launches(spec.distributions, batches)
    dtype = getattr(torch, DTYPES[case.dtype])
    for number in range(batches):
        rows = InputRows(
            seed=evidence.seed,
            shape=shape,
            dtype=dtype,
            device=evidence.device,
            first=number * count,
            count=count,
        )
        inputs = spec.make_inputs(rows)
        evidence.add_inputs(inputs)
        yield RowBatch(spec=spec, inputs=inputs, first=rows.first, count=count)


def _launch_guarded(case: Case, batch: RowBatch, evidence: Evidence) -> Outputs:
    """Returns the outputs of a guarded launch, after the questions that need no reference."""
    spec, inputs = batch.spec, batch.inputs
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    guarded = GuardedOutputs(spec.outputs, dict(case.shape), evidence.device)
    with count_launches(spec.jitted) as launches:
        spec.launch(**inputs, out=guarded.tensors)
    # The Triton kernel was launched once, stored every row and nothing else, and left its inputs.
    expected = min(1, batch.count)
    if launches.total() != expected:
        message = f"launches: found {launches.total()} of the Triton kernel, expected {expected}"
        raise Mismatch(message)
    guarded.check()
    for name, tensor in before.items():
        if not torch.equal(bits_of(tensor), bits_of(tensors[name])):
            message = f"purity: found {name} changed by the launch, expected it as it was"
            raise Mismatch(message)
    # A second run, into outputs that the launcher allocates, gives the same bits.
    again = spec.launch(**inputs)
    _ask_form(case, spec, again, evidence.device)
    for output, first, second in zip(spec.outputs, guarded.tensors, again, strict=True):
        origin = "the first of two runs"
        require_same_bits(output.name, second, first, origin=origin, explain=batch.explain)
    return guarded.tensors


def _ask_form(case: Case, spec: Spec, outputs: Outputs, device: torch.device) -> None:
    """Raises Mismatch if outputs of the launcher's own have another form than `spec` says."""
    for output, tensor in zip(spec.outputs, outputs, strict=True):
        shape = tuple(dict(case.shape)[axis] for axis in output.axes)
        strides = torch.empty(shape, device="meta").stride()
        expected = (output.dtype, shape, strides, device)
        found = (tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.device)
        if found != expected:
            message = f"form: {output.name}: found {found}, expected {expected}"
            raise Mismatch(message)


def _ask_reference_and_oracle(batch: RowBatch, outputs: Outputs, evidence: Evidence) -> None:
    """Requires all bits of the reference, and floats within the promised units of the oracle."""
    specs = batch.spec.outputs
    # Integers first: if the wrong experts are chosen, wrong weights are only a consequence.
    order = sorted(range(len(specs)), key=lambda i: specs[i].dtype.is_floating_point)
    for start in range(0, batch.count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        explain = batch.explainer(range(start, batch.count))
        expected = batch.spec.reference(**batch.select(rows))
        truth = batch.spec.oracle(**batch.select(rows))
        for i in order:
            name, output = specs[i].name, outputs[i][rows]
            require_same_bits(name, output, expected[i], origin="the reference", explain=explain)
            if not output.is_floating_point():
                require_same_bits(name, output, truth[i], origin="the oracle", explain=explain)
                continue
            distance = ulp_distance(output, truth[i])
            evidence.add_numbers(max_ulp=distance.max().item())
            bound = evidence.promise.max_ulp
            require_within(f"{name} (ulp)", distance, bound, origin="the oracle", explain=explain)


def _ask_agreement(batch: RowBatch, outputs: Outputs) -> None:
    """Requires the plain formulation in the input's dtype, within the bound of the kernel."""
    rows = slice(0, min(batch.count, _AGREEMENT_ROWS))
    first_outputs = tuple(output[rows] for output in outputs)
    distance, bound = batch.spec.agreement(**batch.select(rows), outputs=first_outputs)
    require_within(
        "the output",
        distance,
        bound,
        origin="the plain formulation",
        explain=lambda row: f"comparable row {row}",
    )
