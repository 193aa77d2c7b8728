"""The same rows in other company, at other places in memory, in other forms: the same bits."""

from collections.abc import Iterator, Sequence
from functools import partial

import torch

from kernelproof.checks.parity.launch import Launch
from kernelproof.measure.comparison import require_bits
from kernelproof.spec import Inputs, Outputs

# Rows that are also launched alone, and the most that are launched as a strided view.
_ALONE, _STRIDED = 3, 257
# Elements from the first to the last of rows that are launched far apart: so many that an offset in
# 32 bits does not reach the last, of the most of them the last 16; the fewest and the most of them.
_SPAN, _FAR, _MANY = 2**31 + 2**23, 3, 8192
# Rows that are launched in other forms.
_FORMED = 64


def ask_rows_alone(launch: Launch, outputs: Outputs) -> None:
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
                explain=launch.explain_of(numbers),
            )


def ask_far_rows(launch: Launch, outputs: Outputs) -> None:
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
            explain = launch.explain_of(numbers)
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


def ask_odd_addresses(launch: Launch, outputs: Outputs) -> None:
    """Requires the same bits if a single output, or a single input, lies at an odd address.

    Outputs come first: a kernel compiled for aligned tensors must not be taken for them. Asked of a
    few rows and of many, since a kernel may have other launch settings for many.
    """
    for count in sorted({min(_FAR, launch.count), min(_MANY, launch.count)}):
        rows = slice(0, count)
        inputs = launch.rows(rows)
        for name, arguments in _with_one_odd(launch, inputs, [output[rows] for output in outputs]):
            results = launch.spec.launch(**arguments)
            for output, result, batch in zip(launch.spec.outputs, results, outputs, strict=True):
                of = f"the launch without {name} at an odd address"
                require_bits(output.name, result, batch[rows], of=of, explain=launch.explain)


def _with_one_odd(
    launch: Launch, inputs: Inputs, like: Sequence[torch.Tensor]
) -> Iterator[tuple[str, Inputs]]:
    """Yields the name of each output and tensor input, with arguments where it alone is odd."""
    for number, output in enumerate(launch.spec.outputs):
        buffers = [torch.empty_like(tensor) for tensor in like]
        buffers[number] = _at_odd_address(buffers[number])
        yield output.name, {**inputs, "out": tuple(buffers)}
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor):
            yield name, {**inputs, name: _at_odd_address(value)}


def _at_odd_address(tensor: torch.Tensor) -> torch.Tensor:
    """A copy, one element beyond an address that 16 divides."""
    return tensor.new_empty(tensor.numel() + 1)[1:].view(tensor.shape).copy_(tensor)


def ask_forms(launch: Launch) -> None:
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
