"""The launch table: the launcher and the locked builds take the same line of it."""

from typing import Any
from unittest.mock import patch

import pytest
import torch
import triton

from kernels.gemma4_routing import SPEC, gemma4_routing
from kernels.gemma4_routing.kernel import _gemma4_routing_kernel
from kernels.gemma4_routing.launch import launch_of

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("num_tokens", "num_experts", "topk"), [(1, 128, 8), (300, 60, 4)])
def test_the_launcher_launches_what_the_table_says(
    dtype: str, num_tokens: int, num_experts: int, topk: int
) -> None:
    """Its constants and warps, and products and sums rounded each."""
    seen: dict[str, Any] = {}

    def noted(*_: Any, **settings: Any) -> None:
        seen.update(settings)

    logits = torch.zeros(num_tokens, num_experts, dtype=DTYPES[dtype], device=DEVICE)
    with patch.object(_gemma4_routing_kernel, "run", noted):
        gemma4_routing(logits, topk, torch.ones(num_experts, device=DEVICE))
    launch = launch_of(DTYPES[dtype], num_experts, topk, num_tokens, DEVICE.type)
    assert {name: seen[name] for name in launch.constants} == launch.constants
    assert (seen["num_warps"], seen["enable_fp_fusion"]) == (launch.num_warps, False)
    assert seen["grid"] == (-(-num_tokens // launch.rows),)


@pytest.mark.parametrize("build", SPEC.builds, ids=lambda build: build.name)
def test_a_build_is_the_launch_of_its_shape(build: Any) -> None:
    """On a GPU; every argument of the kernel is a pointer, an integer or a constant of it."""
    E, K, T = build.shape["E"], build.shape["K"], build.shape["T"]  # noqa: N806
    launch = launch_of(DTYPES[build.dtype], E, K, T, "cuda")
    assert build.constants == launch.constants
    assert (build.rows, build.num_warps) == (launch.rows, launch.num_warps)
    assert build.options == {"enable_fp_fusion": False}
    assert build.integers == {"num_tokens": T, "stride_gt": E}
    arguments = [*build.pointers, *build.integers, *build.constants]
    assert arguments == list(build.function.arg_names)


def test_every_setting_of_a_gpu_is_built() -> None:
    """At Gemma 4's shape, at each dtype: no line of the table is launched unlocked."""
    wanted = {
        (dtype, launch_of(DTYPES[dtype], 128, 8, num_tokens, "cuda").rows)
        for dtype in DTYPES
        for num_tokens in (2048, 8192, 8193, 262144)
    }
    built = {(build.dtype, build.rows) for build in SPEC.builds if build.shape["E"] == 128}
    assert wanted <= built
