"""The device of the tests that launch a kernel: the CPU if kernels are interpreted, else a GPU."""

import torch
import triton

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
