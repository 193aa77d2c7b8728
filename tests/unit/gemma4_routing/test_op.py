"""`gemma4_routing` as an operator of torch: compiled, traced, faked, and by its own name."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from gemma4_routing import arguments, gemma4_routing, op
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches
from kernelproof.spec import Inputs
from tests.unit.gemma4_routing.routing import (
    CPU,
    DEVICE,
    IS_INTERPRETED,
    OPERATOR,
    OPERATOR_OUT,
    each_dtype,
    empty_outputs,
    make_inputs,
    require_reference,
)

BACKEND = "aot_eager" if IS_INTERPRETED else "inductor"
# Opening torch's compiler imports modules that warn of their own imports.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def with_a_strided_last_dimension(inputs: Inputs) -> Inputs:
    """Returns the same inputs, their logits transposed in memory, which the operator copies."""
    return {**inputs, "gating_output": inputs["gating_output"].T.contiguous().T}


def route(gating_output: Tensor, topk: int, per_expert_scale: Tensor) -> tuple[Tensor, Tensor]:
    """Calls the function among other operations, as a model does."""
    weights, ids = gemma4_routing(gating_output * 1, topk, per_expert_scale)
    return weights * 1, ids + 0


def route_into(
    gating_output: Tensor, topk: int, per_expert_scale: Tensor, weights: Tensor, ids: Tensor
) -> tuple[Tensor, Tensor]:
    """Calls the function with `out` among other operations."""
    outputs = gemma4_routing(gating_output * 1, topk, per_expert_scale, out=(weights, ids))
    return outputs[0], outputs[1]


@pytest.mark.parametrize(
    ("count", "num_experts", "topk", "dtype"),
    [
        (0, 128, 8, torch.float32),
        (1, 40, 7, torch.float16),
        (5, 128, 8, torch.bfloat16),
        (5, 40, 7, torch.float32),
    ],
)
def test_the_operators_pass_the_checks_of_torch(
    count: int, num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """Schema, fake tensors, autograd registration, and AOT dispatch with dynamic shapes pass."""
    # Rows of numbers: the checks take a NaN for a difference.
    logits = torch.arange(count * num_experts, device=DEVICE).view(count, num_experts).sin()
    inputs = logits.to(dtype), topk, torch.linspace(-1, 2, num_experts, device=DEVICE)
    torch.library.opcheck(OPERATOR, inputs)
    torch.library.opcheck(OPERATOR_OUT, (*inputs, *empty_outputs(count, topk)))


@each_dtype
@pytest.mark.parametrize(("num_experts", "topk"), [(128, 8), (40, 7)])
def test_the_operators_give_the_bits_of_the_function(
    num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """The operators, called by their names, launch once each."""
    inputs = make_inputs(38, dtype, num_experts=num_experts, topk=topk)
    weights, ids = empty_outputs(38, topk)
    with count_launches(SPEC.jitted) as launches:
        outputs = OPERATOR(**inputs)
        assert OPERATOR_OUT(**inputs, topk_weights=weights, topk_ids=ids) is None
    assert launches.total() == 2
    require_reference(outputs, inputs)
    require_reference((weights, ids), inputs)


@pytest.mark.parametrize(
    ("dtype", "is_dynamic"),
    [(torch.float32, None), (torch.float16, True), (torch.bfloat16, None)],
    ids=str,
)
def test_compiled_without_a_graph_break(dtype: torch.dtype, *, is_dynamic: bool | None) -> None:
    """Compiled, several T give the same bits, 1 among them, with and without `out`."""
    torch.compiler.reset()
    settings: dict[str, Any] = {"fullgraph": True, "backend": BACKEND, "dynamic": is_dynamic}
    compiled, into = torch.compile(route, **settings), torch.compile(route_into, **settings)
    for count in (5, 1, 38, 19):
        inputs = make_inputs(count, dtype)
        strided = with_a_strided_last_dimension(inputs)
        for function in (gemma4_routing, OPERATOR, compiled):
            require_reference(function(**inputs), inputs)
            require_reference(function(**strided), inputs)
        weights, ids = empty_outputs(count)
        outputs = into(**inputs, weights=weights, ids=ids)
        assert outputs[0] is weights
        assert outputs[1] is ids
        require_reference(outputs, inputs)


def test_a_marked_dimension_is_compiled_once() -> None:
    """No size of T is a guard if T is marked as dynamic."""
    torch.compiler.reset()
    counter = torch._dynamo.testing.CompileCounter()  # noqa: SLF001
    compiled = torch.compile(route, fullgraph=True, backend=counter)
    for count in (5, 38, 19, 133):
        inputs = make_inputs(count, torch.float32)
        torch._dynamo.mark_dynamic(inputs["gating_output"], 0)  # noqa: SLF001
        require_reference(compiled(**inputs), inputs)
    assert counter.frame_count == 1


@each_dtype
def test_traced_by_make_fx(dtype: torch.dtype) -> None:
    """The graph has the operator once, and gives the same bits at another T."""
    graph = make_fx(route, tracing_mode="symbolic")(*make_inputs(5, dtype).values())
    targets = [node.target for node in graph.graph.nodes]
    assert targets.count(OPERATOR) == 1
    inputs = make_inputs(38, dtype)
    require_reference(graph(*inputs.values()), inputs)


@each_dtype
@pytest.mark.parametrize("count", [0, 5])
def test_fake_tensors(count: int, dtype: torch.dtype) -> None:
    """Fake tensors get shapes, dtypes and a device, without a launch."""
    with count_launches(SPEC.jitted) as launches, FakeTensorMode():
        logits = torch.empty(count, 128, dtype=dtype, device=DEVICE)
        weights, ids = gemma4_routing(logits, 8, torch.empty(128, device=DEVICE))
        assert gemma4_routing(logits, 8, logits.new_empty(128), out=(weights, ids))[0] is weights
    assert launches.total() == 0
    for output, output_dtype in ((weights, torch.float32), (ids, torch.int32)):
        assert (output.shape, output.dtype) == ((count, 8), output_dtype)
        assert output.device.type == DEVICE.type


class Tagged(Tensor):  # type: ignore[misc]
    """A subclass that changes nothing."""


@each_dtype
def test_a_parameter_and_a_subclass_are_tensors(dtype: torch.dtype) -> None:
    """Logits and scales may be parameters or of a subclass, with `out`, too."""
    inputs = make_inputs(38, dtype)
    for wrap in (torch.nn.Parameter, lambda tensor: tensor.as_subclass(Tagged)):
        wrapped = {
            **inputs,
            "gating_output": wrap(inputs["gating_output"].clone()),
            "per_expert_scale": wrap(inputs["per_expert_scale"].clone()),
        }
        require_reference(gemma4_routing(**wrapped), inputs)
        with torch.no_grad():
            outputs = gemma4_routing(**wrapped, out=empty_outputs(38))
        require_reference(outputs, inputs)


@pytest.fixture
def uninterpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the function behave as without TRITON_INTERPRET=1, which it reads at its import."""
    for module in (op, arguments):
        assert vars(module)["IS_INTERPRETED"] == IS_INTERPRETED
        monkeypatch.setattr(module, "IS_INTERPRETED", False)


@pytest.mark.usefixtures("uninterpreted")
def test_cpu_and_meta_tensors_where_nothing_interprets() -> None:
    """The reference's bits come without a launch or a gradient; meta tensors get their shape."""
    torch.compiler.reset()
    compiled = torch.compile(gemma4_routing, fullgraph=True, backend="aot_eager")
    inputs = make_inputs(38, torch.bfloat16, device=CPU)
    strided = with_a_strided_last_dimension(inputs)
    out = torch.zeros(38, 8), torch.zeros(38, 8, dtype=torch.int32)
    with count_launches(SPEC.jitted) as launches:
        assert gemma4_routing(**inputs, out=out) is out
        require_reference(out, inputs)
        for function in (gemma4_routing, OPERATOR, compiled):
            require_reference(function(**inputs), inputs)
            require_reference(function(**strided), inputs)
    assert launches.total() == 0
    logits, scale = inputs["gating_output"], inputs["per_expert_scale"]
    outputs = gemma4_routing(logits.to("meta"), 8, scale.to("meta"))
    for output, dtype in zip(outputs, (torch.float32, torch.int32), strict=True):
        assert (output.shape, output.dtype, output.device.type) == ((38, 8), dtype, "meta")
    logits = logits.float().requires_grad_()
    assert not gemma4_routing(logits, 8, scale)[0].requires_grad
