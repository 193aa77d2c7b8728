"""What the routing operators refuse, and the function where it is traced: the same words.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

from typing import Any

import pytest
import torch
import triton

from gemma4_routing import gemma4_routing
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
OPERATOR = torch.ops.kernelproof.gemma4_routing.default
OPERATOR_OUT = torch.ops.kernelproof.gemma4_routing_out.default
WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "rank": (
        {"gating_output": torch.zeros(8, device=DEVICE)},
        ValueError,
        "gating_output: found shape (8,), expected [T, E], 1 <= E <= 1024",
    ),
    "dtype": (
        {"gating_output": torch.zeros(4, 8, dtype=torch.int64, device=DEVICE)},
        TypeError,
        "gating_output: found torch.int64, expected one of "
        "torch.float32, torch.float16, torch.bfloat16",
    ),
    "scale-device": (
        {"per_expert_scale": torch.zeros(8, device="meta")},
        ValueError,
        "per_expert_scale: found device meta, expected that of gating_output, "
        f"{torch.zeros(1, device=DEVICE).device}",
    ),
    "topk-above-E": (
        {"topk": 9},
        ValueError,
        "topk: found 9, expected 1 <= topk <= 8 (at most E and 32)",
    ),
    "topk-zero": (
        {"topk": 0},
        ValueError,
        "topk: found 0, expected 1 <= topk <= 8 (at most E and 32)",
    ),
    "scale-length": (
        {"per_expert_scale": torch.zeros(7, device=DEVICE)},
        ValueError,
        "per_expert_scale: found shape (7,), expected (8,)",
    ),
    "scale-int": (
        {"per_expert_scale": torch.zeros(8, dtype=torch.int32, device=DEVICE)},
        TypeError,
        "per_expert_scale: found torch.int32, expected a floating dtype",
    ),
}


def small() -> dict[str, Any]:
    """Arguments that are right."""
    zeros = torch.zeros(4, 8, device=DEVICE)
    return {"gating_output": zeros, "topk": 2, "per_expert_scale": torch.zeros(8, device=DEVICE)}


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("call", [gemma4_routing, OPERATOR], ids=["function", "operator"])
def test_the_operator_refuses_as_the_function_does(
    call: Any, wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The same words, before anything is launched."""
    with count_launches(SPEC.jitted) as launched, pytest.raises(error) as caught:
        call(**{**small(), **wrong})
    assert (caught.type, str(caught.value)) == (error, message)
    assert launched.total() == 0


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("fault", ["strides", "dtype", "shape"])
def test_the_operator_refuses_an_output(fault: str, place: int) -> None:
    """With the place it has in `out` of the function."""
    dtype = (torch.float32, torch.int32)[place]
    faulty = {
        "strides": torch.zeros(2, 4, dtype=dtype, device=DEVICE).T,
        "dtype": torch.zeros(4, 2, dtype=torch.float64, device=DEVICE),
        "shape": torch.zeros(4, 3, dtype=dtype, device=DEVICE),
    }[fault]
    zeros = torch.zeros(4, 2, device=DEVICE)
    out = [zeros, zeros.to(torch.int32)]
    out[place] = faulty
    device = faulty.device
    message = (
        f"out[{place}]: found {tuple(faulty.shape)} {faulty.dtype} on {device}, strides "
        f"{faulty.stride()}, expected (4, 2) {dtype} on {device}, contiguous"
    )
    with pytest.raises(ValueError, match=r"^out") as by_function:
        gemma4_routing(**small(), out=(out[0], out[1]))
    with pytest.raises(ValueError, match=r"^out") as by_operator:
        OPERATOR_OUT(**small(), topk_weights=out[0], topk_ids=out[1])
    assert str(by_function.value) == str(by_operator.value) == message


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        ({"topk": True}, TypeError, "topk: found bool, expected an int"),
        ({"topk": 2.0}, TypeError, "topk: found float, expected an int"),
        (
            {"per_expert_scale": None},
            TypeError,
            "per_expert_scale: found NoneType, expected a tensor",
        ),
        ({"out": (torch.zeros(4, 2),)}, ValueError, "out: found 1 tensors, expected 2: topk_weig"),
        ({"out": (None, None)}, TypeError, "out[0]: found NoneType, expected a tensor"),
    ],
    ids=["bool", "float", "none", "one-output", "no-outputs"],
)
@pytest.mark.parametrize("kind", [torch.Tensor, torch.nn.Parameter], ids=["tensor", "parameter"])
def test_what_no_operator_takes(
    kind: Any, wrong: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The function's own words, not the dispatcher's, for a parameter, too."""
    arguments = small()
    arguments["gating_output"] = kind(arguments["gating_output"])
    with pytest.raises(error) as caught:
        gemma4_routing(**{**arguments, **wrong})
    assert caught.type is error
    assert str(caught.value).startswith(message)
