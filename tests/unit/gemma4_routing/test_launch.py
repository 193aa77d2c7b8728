"""The launch table: the launcher and the locked builds take the same line of it."""

from typing import Any
from unittest.mock import patch

import pytest
import torch

from gemma4_routing import gemma4_routing
from gemma4_routing.kernel import _gemma4_routing_kernel
from gemma4_routing.launch import (
    _BLOCKS,
    _COMPILED,
    _WARPS,
    LaunchSettings,
    backend_of,
    launch_settings,
)
from gemma4_routing.proof import SPEC
from kernelproof.spec import Build
from tests.unit.gemma4_routing.routing import DEVICE, LANES, TILE

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
# The last number of tokens of each line of a table, and one that is on its last.
CUDA_TOKENS = [1, 1023, 1024, 4095, 4096, 8191, 8192, 262144]
HIP_TOKENS = [1, 2048, 8192, 8193, 262144]


def distinction(settings: LaunchSettings) -> tuple[Any, ...]:
    """Returns all that tells two settings apart but the shape: function, rows, warps, constants."""
    constants = {name: value for name, value in settings.constants.items() if name != "IS_WIDE"}
    return settings.function.__name__, settings.rows, settings.num_warps, sorted(constants.items())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("num_tokens", "num_experts", "topk"), [(1, 128, 7), (300, 60, 4)])
def test_the_launcher_launches_what_the_table_says(
    dtype: str, num_tokens: int, num_experts: int, topk: int
) -> None:
    """The launch has the table's constants and warps, and rounds each product and sum."""
    seen: dict[str, Any] = {}

    def run(*_: Any, **keywords: Any) -> None:
        seen.update(keywords)

    logits = torch.zeros(num_tokens, num_experts, dtype=DTYPES[dtype], device=DEVICE)
    # No launch is kept, as in a new process.
    with patch.object(_gemma4_routing_kernel, "run", run), patch.dict(_COMPILED, clear=True):
        gemma4_routing(logits, topk, torch.ones(num_experts, device=DEVICE))
    shape = num_tokens, num_experts, topk
    settings = launch_settings(DTYPES[dtype], shape, backend_of(DEVICE.type))
    assert {name: seen[name] for name in settings.constants} == settings.constants
    assert (seen["num_warps"], seen["enable_fp_fusion"]) == (settings.num_warps, False)
    assert seen["grid"] == (-(-num_tokens // settings.rows), 1, 1)


@pytest.mark.parametrize(
    ("dtype", "edges", "function", "lanes"),
    [
        ("fp32", (1, 1023), LANES, 16),
        ("fp32", (1024, 4095), LANES, 8),
        ("fp32", (4096, 2**31), TILE, 4),
        ("bf16", (1, 1023), LANES, 16),
        ("fp16", (1024, 4095), LANES, 8),
        ("bf16", (4096, 8191), TILE, 4),
        ("fp16", (8192, 2**31), TILE, 2),
    ],
)
def test_the_warp_kernels_of_nvidia_gpus(
    dtype: str, edges: tuple[int, int], function: str, lanes: int
) -> None:
    """Each line is taken at both of its edges; a row has `lanes` of a program's 32 lanes."""
    for num_tokens in edges:
        settings = launch_settings(DTYPES[dtype], (num_tokens, 128, 8), "cuda")
        assert distinction(settings) == (function, 32 // lanes, 1, [("LANES", lanes)])


@pytest.mark.parametrize(
    ("backend", "num_experts", "topk", "is_aligned"),
    [
        ("cuda", 128, 7, True),
        ("cuda", 127, 8, True),
        ("cuda", 128, 8, False),
        ("hip", 128, 8, True),
        ("xpu", 128, 8, True),
        ("interpreter", 128, 8, True),
    ],
)
def test_where_the_portable_kernel_is_launched(
    backend: str, num_experts: int, topk: int, *, is_aligned: bool
) -> None:
    """The portable kernel is for other shapes and backends, and unaligned tensors."""
    for num_tokens in (1, 4096, 262144):
        shape = num_tokens, num_experts, topk
        settings = launch_settings(torch.bfloat16, shape, backend, is_aligned=is_aligned)
        assert settings.function is _gemma4_routing_kernel
        assert settings.constants["BLOCK_T"] == settings.rows


def _differences(build: Build) -> list[tuple[str, object, object]]:
    """Returns what a build has, and its launch or its function has not."""
    sizes = build.shape
    settings = launch_settings(
        DTYPES[build.dtype], (sizes["T"], sizes["E"], sizes["K"]), build.backend
    )
    shape = f"E{sizes['E']}-K{sizes['K']}-T{sizes['T']}"
    pairs = [
        ("function", build.function, settings.function),
        ("constants", build.constants, settings.constants),
        ("program", (build.rows, build.num_warps), (settings.rows, settings.num_warps)),
        ("options", build.options, {"enable_fp_fusion": False}),
        ("integers", build.integers, {"num_tokens": sizes["T"], "stride_gt": sizes["E"]}),
        ("name", build.name, f"{build.dtype}-{shape}-{build.backend}"),
        (
            "arguments",
            [*build.pointers, *build.integers, *build.constants],
            list(build.function.arg_names),
        ),
    ]
    return [(name, built, launched) for name, built, launched in pairs if built != launched]


def test_a_build_is_the_launch_of_its_shape() -> None:
    """A build is compiled as a GPU launches it, with every argument of the kernel."""
    wrong = {build.name: _differences(build) for build in SPEC.builds if _differences(build)}
    assert wrong == {}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("backend", "tokens"), [("cuda", CUDA_TOKENS), ("hip", HIP_TOKENS)])
def test_every_setting_of_a_gpu_is_built(backend: str, tokens: list[int], dtype: str) -> None:
    """No line of the table is launched unlocked at Gemma 4's shape, at any dtype."""
    wanted = {
        str(distinction(launch_settings(DTYPES[dtype], (T, 128, 8), backend))) for T in tokens
    }
    built = {
        str(distinction(launch_settings(DTYPES[dtype], (build.shape["T"], 128, 8), backend)))
        for build in SPEC.builds
        if (build.dtype, build.backend, build.shape["E"]) == (dtype, backend, 128)
    }
    assert wanted == built


def test_the_edges_asked_above_are_those_of_the_tables() -> None:
    """Each line of a table has its edges among the numbers of tokens above."""
    cuda = {most for lines in _WARPS.values() for most, _ in lines}
    assert cuda - {float("inf")} <= set(CUDA_TOKENS)
    hip = {most for most, _ in _BLOCKS["hip"]}
    assert hip - {float("inf")} <= set(HIP_TOKENS)
    assert {most + 1 for most in (cuda | hip) - {float("inf")}} <= {*CUDA_TOKENS, *HIP_TOKENS}


def test_a_portable_launch_of_many_tokens_is_built_for_each_gpu() -> None:
    """Both backends have the portable kernel locked at three other shapes."""
    portable = [build for build in SPEC.builds if build.function is _gemma4_routing_kernel]
    for backend in ("cuda", "hip"):
        shapes = {build.shape["E"] for build in portable if build.backend == backend}
        assert shapes >= {64, 256, 512}
