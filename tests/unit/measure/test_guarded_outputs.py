"""Guarded outputs: missing rows and stray bytes on either side are told."""

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
    """Returns three outputs of several dtypes and axes."""
    return GuardedOutputs(OUTPUTS, {"T": num_tokens, "K": 3, "E": 7}, DEVICE)


def test_outputs_are_contiguous_and_of_their_form() -> None:
    """Outputs have their shapes and dtypes, lie on the device, and are aligned for any vector."""
    tensors = guarded_outputs().tensors
    assert [tuple(tensor.shape) for tensor in tensors] == [(5, 3), (5, 3), (5,)]
    assert [tensor.dtype for tensor in tensors] == [torch.float32, torch.int32, torch.bfloat16]
    assert all(tensor.is_contiguous() for tensor in tensors)
    assert all(tensor.device.type == DEVICE.type for tensor in tensors)
    assert all(tensor.data_ptr() % 16 == 0 for tensor in tensors)


def test_the_poison_is_no_weight_and_no_id() -> None:
    """A value that is not stored shows."""
    weights, ids, _ = guarded_outputs().tensors
    assert weights.flatten().tolist() == [pytest.approx(-2.87e-16, rel=1e-2)] * 15
    assert ids.flatten().tolist() == [-1515870811] * 15


@pytest.mark.parametrize("num_tokens", [0, 1, 5])
def test_stores_within_the_outputs_pass(num_tokens: int) -> None:
    """Every value may be written, the first and the last, too; T = 0 needs none."""
    guarded = guarded_outputs(num_tokens)
    for tensor in guarded.tensors:
        tensor.zero_()
    guarded.check()


@pytest.mark.parametrize(
    ("missed", "message"),
    [
        ([0, 1, 2, 3, 4], "found 5 of 5 rows that no store reached, the first is row 0"),
        ([2, 4], "found 2 of 5 rows that no store reached, the first is row 2"),
    ],
    ids=["all", "some"],
)
def test_rows_that_no_store_reached_are_told(missed: list[int], message: str) -> None:
    """The message has the number of rows, and the first of them."""
    guarded = guarded_outputs()
    for tensor in guarded.tensors:
        tensor[[row for row in range(5) if row not in missed]] = 0
    with pytest.raises(Mismatch) as caught:
        guarded.check()
    assert str(caught.value) == f"guard: {message}; expected none"


def test_a_row_that_one_store_reached_passes() -> None:
    """A row with a single stored value passes: the comparison will tell what is wrong with it."""
    guarded = guarded_outputs()
    guarded.tensors[0][:2] = 0
    guarded.tensors[1][2:4, 1] = 0
    guarded.tensors[2][4] = 0
    guarded.check()


@pytest.mark.parametrize("output", range(3), ids=[output.name for output in OUTPUTS])
def test_a_stray_byte_is_told_with_its_distance(output: int) -> None:
    """The message has the output, the side, and the distance from the output's edge."""
    wrong = []
    for offset in (-1, -4, -4096, 0, 7, 4095):
        guarded = guarded_outputs()
        tensor, buffer = guarded.tensors[output], guarded.buffers[output]
        length = tensor.numel() * tensor.dtype.itemsize
        start = tensor.data_ptr() - buffer.data_ptr()
        side = "before" if offset < 0 else "after"
        buffer[start + offset + (length if side == "after" else 0)] = 0
        with pytest.raises(Mismatch) as caught:
            guarded.check()
        expected = (
            f"guard: {OUTPUTS[output].name}: found 1 bytes written {side} the output, "
            f"the nearest at {offset:+} from its edge; expected none"
        )
        if str(caught.value) != expected:
            wrong.append((expected, str(caught.value)))
    assert wrong == []


@pytest.mark.parametrize(("side", "nearest"), [("before", "-8"), ("after", "+4")])
def test_of_several_stray_bytes_the_nearest_is_told(side: str, nearest: str) -> None:
    """The message has the nearest stray byte and the number of all, beside an empty output, too."""
    guarded = guarded_outputs(num_tokens=0)
    buffer = guarded.buffers[1]
    edge = buffer.numel() // 2
    places = [-100, -50, -8] if side == "before" else [4, 60, 2000]
    buffer[torch.tensor(places, device=DEVICE) + edge] = 0
    with pytest.raises(Mismatch, match=rf"found 3 bytes written {side} .* at \{nearest} from"):
        guarded.check()
