"""The check of a device: it computes, or its error is told."""

import pytest
import torch

from kernelproof.errors import run_command
from kernelproof.run import device_pulse


def test_a_device_computes_or_its_error_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The device of this machine computes, that of another row is not here; a driver says much."""
    for row, code, error in (("cpu", 0, ""), ("h200", 4, "row h200: found no cuda device")):
        assert run_command(lambda row=row: device_pulse.main(["--on", row])) == code  # type: ignore[misc]
        assert capsys.readouterr().err.startswith(error)
    error = device_pulse.pulse(torch.device("meta"))
    assert error.startswith("RuntimeError: Tensor.item() cannot be called on meta tensors")
    assert "\n" not in error
