"""What the routing kernel refuses: the whole message, before anything is launched."""

from typing import Any

import pytest
import torch
import triton
from torch._subclasses.fake_tensor import FakeTensorMode

from gemma4_routing import gemma4_fused_routing_kernel_triton, gemma4_routing
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches

IS_INTERPRETED = triton.knobs.runtime.interpret
DEVICE = torch.zeros(
    1, device="cpu" if IS_INTERPRETED else torch.accelerator.current_accelerator()
).device
FLOAT, INT = torch.float32, torch.int32
LOGITS = "expected one of torch.float32, torch.float16, torch.bfloat16"
USE_THIS_DEVICE = {
    True: "expected cpu, because TRITON_INTERPRET=1 is set; unset it to run on a GPU",
    False: "expected one of cpu, cuda, xpu, meta",
}


def of(*sizes: int, dtype: torch.dtype = FLOAT, device: object = DEVICE) -> torch.Tensor:
    """Zeros."""
    return torch.zeros(sizes, dtype=dtype, device=device)


def refused(error: type[Exception], **arguments: Any) -> str:
    """The message of `error`, which the call must raise without a launch."""
    whole = {"gating_output": of(4, 8), "topk": 2, "per_expert_scale": of(8), **arguments}
    with count_launches(SPEC.jitted) as launched, pytest.raises(error) as caught:
        gemma4_routing(**whole)
    assert launched.total() == 0
    assert caught.type is error
    return str(caught.value)


@pytest.mark.parametrize(
    ("gating_output", "message"),
    [
        ([[0.0]], "found list, expected a tensor"),
        (None, "found NoneType, expected a tensor"),
        (of(4, 8, dtype=torch.int64), f"found torch.int64, {LOGITS}"),
        (of(4, 8, dtype=torch.float64), f"found torch.float64, {LOGITS}"),
        (of(4, 8, dtype=torch.bool), f"found torch.bool, {LOGITS}"),
    ],
    ids=["list", "none", "int64", "fp64", "bool"],
)
def test_logits_of_another_type(gating_output: object, message: str) -> None:
    """Only tensors of fp32, fp16 and bf16."""
    assert refused(TypeError, gating_output=gating_output) == f"gating_output: {message}"


@pytest.mark.parametrize("sizes", [(), (8,), (1, 4, 8), (4, 0), (4, 1025), (0, 1025)], ids=str)
def test_logits_of_another_shape(sizes: tuple[int, ...]) -> None:
    """Only two dimensions, and 1 to 1024 experts, whatever T is."""
    expected = f"gating_output: found shape {sizes}, expected [T, E], 1 <= E <= 1024"
    scale = of(sizes[-1] if sizes else 1)
    assert refused(ValueError, gating_output=of(*sizes), per_expert_scale=scale) == expected


def test_logits_on_another_device() -> None:
    """Only on a device that the kernel or the reference runs on here, were it a fake one."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        logits = of(4, 8, device="mps")
        message = refused(ValueError, gating_output=logits)
    expected = f"gating_output: found device mps:0, {USE_THIS_DEVICE[IS_INTERPRETED]}"
    assert message == expected


@pytest.mark.parametrize(
    "topk", [True, 2.0, "2", None, torch.tensor(2)], ids=["bool", "float", "str", "none", "tensor"]
)
def test_topk_of_another_type(topk: object) -> None:
    """Only an int; a bool is none."""
    expected = f"topk: found {type(topk).__name__}, expected an int"
    assert refused(TypeError, topk=topk) == expected


@pytest.mark.parametrize(
    ("topk", "num_experts", "largest"),
    [(0, 8, 8), (-1, 8, 8), (9, 8, 8), (33, 33, 32), (33, 1024, 32), (2, 1, 1)],
    ids=["zero", "negative", "above-E", "above-32", "far-above-32", "above-E-of-1"],
)
@pytest.mark.parametrize("num_tokens", [0, 4])
def test_topk_out_of_range(topk: int, num_experts: int, largest: int, num_tokens: int) -> None:
    """At least 1, at most E and 32, even where there is no token."""
    expected = f"topk: found {topk}, expected 1 <= topk <= {largest} (at most E and 32)"
    inputs = {"gating_output": of(num_tokens, num_experts), "per_expert_scale": of(num_experts)}
    assert refused(ValueError, **inputs, topk=topk) == expected


@pytest.mark.parametrize(
    ("scale", "error", "message"),
    [
        ([1.0] * 8, TypeError, "found list, expected a tensor"),
        (of(8, dtype=INT), TypeError, "found torch.int32, expected a floating dtype"),
        (
            of(8, dtype=torch.complex64),
            TypeError,
            "found torch.complex64, expected a floating dtype",
        ),
        (of(7), ValueError, "found shape (7,), expected (8,)"),
        (of(9), ValueError, "found shape (9,), expected (8,)"),
        (of(1), ValueError, "found shape (1,), expected (8,)"),
        (of(8, 1), ValueError, "found shape (8, 1), expected (8,)"),
        (of(), ValueError, "found shape (), expected (8,)"),
        (
            of(8, device="meta"),
            ValueError,
            f"found device meta, expected that of gating_output, {DEVICE}",
        ),
    ],
    ids=["list", "int", "complex", "short", "long", "one", "column", "scalar", "device"],
)
def test_a_scale_that_does_not_fit(scale: object, error: type[Exception], message: str) -> None:
    """Only a floating tensor of E values, beside the logits."""
    assert refused(error, per_expert_scale=scale) == f"per_expert_scale: {message}"


def out_message(place: int, found: str, strides: tuple[int, ...]) -> str:
    """How an output that does not fit is told."""
    dtype = (FLOAT, INT)[place]
    return (
        f"out[{place}]: found {found}, strides {strides}, "
        f"expected (4, 2) {dtype} on {DEVICE}, contiguous"
    )


@pytest.mark.parametrize(
    ("place", "tensor", "found"),
    [
        (0, of(4, 3), f"(4, 3) torch.float32 on {DEVICE}"),
        (1, of(8, dtype=INT), f"(8,) torch.int32 on {DEVICE}"),
        (0, of(4, 2, dtype=torch.float16), f"(4, 2) torch.float16 on {DEVICE}"),
        (1, of(4, 2, dtype=torch.int64), f"(4, 2) torch.int64 on {DEVICE}"),
        (0, of(2, 4).T, f"(4, 2) torch.float32 on {DEVICE}"),
        (1, of(4, 4, dtype=INT)[:, ::2], f"(4, 2) torch.int32 on {DEVICE}"),
        (0, of(4, 2, device="meta"), "(4, 2) torch.float32 on meta"),
    ],
    ids=["shape", "rank", "fp16", "int64", "transposed", "every-other", "device"],
)
def test_an_output_that_does_not_fit(place: int, tensor: torch.Tensor, found: str) -> None:
    """Only ``[T, topk]`` of the contract's dtypes, contiguous, beside the logits."""
    out = [of(4, 2), of(4, 2, dtype=INT)]
    out[place] = tensor
    assert refused(ValueError, out=tuple(out)) == out_message(place, found, tensor.stride())


@pytest.mark.parametrize("length", [0, 1, 3])
def test_another_number_of_outputs(length: int) -> None:
    """Weights and ids, both or none."""
    expected = f"out: found {length} tensors, expected 2: topk_weights and topk_ids"
    assert refused(ValueError, out=(of(4, 2),) * length) == expected


def test_an_output_that_is_no_tensor() -> None:
    """As for the inputs."""
    out = (of(4, 2), None)
    assert refused(TypeError, out=out) == "out[1]: found NoneType, expected a tensor"


def test_the_name_in_vllm_refuses_the_same() -> None:
    """A topk above E was read out of bounds there."""
    with (
        count_launches(SPEC.jitted) as launched,
        pytest.raises(ValueError, match=r"^topk: found 9, "),
    ):
        gemma4_fused_routing_kernel_triton(of(4, 8), 9, of(8))
    assert launched.total() == 0
