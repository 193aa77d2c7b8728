"""Parity: does each kernel still give the right bits? A case's rows carry every distribution."""

from collections.abc import Iterator

import torch

from kernelproof.checks.parity import invariance
from kernelproof.checks.parity.launch import Launch
from kernelproof.measure.comparison import (
    Mismatch,
    bits_of,
    require_bits,
    require_within,
    ulp_distance,
)
from kernelproof.measure.evidence import Evidence
from kernelproof.measure.guarded_outputs import GuardedOutputs
from kernelproof.measure.launch_capture import counted
from kernelproof.measure.memory_watch import only_arguments
from kernelproof.measure.proof_import import spec_of
from kernelproof.plan.cases import Case
from kernelproof.plan.value_types import DTYPES
from kernelproof.spec import InputRows, Outputs, Spec

# Rows compared at once: bounds the memory of the reference and of the oracle.
_CHUNK = 2**20
# Rows whose distance from the plain formulation is asked, the first of a launch.
_AGREEMENT_ROWS = 16_384


def ask(case: Case, evidence: Evidence) -> None:
    """Every question of the check, for every launch of the case."""
    spec = spec_of(case.kernel)
    with only_arguments(spec.jitted):
        for launch in _launches(case, spec, evidence):
            outputs = _outputs_of_one_launch(case, launch, evidence)
            _ask_reference_and_oracle(launch, outputs, evidence)
            _ask_agreement(launch, outputs)
            invariance.ask_rows_alone(launch, outputs)
            if launch.first == 0:
                invariance.ask_far_rows(launch, outputs)
                invariance.ask_odd_addresses(launch, outputs)
                invariance.ask_forms(launch)
            evidence.saw(outputs)


def _launches(case: Case, spec: Spec, evidence: Evidence) -> Iterator[Launch]:
    """As many launches as it takes for the case's rows to meet every distribution."""
    shape = dict(case.shape)
    count = shape["T"]
    draws = max(1, -(-len(spec.distributions) // count)) if count else 1
    evidence.will_see(spec.distributions, draws)
    dtype = getattr(torch, DTYPES[case.dtype])
    for draw in range(draws):
        rows = InputRows(
            seed=evidence.seed,
            shape=shape,
            dtype=dtype,
            device=evidence.device,
            first=draw * count,
            count=count,
        )
        inputs = spec.make_inputs(rows)
        evidence.fed(inputs)
        yield Launch(spec=spec, inputs=inputs, first=rows.first, count=count)


def _outputs_of_one_launch(case: Case, launch: Launch, evidence: Evidence) -> Outputs:
    """Outputs of a guarded launch, after asking of it what needs no reference."""
    spec, inputs = launch.spec, launch.inputs
    tensors = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    guarded = GuardedOutputs(spec.outputs, dict(case.shape), evidence.device)
    with counted(spec.jitted) as launched:
        spec.launch(**inputs, out=guarded.tensors)
    expected = min(1, launch.count)
    if launched.total() != expected:
        message = f"launches: found {launched.total()} of the Triton kernel, expected {expected}"
        raise Mismatch(message)
    guarded.check()
    for name, tensor in before.items():
        if not torch.equal(bits_of(tensor), bits_of(tensors[name])):
            message = f"purity: found {name} changed by the launch, expected it as it was"
            raise Mismatch(message)
    again = spec.launch(**inputs)
    _ask_form(case, spec, again, evidence.device)
    for output, one, two in zip(spec.outputs, guarded.tensors, again, strict=True):
        require_bits(output.name, two, one, of="the first of two runs", explain=launch.explain)
    return guarded.tensors


def _ask_form(case: Case, spec: Spec, outputs: Outputs, device: torch.device) -> None:
    """Outputs that the kernel allocates itself: dtype, shape, strides, device."""
    for output, tensor in zip(spec.outputs, outputs, strict=True):
        shape = tuple(dict(case.shape)[axis] for axis in output.axes)
        strides = torch.empty(shape, device="meta").stride()
        wanted = (output.dtype, shape, strides, device)
        found = (tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.device)
        if found != wanted:
            message = f"form: {output.name}: found {found}, expected {wanted}"
            raise Mismatch(message)


def _ask_reference_and_oracle(launch: Launch, outputs: Outputs, evidence: Evidence) -> None:
    """The reference's bits, all of them; floats within the promised distance of the truth."""
    specs = launch.spec.outputs
    # Integers first: where the wrong experts are chosen, their weights are only a consequence.
    order = sorted(range(len(specs)), key=lambda i: specs[i].dtype.is_floating_point)
    for start in range(0, launch.count, _CHUNK):
        rows = slice(start, start + _CHUNK)
        explain = launch.explain_of(range(start, launch.count))
        expected = launch.spec.reference(**launch.rows(rows))
        truth = launch.spec.oracle(**launch.rows(rows))
        for i in order:
            name, found = specs[i].name, outputs[i][rows]
            require_bits(name, found, expected[i], of="the reference", explain=explain)
            if not found.is_floating_point():
                require_bits(name, found, truth[i], of="the oracle", explain=explain)
                continue
            distance = ulp_distance(found, truth[i])
            evidence.measured(max_ulp=distance.max().item())
            bound = evidence.promise.max_ulp
            require_within(f"{name} (ulp)", distance, bound, of="the oracle", explain=explain)


def _ask_agreement(launch: Launch, outputs: Outputs) -> None:
    """The plain formulation in the input's dtype, within the bound that the kernel derives."""
    rows = slice(0, min(launch.count, _AGREEMENT_ROWS))
    ours = tuple(output[rows] for output in outputs)
    distance, bound = launch.spec.agreement(**launch.rows(rows), outputs=ours)
    require_within(
        "the output",
        distance,
        bound,
        of="the plain formulation",
        explain=lambda row: f"comparable row {row}",
    )
