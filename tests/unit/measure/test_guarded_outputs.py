"""Guarded outputs: missing rows and stray bytes on either side are told."""

import pytest
import torch

from kernelproof.measure.comparison import Mismatch
from kernelproof.measure.guarded_outputs import GuardedOutputs
from kernelproof.spec import Output
from tests.unit.measure.device import DEVICE

OUTPUTS = (
    Output(name="topk_weights", axes=("T", "K"), dtype=torch.float32),
    Output(name="topk_ids", axes=("T", "K"), dtype=torch.int32),
    Output(name="flags", axes=("T",), dtype=torch.bfloat16),
)


def guarded_outputs(num_tokens: int = 5) -> GuardedOutputs:
    """Returns three outputs of several dtypes and axes."""
    return GuardedOutputs(OUTPUTS, {"T": num_tokens, "K": 3, "E": 7}, DEVICE)


def fault_of(guarded: GuardedOutputs) -> str:
    """Returns the message of the guard."""
    with pytest.raises(Mismatch, match=r"^guard: .*; expected none$") as caught:
        guarded.check()
    return str(caught.value).removeprefix("guard: ").removesuffix("; expected none")


def test_outputs_are_contiguous_and_poisoned() -> None:
    """They have their form, are aligned for any vector, and hold no weight and no id."""
    tensors = guarded_outputs().tensors
    assert [tuple(tensor.shape) for tensor in tensors] == [(5, 3), (5, 3), (5,)]
    assert [tensor.dtype for tensor in tensors] == [torch.float32, torch.int32, torch.bfloat16]
    assert all(tensor.is_contiguous() for tensor in tensors)
    assert all(tensor.device.type == DEVICE.type for tensor in tensors)
    assert all(tensor.data_ptr() % 16 == 0 for tensor in tensors)
    assert tensors[0].flatten().tolist() == [pytest.approx(-2.87e-16, rel=1e-2)] * 15
    assert tensors[1].flatten().tolist() == [-1515870811] * 15


def test_rows_that_no_store_reached_are_told() -> None:
    """With their number and the first; a row with one value is left to the comparison."""
    for missed in ([0, 1, 2, 3, 4], [2, 4]):
        guarded = guarded_outputs()
        for tensor in guarded.tensors:
            tensor[[row for row in range(5) if row not in missed]] = 0
        assert fault_of(guarded) == (
            f"found {len(missed)} of 5 rows that no store reached, the first is row {missed[0]}"
        )
    for num_tokens in (0, 1, 5):  # T = 0 needs no store
        guarded = guarded_outputs(num_tokens)
        for tensor in guarded.tensors:
            tensor.zero_()
        guarded.check()
    guarded = guarded_outputs()
    guarded.tensors[0][:2] = 0
    guarded.tensors[1][2:4, 1] = 0
    guarded.tensors[2][4] = 0
    guarded.check()


@pytest.mark.parametrize("output", range(3), ids=[output.name for output in OUTPUTS])
def test_a_stray_byte_is_told_with_its_distance(output: int) -> None:
    """The message has the output, the side, and the distance from the output's edge."""
    for offset in (-1, -4, -4096, 0, 7, 4095):
        guarded = guarded_outputs()
        tensor, buffer = guarded.tensors[output], guarded.buffers[output]
        length = tensor.numel() * tensor.dtype.itemsize
        start = tensor.data_ptr() - buffer.data_ptr()
        side = "before" if offset < 0 else "after"
        buffer[start + offset + (length if side == "after" else 0)] = 0
        assert fault_of(guarded) == (
            f"{OUTPUTS[output].name}: found 1 bytes written {side} the output, "
            f"the nearest at {offset:+} from its edge"
        )


def test_of_several_stray_bytes_the_nearest_is_told() -> None:
    """The message has the nearest stray byte and the number of all, beside an empty output, too."""
    for side, nearest, places in (("before", -8, [-100, -50, -8]), ("after", 4, [4, 60, 2000])):
        guarded = guarded_outputs(num_tokens=0)
        buffer = guarded.buffers[1]
        buffer[torch.tensor(places, device=DEVICE) + buffer.numel() // 2] = 0
        assert f"found 3 bytes written {side} the output" in fault_of(guarded)
        assert f"at {nearest:+} from" in fault_of(guarded)
