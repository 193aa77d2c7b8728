"""Invariance: a row gives the same bits in other company, at other addresses, in other forms."""

from collections.abc import Iterator
from functools import partial

import torch

from kernelproof.checks.parity.row_batch import RowBatch
from kernelproof.measure.comparison import require_same_bits
from kernelproof.spec import Outputs

# Rows that are also launched alone, and the most rows that are launched as a strided view.
_ROWS_ALONE, _MAX_STRIDED_ROWS = 3, 257
# The elements that far rows are spread over: so many that an offset of 32 bits does not reach the
# last row, nor the last 16 of the most rows. The fewest and the most far rows.
_SPAN, _MIN_FAR_ROWS, _MAX_FAR_ROWS = 2**31 + 2**23, 3, 8192
# The fewest rows that have other rows beside them, and a stride.
_PAIR = 2
# Row strides are rounded down to a multiple of this, which keeps rows aligned for any dtype.
_STRIDE_UNIT = 64
# Rows that are launched in other forms.
_FORM_ROWS = 64


def ask_rows_alone(batch: RowBatch, outputs: Outputs) -> None:
    """Requires the same bits of sampled rows alone, and of a view with another row stride."""
    if batch.count < _PAIR:
        return
    samples = _ROWS_ALONE if batch.first == 0 else 1
    numbers = {batch.count * i // samples for i in range(samples)} | {batch.count - 1}
    alone = [slice(number, number + 1) for number in sorted(numbers)]
    step = max(2, -(-batch.count // _MAX_STRIDED_ROWS))
    for rows in (*alone, slice(0, None, step)):
        results = batch.spec.launch(**batch.select(rows))
        _require_rows(batch, rows, results, outputs, origin="the same row in its batch")


def ask_far_rows(batch: RowBatch, outputs: Outputs) -> None:
    """Requires the same bits of rows far apart, in memory of which most is never touched."""
    if batch.count < _MIN_FAR_ROWS:
        return
    memory = {
        name: batch.inputs[name].new_empty(_SPAN + batch.inputs[name][0].numel())
        for name in batch.spec.per_token
    }
    for rows, stride in _far_rows(batch.count):
        inputs = batch.select(rows)
        for name, buffer in memory.items():
            near = inputs[name]
            inputs[name] = buffer.as_strided(near.shape, (stride, *near.stride()[1:])).copy_(near)
        results = batch.spec.launch(**inputs)
        origin = f"rows side by side, {stride:,} elements apart"
        _require_rows(batch, rows, results, outputs, origin=origin)


def _far_rows(count: int) -> Iterator[tuple[slice, int]]:
    """Yields (rows, stride) pairs that spread rows of a batch of `count` over `_SPAN` elements.

    First as many rows as there is a launch setting for; then the last rows, which end where the
    memory ends; then two rows whose stride itself needs more than 32 bits, after a smaller one.
    """
    most = min(count, _MAX_FAR_ROWS)
    yield slice(0, most), _SPAN // (most - 1) // _STRIDE_UNIT * _STRIDE_UNIT
    yield slice(count - _MIN_FAR_ROWS, count), _SPAN // (_MIN_FAR_ROWS - 1)
    yield slice(0, _PAIR), 2**31


def ask_odd_addresses(batch: RowBatch, outputs: Outputs) -> None:
    """Requires the same bits if the first output, or a single input, lies at an odd address.

    The output comes first: a kernel compiled for aligned tensors must not be taken for it. The
    output is asked of many rows, too, for which a kernel may have other launch settings; asking
    the inputs there as well would double the time that a GPU row compiles.
    """
    few, many = (min(most, batch.count) for most in (_MIN_FAR_ROWS, _MAX_FAR_ROWS))
    for count in sorted({few, many}):
        rows = slice(0, count)
        inputs = batch.select(rows)
        first, *rest = (torch.empty_like(output[rows]) for output in outputs)
        odd = {batch.spec.outputs[0].name: {**inputs, "out": (_at_odd_address(first), *rest)}}
        tensors = {name: value for name, value in inputs.items() if torch.is_tensor(value)}
        if count == few:
            odd |= {name: {**inputs, name: _at_odd_address(tensors[name])} for name in tensors}
        for name, arguments in odd.items():
            results = batch.spec.launch(**arguments)
            origin = f"the launch without {name} at an odd address"
            _require_rows(batch, rows, results, outputs, origin=origin)


def _at_odd_address(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a copy that begins one element beyond an address that 16 divides."""
    return tensor.new_empty(tensor.numel() + 1)[1:].view(tensor.shape).copy_(tensor)


def _require_rows(
    batch: RowBatch, rows: slice, results: Outputs, outputs: Outputs, *, origin: str
) -> None:
    """Raises Mismatch unless `results` have the bits of these rows of the batch's outputs."""
    explain = batch.explainer(range(batch.count)[rows])
    for output, result, expected in zip(batch.spec.outputs, results, outputs, strict=True):
        require_same_bits(output.name, result, expected[rows], origin=origin, explain=explain)


def ask_forms(batch: RowBatch) -> None:
    """Requires the bits of the reference for inputs in every other form that the kernel takes."""
    spec = batch.spec
    if not spec.forms or not batch.count:
        return
    for form, inputs in spec.forms(batch.select(slice(0, _FORM_ROWS))):
        explain, origin = partial(spec.explain_row, inputs), f"the reference, of {form}"
        results, expected = spec.launch(**inputs), spec.reference(**inputs)
        for output, result, truth in zip(spec.outputs, results, expected, strict=True):
            require_same_bits(output.name, result, truth, origin=origin, explain=explain)
