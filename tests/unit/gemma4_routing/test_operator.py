"""`gemma4_routing` as an operator of torch: compiled, traced, faked, and by its own name.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import triton
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

from gemma4_routing import gemma4_routing, gemma4_routing_reference
from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of
from kernelproof.measure.launch_capture import count_launches
from kernelproof.spec import InputRows

IS_INTERPRETED = triton.knobs.runtime.interpret
DEVICE = torch.device("cpu" if IS_INTERPRETED else torch.accelerator.current_accelerator())
BACKEND = "aot_eager" if IS_INTERPRETED else "inductor"
ROOT = Path(__file__).parents[3]
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
OPERATOR = torch.ops.kernelproof.gemma4_routing.default
OPERATOR_OUT = torch.ops.kernelproof.gemma4_routing_out.default
# Opening torch's compiler imports modules that warn of their own imports.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_shape = pytest.mark.parametrize(
    ("num_experts", "topk"), [(128, 8), (40, 7)], ids=["E128-K8", "E40-K7"]
)


def inputs_of(
    count: int, dtype: torch.dtype, num_experts: int = 128, topk: int = 8
) -> tuple[Tensor, int, Tensor]:
    """Logits of all distributions, `topk` and scales."""
    shape = {"E": num_experts, "K": topk}
    rows = InputRows(seed=29, shape=shape, dtype=dtype, device=DEVICE, first=0, count=count)
    inputs = SPEC.make_inputs(rows)
    return inputs["gating_output"], topk, inputs["per_expert_scale"]


def outputs_of(count: int, topk: int = 8) -> tuple[Tensor, Tensor]:
    """Weights and ids that nothing has filled."""
    weights = torch.full((count, topk), torch.nan, device=DEVICE)
    return weights, torch.full((count, topk), -1, dtype=torch.int32, device=DEVICE)


def require_same(found: tuple[Tensor, ...], inputs: tuple[Tensor, int, Tensor]) -> None:
    """Asserts that these are the reference's bits."""
    for one, other in zip(found, gemma4_routing_reference(*inputs), strict=True):
        assert torch.equal(bits_of(one.detach()), bits_of(other.detach()))


def route(logits: Tensor, topk: int, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The function among other operations, as in a model."""
    weights, ids = gemma4_routing(logits * 1, topk, scale)
    return weights * 1, ids + 0


def route_into(
    logits: Tensor, topk: int, scale: Tensor, weights: Tensor, ids: Tensor
) -> tuple[Tensor, Tensor]:
    """The function with `out`."""
    found = gemma4_routing(logits * 1, topk, scale, out=(weights, ids))
    return found[0], found[1]


@each_dtype
@each_shape
@pytest.mark.parametrize("count", [0, 1, 5])
def test_the_operators_pass_the_checks_of_torch(
    count: int, num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """Schema, fake tensors, autograd registration, and AOT dispatch with dynamic shapes."""
    # Rows of numbers: the checks take a NaN for a difference.
    logits = torch.arange(count * num_experts, device=DEVICE).view(count, num_experts).sin()
    inputs = logits.to(dtype), topk, torch.linspace(-1, 2, num_experts, device=DEVICE)
    torch.library.opcheck(OPERATOR, inputs)
    torch.library.opcheck(OPERATOR_OUT, (*inputs, *outputs_of(count, topk)))


@each_dtype
@each_shape
def test_the_operators_give_the_bits_of_the_function(
    num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """By their names, in one launch each."""
    inputs = inputs_of(38, dtype, num_experts, topk)
    out = outputs_of(38, topk)
    with count_launches(SPEC.jitted) as launched:
        found = OPERATOR(*inputs)
        assert OPERATOR_OUT(*inputs, *out) is None
    assert launched.total() == 2
    require_same(found, inputs)
    require_same(out, inputs)


@each_dtype
@pytest.mark.parametrize("is_dynamic", [None, True], ids=["automatic", "dynamic"])
def test_compiled_without_a_graph_break(dtype: torch.dtype, *, is_dynamic: bool | None) -> None:
    """The same bits for several T, 1 among them, with and without `out`."""
    torch.compiler.reset()
    settings: dict[str, Any] = {"fullgraph": True, "backend": BACKEND, "dynamic": is_dynamic}
    compiled, into = torch.compile(route, **settings), torch.compile(route_into, **settings)
    for count in (5, 1, 38, 19):
        inputs = inputs_of(count, dtype)
        require_same(compiled(*inputs), inputs)
        out = outputs_of(count)
        assert all(one is given for one, given in zip(into(*inputs, *out), out, strict=True))
        require_same(out, inputs)


def test_a_marked_dimension_is_compiled_once() -> None:
    """T may be any: no size of it is a guard."""
    torch.compiler.reset()
    counter = torch._dynamo.testing.CompileCounter()  # noqa: SLF001
    compiled = torch.compile(route, fullgraph=True, backend=counter)
    for count in (5, 38, 19, 133):
        inputs = inputs_of(count, torch.float32)
        torch._dynamo.mark_dynamic(inputs[0], 0)  # noqa: SLF001
        require_same(compiled(*inputs), inputs)
    assert counter.frame_count == 1


@each_dtype
def test_traced_by_make_fx(dtype: torch.dtype) -> None:
    """The graph holds the operator once, and runs to the same bits at another T."""
    inputs = inputs_of(5, dtype)
    graph = make_fx(route, tracing_mode="symbolic")(*inputs)
    targets = [node.target for node in graph.graph.nodes]
    assert targets.count(OPERATOR) == 1
    other = inputs_of(38, dtype)
    require_same(graph(*other), other)


@each_dtype
@pytest.mark.parametrize("count", [0, 5])
def test_fake_tensors(count: int, dtype: torch.dtype) -> None:
    """Shapes, dtypes and device, and no launch."""
    with count_launches(SPEC.jitted) as launched, FakeTensorMode():
        logits = torch.empty(count, 128, dtype=dtype, device=DEVICE)
        weights, ids = gemma4_routing(logits, 8, torch.empty(128, device=DEVICE))
        assert gemma4_routing(logits, 8, logits.new_empty(128), out=(weights, ids))[0] is weights
    assert launched.total() == 0
    assert (weights.shape, weights.dtype, weights.device.type) == (
        (count, 8),
        torch.float32,
        DEVICE.type,
    )
    assert (ids.shape, ids.dtype, ids.device.type) == ((count, 8), torch.int32, DEVICE.type)


class Tagged(Tensor):  # type: ignore[misc]
    """A subclass that changes nothing."""


@each_dtype
def test_a_parameter_and_a_subclass_are_tensors(dtype: torch.dtype) -> None:
    """As logits and as scales; with `out`, too."""
    logits, topk, scale = inputs_of(38, dtype)
    for kind in (torch.nn.Parameter, lambda tensor: tensor.as_subclass(Tagged)):
        wrapped = kind(logits.clone()), topk, kind(scale.clone())
        require_same(gemma4_routing(*wrapped), (logits, topk, scale))
        with torch.no_grad():
            out = gemma4_routing(*wrapped, out=outputs_of(38))
        require_same(out, (logits, topk, scale))


@each_dtype
def test_a_strided_last_dimension_is_copied(dtype: torch.dtype) -> None:
    """The operator, the function and the compiled function take it alike."""
    inputs = inputs_of(38, dtype)
    strided = inputs[0].T.contiguous().T, *inputs[1:]
    assert strided[0].stride() == (1, 38)
    torch.compiler.reset()
    compiled = torch.compile(route, fullgraph=True, backend=BACKEND)
    for found in (gemma4_routing(*strided), OPERATOR(*strided), compiled(*strided)):
        require_same(found, inputs)


UNINTERPRETED = """\
import torch
from gemma4_routing import gemma4_routing, gemma4_routing_reference
from gemma4_routing.proof import SPEC
from kernelproof.measure.launch_capture import count_launches
logits = torch.randn(38, 128).to(torch.bfloat16)
scale = torch.linspace(-1, 2, 128)
expected = gemma4_routing_reference(logits, 8, scale)
out = torch.zeros(38, 8), torch.zeros(38, 8, dtype=torch.int32)
with count_launches(SPEC.jitted) as launched:
    gemma4_routing(logits, 8, scale, out=out)
    every = (out, gemma4_routing(logits, 8, scale),
             gemma4_routing(logits.T.contiguous().T, 8, scale),
             torch.ops.kernelproof.gemma4_routing(logits, 8, scale),
             torch.compile(gemma4_routing, fullgraph=True, backend="aot_eager")(logits, 8, scale))
print([torch.equal(a, b) for found in every for a, b in zip(found, expected, strict=True)])
print(launched.total())
weights, ids = gemma4_routing(logits.to("meta"), 8, scale.to("meta"))
print(weights.shape, weights.dtype, weights.device, ids.shape, ids.dtype, ids.device)
print(gemma4_routing(logits.float().requires_grad_(), 8, scale)[0].requires_grad)
"""


def test_cpu_and_meta_tensors_where_nothing_interprets() -> None:
    """The reference's bits, without a launch or a gradient; and meta tensors of their shapes."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", UNINTERPRETED],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.splitlines() == [
        str([True] * 10),
        "0",
        "torch.Size([38, 8]) torch.float32 meta torch.Size([38, 8]) torch.int32 meta",
        "False",
    ], done.stderr
