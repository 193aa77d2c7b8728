"""Refusals of wrong arguments: the whole message, before anything is launched."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from gemma4_routing import gemma4_fused_routing_kernel_triton, gemma4_routing
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches
from tests.unit.gemma4_routing import routing
from tests.unit.gemma4_routing.routing import IS_INTERPRETED, OPERATOR, OPERATOR_OUT

DEVICE = torch.zeros(1, device=routing.DEVICE).device  # with its index
FLOAT, HALF, INT = torch.float32, torch.float16, torch.int32
LOGIT_DTYPES = "expected one of torch.float32, torch.float16, torch.bfloat16"
FLOATING = "expected a floating dtype"
OUTPUTS = "tensors, expected 2: topk_weights and topk_ids"


def zeros(*sizes: int, dtype: torch.dtype = FLOAT, device: object = DEVICE) -> Tensor:
    """Returns a tensor of zeros."""
    return torch.zeros(sizes, dtype=dtype, device=device)


def _logits(*sizes: int) -> tuple[dict[str, Any], type[Exception], str]:
    """Returns a case of logits of a wrong shape."""
    arguments = {"gating_output": zeros(*sizes), "per_expert_scale": zeros(*sizes[-1:] or (1,))}
    message = f"gating_output: found shape {sizes}, expected [T, E], 1 <= E <= 1024"
    return arguments, ValueError, message


def _topk(topk: int, sizes: tuple[int, int]) -> tuple[dict[str, Any], type[Exception], str]:
    """Returns a case of a topk out of range."""
    arguments = {"gating_output": zeros(*sizes), "per_expert_scale": zeros(sizes[1]), "topk": topk}
    most = min(sizes[1], 32)
    message = f"topk: found {topk}, expected 1 <= topk <= {most} (at most E and 32)"
    return arguments, ValueError, message


def _output(place: int, tensor: Tensor) -> tuple[dict[str, Any], type[Exception], str]:
    """Returns a case of a wrong output in a place of `out`."""
    out = [zeros(4, 2), zeros(4, 2, dtype=INT)]
    out[place] = tensor
    message = (
        f"out[{place}]: found {tuple(tensor.shape)} {tensor.dtype} on {tensor.device}, strides "
        f"{tensor.stride()}, expected (4, 2) {(FLOAT, INT)[place]} on {DEVICE}, contiguous"
    )
    return {"out": tuple(out)}, ValueError, message


# The wrong ones of the arguments, the error, and its message.
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"gating_output": [[0.0]]}, TypeError, "gating_output: found list, expected a tensor"),
    ({"gating_output": None}, TypeError, "gating_output: found NoneType, expected a tensor"),
    ({"gating_output": zeros(4, 8).to_sparse()}, TypeError,
     "gating_output: found layout torch.sparse_coo, expected torch.strided"),
    *(
        ({"gating_output": zeros(4, 8, dtype=dtype)}, TypeError,
         f"gating_output: found {dtype}, {LOGIT_DTYPES}")
        for dtype in (torch.int64, torch.float64, torch.bool)
    ),
    *(_logits(*sizes) for sizes in [(), (8,), (1, 4, 8), (4, 0), (4, 1025), (0, 1025)]),
    *(
        ({"topk": topk}, TypeError, f"topk: found {type(topk).__name__}, expected an int")
        for topk in (True, 2.0, "2", None, torch.tensor(2))
    ),
    *(
        _topk(topk, (num_tokens, num_experts))
        for topk, num_experts in [(0, 8), (-1, 8), (9, 8), (33, 33), (33, 1024), (2, 1)]
        for num_tokens in (0, 4)
    ),
    ({"per_expert_scale": [1.0] * 8}, TypeError, "per_expert_scale: found list, expected a tensor"),
    ({"per_expert_scale": None}, TypeError, "per_expert_scale: found NoneType, expected a tensor"),
    *(
        ({"per_expert_scale": zeros(8, dtype=dtype)}, TypeError,
         f"per_expert_scale: found {dtype}, {FLOATING}")
        for dtype in (INT, torch.complex64)
    ),
    *(
        ({"per_expert_scale": zeros(*sizes)}, ValueError,
         f"per_expert_scale: found shape {sizes}, expected (8,)")
        for sizes in [(7,), (9,), (1,), (8, 1), ()]
    ),
    ({"per_expert_scale": zeros(8, device="meta")}, ValueError,
     f"per_expert_scale: found device meta, expected that of gating_output, {DEVICE}"),
    _output(0, zeros(4, 3)),
    _output(1, zeros(4, 3, dtype=INT)),
    _output(1, zeros(8, dtype=INT)),
    _output(0, zeros(4, 2, dtype=HALF)),
    _output(0, zeros(4, 2, dtype=torch.float64)),
    _output(1, zeros(4, 2, dtype=torch.int64)),
    _output(0, zeros(2, 4).T),
    _output(1, zeros(2, 4, dtype=INT).T),
    _output(1, zeros(4, 4, dtype=INT)[:, ::2]),
    _output(0, zeros(4, 2, device="meta")),
    *(({"out": (zeros(4, 2),) * n}, ValueError, f"out: found {n} {OUTPUTS}") for n in (0, 1, 3)),
    ({"out": (zeros(4, 2), None)}, TypeError, "out[1]: found NoneType, expected a tensor"),
    ({"out": (None, None)}, TypeError, "out[0]: found NoneType, expected a tensor"),
]  # fmt: skip


def _calls(wrong: dict[str, Any]) -> dict[str, Callable[[], object]]:
    """Returns every way to call the function with wrong arguments, by name."""
    right = {"gating_output": zeros(4, 8), "topk": 2, "per_expert_scale": zeros(8)}
    inputs = {**right, **wrong}
    keywords = {"out": inputs.pop("out")} if "out" in wrong else {}
    calls: dict[str, Callable[[], object]] = {
        "function": lambda: gemma4_routing(**inputs, **keywords)
    }
    if not keywords:
        calls["name in vLLM"] = lambda: gemma4_fused_routing_kernel_triton(**inputs)
    if "gating_output" not in wrong:
        # torch's tracers see the operator, as they do for a parameter.
        traced = {**inputs, "gating_output": torch.nn.Parameter(inputs["gating_output"])}
        calls["parameter"] = lambda: gemma4_routing(**traced, **keywords)
    # The dispatcher has other messages for arguments that its schema does not take.
    outputs = keywords.get("out", ())
    tensors = inputs["gating_output"], inputs["per_expert_scale"], *outputs
    if type(inputs["topk"]) is int and all(type(tensor) is Tensor for tensor in tensors):
        if not keywords:
            calls["operator"] = lambda: OPERATOR(**inputs)
        elif len(outputs) == 2:
            named = dict(zip(("topk_weights", "topk_ids"), outputs, strict=True))
            calls["operator"] = lambda: OPERATOR_OUT(**inputs, **named)
    return calls


def refusal(call: Callable[[], object]) -> tuple[type[Exception] | None, str, int]:
    """Returns the error of a call, its message, and the number of launches."""
    error: Exception | None = None
    with count_launches(SPEC.jitted) as launches:
        try:
            call()
        except Exception as caught:  # noqa: BLE001  (of any type, which is compared)
            error = caught
    return type(error) if error else None, str(error), launches.total()


def test_wrong_arguments_are_refused() -> None:
    """Each way to call the function refuses in the same words, without a launch."""
    wrong = []
    for arguments, error, message in WRONG:
        for name, call in _calls(arguments).items():
            answer = refusal(call)
            if answer != (error, message, 0):
                wrong.append((name, arguments, answer, message))
    assert wrong == []


def test_logits_on_another_device() -> None:
    """Logits must be on a device that the kernel or the reference runs on here, were it fake."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        logits = zeros(4, 8, device="mps")
        answer = refusal(lambda: gemma4_routing(logits, 2, zeros(8)))
    expected = {
        True: "expected cpu, because TRITON_INTERPRET=1 is set; unset it to run on a GPU",
        False: "expected one of cpu, cuda, xpu, meta",
    }[IS_INTERPRETED]
    assert answer == (ValueError, f"gating_output: found device mps:0, {expected}", 0)
