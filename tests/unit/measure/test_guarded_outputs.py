"""Guarded outputs: poisoned to begin with, and a stray byte on either side is told."""

import pytest
import torch
import triton

from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.guarded_outputs import GuardedOutputs
from kernelproof.spec import Output

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
OUTPUTS = (
    Output(name="topk_weights", axes=("T", "K"), dtype=torch.float32),
    Output(name="topk_ids", axes=("T", "K"), dtype=torch.int32),
    Output(name="flags", axes=("T",), dtype=torch.bfloat16),
)


def guarded_outputs(num_tokens: int = 5) -> GuardedOutputs:
    """Three outputs of several dtypes and axes."""
    return GuardedOutputs(OUTPUTS, {"T": num_tokens, "K": 3, "E": 7}, DEVICE)


def test_outputs_are_contiguous_and_of_their_form() -> None:
    """Shapes by the axes' names, dtypes as asked, on the device, aligned for any vector."""
    tensors = guarded_outputs().tensors
    assert [tuple(tensor.shape) for tensor in tensors] == [(5, 3), (5, 3), (5,)]
    assert [tensor.dtype for tensor in tensors] == [torch.float32, torch.int32, torch.bfloat16]
    assert all(tensor.is_contiguous() for tensor in tensors)
    assert all(tensor.device.type == DEVICE.type for tensor in tensors)
    assert all(tensor.data_ptr() % 16 == 0 for tensor in tensors)


def test_what_is_not_stored_shows() -> None:
    """The poison is no weight and no id."""
    weights, ids, _ = guarded_outputs().tensors
    assert weights.flatten().tolist() == [pytest.approx(-2.87e-16, rel=1e-2)] * 15
    assert ids.flatten().tolist() == [-1515870811] * 15


@pytest.mark.parametrize("num_tokens", [0, 1, 5])
def test_stores_within_the_outputs_pass(num_tokens: int) -> None:
    """Every value may be written, the first and the last ones included; T = 0 needs none."""
    guarded = guarded_outputs(num_tokens)
    for tensor in guarded.tensors:
        tensor.zero_()
    guarded.check()


@pytest.mark.parametrize(
    ("missed", "told"),
    [
        ([0, 1, 2, 3, 4], "found 5 of 5 rows that no store reached, the first is row 0"),
        ([2, 4], "found 2 of 5 rows that no store reached, the first is row 2"),
    ],
    ids=["all", "some"],
)
def test_rows_that_no_store_reached_are_told(missed: list[int], told: str) -> None:
    """How many, and the first of them."""
    guarded = guarded_outputs()
    for tensor in guarded.tensors:
        tensor[[row for row in range(5) if row not in missed]] = 0
    with pytest.raises(Mismatch) as caught:
        guarded.check()
    assert str(caught.value) == f"guard: {told}; expected none"


def test_a_row_that_one_store_reached_passes() -> None:
    """What is wrong with it, the comparison tells; a value may be the poison by chance."""
    guarded = guarded_outputs()
    guarded.tensors[0][:2] = 0
    guarded.tensors[1][2:4, 1] = 0
    guarded.tensors[2][4] = 0
    guarded.check()


@pytest.mark.parametrize("output", range(3), ids=[output.name for output in OUTPUTS])
@pytest.mark.parametrize(
    ("offset", "side", "told"),
    [
        (-1, "before", "-1"),
        (-4, "before", "-4"),
        (-4096, "before", "-4096"),
        (0, "after", "+0"),
        (7, "after", "+7"),
        (4095, "after", "+4095"),
    ],
    ids=str,
)
def test_a_stray_byte_is_told_with_its_distance(
    output: int, offset: int, side: str, told: str
) -> None:
    """Its output, its side, and how far from the output's edge it lies."""
    guarded = guarded_outputs()
    tensor, buffer = guarded.tensors[output], guarded.buffers[output]
    length = tensor.numel() * tensor.dtype.itemsize
    start = tensor.data_ptr() - buffer.data_ptr()
    buffer[start + offset + (length if side == "after" else 0)] = 0
    with pytest.raises(Mismatch) as caught:
        guarded.check()
    assert str(caught.value) == (
        f"guard: {OUTPUTS[output].name}: found 1 bytes written {side} the output, "
        f"the nearest at {told} from its edge; expected none"
    )


@pytest.mark.parametrize(("side", "told"), [("before", "-8"), ("after", "+4")])
def test_of_several_stray_bytes_the_nearest_is_told(side: str, told: str) -> None:
    """With the number of all of them on that side, where no output begins or ends either."""
    guarded = guarded_outputs(num_tokens=0)
    buffer = guarded.buffers[1]
    edge = buffer.numel() // 2
    places = [-100, -50, -8] if side == "before" else [4, 60, 2000]
    buffer[torch.tensor(places, device=DEVICE) + edge] = 0
    with pytest.raises(Mismatch, match=rf"found 3 bytes written {side} .* at \{told} from"):
        guarded.check()
