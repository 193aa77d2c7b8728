"""Parity: does each kernel still give the right bits? A case's rows carry every distribution."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import torch

from kernels import InputRows, Inputs, KernelSpec, Outputs
from pipeline.accesses import only_arguments
from pipeline.cases import Case
from pipeline.compare import (
    Mismatch,
    bits_of,
    require_bits,
    require_within,
    ulp_distance,
)
from pipeline.guard import GuardedOutputs
from pipeline.launches import counted
from pipeline.vocabulary import DTYPES
from tests.cells.evidence import Evidence

# Rows compared at once: bounds the memory of the reference and of the oracle.
_CHUNK = 2**20
# Rows whose distance from the plain formulation is asked, the first of a launch.
_AGREEMENT_ROWS = 16_384
# Rows that are also launched alone, and the most that are launched as a strided view.
_ALONE, _STRIDED = 3, 257
# Elements from the first to the last of rows that are launched far apart: so many that an offset in
# 32 bits does not reach the last, of the most of them the last 16; the fewest and the most of them.
_SPAN, _FAR, _MANY = 2**31 + 2**23, 3, 8192
# Rows that are launched in other forms.
_FORMED = 64


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Some rows of a case, in one launch: its inputs, and words for its rows."""

    spec: KernelSpec
    inputs: Inputs
    first: int
    count: int

    def rows(self, rows: slice) -> Inputs:
        """The inputs of some of its rows."""
        tensors = {name: self.inputs[name][rows] for name in self.spec.per_token}
        return {**self.inputs, **tensors}

    def explain(self, row: int) -> str:
        """One row: its number, its distribution, and what it holds."""
        names = self.spec.distributions
        distribution = names[(self.first + row) % len(names)]
        return f"row {row} ({distribution}): {self.spec.explain_row(self.inputs, row)}"


def test_parity(case: Case, evidence: Evidence) -> None:
    """Every question of the check, for every launch of the case."""
    spec: KernelSpec = import_module(f"kernels.{case.kernel}").SPEC
    with only_arguments(spec.jitted):
        for launch in _launches(case, spec, evidence):
            outputs = _outputs_of_one_launch(case, launch, evidence)
            _ask_reference_and_oracle(launch, outputs, evidence)
            _ask_agreement(launch, outputs)
            _ask_rows_alone(launch, outputs)
            if launch.first == 0:
                _ask_far_rows(launch, outputs)
                _ask_an_odd_output(launch, outputs)
                _ask_forms(launch)
            evidence.saw(outputs)


def _launches(case: Case, spec: KernelSpec, evidence: Evidence) -> Iterator[Launch]:
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


def _ask_form(case: Case, spec: KernelSpec, outputs: Outputs, device: torch.device) -> None:
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
        explain = partial(_explain_nth, launch, range(start, launch.count))
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


def _explain_nth(launch: Launch, rows: range, n: int) -> str:
    """The n-th of some rows."""
    return launch.explain(rows[n])


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


def _ask_rows_alone(launch: Launch, outputs: Outputs) -> None:
    """Sampled rows launched alone, and as a view with another row stride, give the same bits."""
    if launch.count < 2:
        return
    number = _ALONE if launch.first == 0 else 1
    sampled = {launch.count * i // number for i in range(number)} | {launch.count - 1}
    slices = [slice(row, row + 1) for row in sorted(sampled)]
    step = max(2, -(-launch.count // _STRIDED))
    for rows in (*slices, slice(0, None, step)):
        alone = launch.spec.launch(**launch.rows(rows))
        numbers = range(launch.count)[rows]
        for output, one, batch in zip(launch.spec.outputs, alone, outputs, strict=True):
            require_bits(
                output.name,
                one,
                batch[rows],
                of="the same row in its batch",
                explain=partial(_explain_nth, launch, numbers),
            )


def _ask_far_rows(launch: Launch, outputs: Outputs) -> None:
    """Rows far apart, in memory that is mostly never touched, give the same bits."""
    if launch.count < _FAR:
        return
    memory = {
        name: launch.inputs[name].new_empty(_SPAN + launch.inputs[name][0].numel())
        for name in launch.spec.per_token
    }
    for rows, apart in _far(launch.count):
        inputs, numbers = launch.rows(rows), range(launch.count)[rows]
        for name, place in memory.items():
            near = inputs[name]
            far = place.as_strided(near.shape, (apart, *near.stride()[1:]))
            inputs[name] = far.copy_(near)
        found = launch.spec.launch(**inputs)
        for output, one, near in zip(launch.spec.outputs, found, outputs, strict=True):
            of = f"rows side by side, {apart:,} elements apart"
            explain = partial(_explain_nth, launch, numbers)
            require_bits(output.name, one, near[rows], of=of, explain=explain)


def _far(count: int) -> Iterator[tuple[slice, int]]:
    """Some of so many rows, and how many elements apart, within `_SPAN`.

    As many as there is a launch setting for; the last, beyond which no memory is; and two whose
    stride itself needs more than 32 bits, after one that does not.
    """
    many = min(count, _MANY)
    yield slice(0, many), _SPAN // (many - 1) // 64 * 64
    yield slice(count - _FAR, count), _SPAN // (_FAR - 1)
    yield slice(0, 2), 2**31


def _ask_an_odd_output(launch: Launch, outputs: Outputs) -> None:
    """The same bits where the first output alone is at an odd address."""
    first, *others = (torch.empty_like(output[:_FORMED]) for output in outputs)
    odd = first.new_empty(first.numel() + 1)[1:].view_as(first)
    found = launch.spec.launch(**launch.rows(slice(0, _FORMED)), out=(odd, *others))
    for output, one, batch in zip(launch.spec.outputs, found, outputs, strict=True):
        of = "the launch with all outputs aligned"
        require_bits(output.name, one, batch[:_FORMED], of=of, explain=launch.explain)


def _ask_forms(launch: Launch) -> None:
    """The reference's bits of inputs in the other forms that the kernel takes."""
    spec = launch.spec
    if not spec.forms or not launch.count:
        return
    for form, inputs in spec.forms(launch.rows(slice(0, _FORMED))):
        explain = partial(spec.explain_row, inputs)
        found, expected = spec.launch(**inputs), spec.reference(**inputs)
        for output, one, wanted in zip(spec.outputs, found, expected, strict=True):
            of = f"the reference, of {form}"
            require_bits(output.name, one, wanted, of=of, explain=explain)
