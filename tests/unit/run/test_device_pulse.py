"""The check of a device: it computes, or its error is told."""

import pytest
import torch

from kernelproof.errors import run_command
from kernelproof.run import device_pulse


@pytest.mark.parametrize(
    ("row", "code", "error"),
    [("cpu", 0, ""), ("h200", 4, "row h200: found no cuda device")],
)
def test_a_device_is_checked_by_its_row(
    capsys: pytest.CaptureFixture[str], row: str, code: int, error: str
) -> None:
    """The device of this machine computes; that of another row is not here."""
    assert run_command(lambda: device_pulse.main(["--on", row])) == code
    assert capsys.readouterr().err.startswith(error)


def test_an_error_is_one_line() -> None:
    """The first line of what the driver says."""
    error = device_pulse.pulse(torch.device("meta"))
    assert error.startswith("RuntimeError: Tensor.item() cannot be called on meta tensors")
    assert "\n" not in error
