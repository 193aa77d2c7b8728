"""Streams, graphs and devices of the routing kernel's launches, and no waiting.

Without a GPU of CUDA or HIP, the same is asked of calls without a stream.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
import torch
from torch import Tensor

from gemma4_routing import gemma4_routing
from tests.unit.gemma4_routing.routing import (
    DEVICE,
    each_dtype,
    empty_outputs,
    make_inputs,
    require_reference,
)

HAS_STREAMS = DEVICE.type == "cuda"
EVERY_DEVICE = (
    [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if HAS_STREAMS
    else [DEVICE]
)

each_count = pytest.mark.parametrize("count", [1, 1500, 5000] if HAS_STREAMS else [1, 37])
each_topk = pytest.mark.parametrize("topk", [8, 7], ids=["K8", "K7"])


class RepeatedCall:
    """A call that is made again with the values that its inputs have then."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.replay = call


@contextmanager
def captured(call: Callable[[], object]) -> Iterator[torch.cuda.CUDAGraph | RepeatedCall]:
    """Yields a graph of a call that was made once before; without streams, the call."""
    call()
    if not HAS_STREAMS:
        yield RepeatedCall(call)
        return
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    yield graph


@each_dtype
@each_topk
@each_count
def test_a_captured_call_is_replayed_with_new_inputs(
    count: int, topk: int, dtype: torch.dtype
) -> None:
    """A replay fills the same `out`, and uses nothing of the first inputs."""
    inputs = make_inputs(count, dtype, topk=topk, seed=31)
    out = weights, ids = empty_outputs(count, topk)
    with captured(lambda: gemma4_routing(**inputs, out=out)) as graph:
        for seed in (1, 2, 3):
            others = make_inputs(count, dtype, topk=topk, seed=seed)
            for name in ("gating_output", "per_expert_scale"):
                inputs[name].copy_(others[name])
            weights.fill_(torch.nan)
            ids.fill_(-1)
            graph.replay()
            require_reference(out, inputs)


@each_topk
def test_outputs_made_under_capture_are_the_graphs_own(topk: int) -> None:
    """Each replay fills the outputs that the captured call returned, without `out`, too."""
    inputs = make_inputs(37, torch.bfloat16, topk=topk, seed=31)
    outputs: list[tuple[Tensor, Tensor]] = []
    with captured(lambda: outputs.append(gemma4_routing(**inputs))) as graph:
        others = make_inputs(37, torch.bfloat16, topk=topk, seed=9)
        inputs["gating_output"].copy_(others["gating_output"])
        graph.replay()
    require_reference(outputs[-1], inputs)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Makes any wait of the host for the GPU an error."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


# torch says so once, of the mode itself.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning")
@each_dtype
@each_topk
@each_count
def test_the_host_does_not_wait(count: int, topk: int, dtype: torch.dtype) -> None:
    """The host never waits, not even for rows that keys do not decide."""
    inputs = make_inputs(count, dtype, topk=topk, seed=31)
    gemma4_routing(**inputs)
    guard: AbstractContextManager[object] = no_waiting() if HAS_STREAMS else nullcontext()
    with guard:
        outputs = gemma4_routing(**inputs)
    require_reference(outputs, inputs)


@each_topk
@each_count
@pytest.mark.parametrize("stream", ["default", "side"] if HAS_STREAMS else ["none"])
def test_work_is_ordered_on_the_current_stream(stream: str, count: int, topk: int) -> None:
    """The launch comes after a late copy that fills the logits, and before outputs are read."""
    inputs = make_inputs(count, torch.float32, topk=topk, seed=31)
    gemma4_routing(**inputs)
    late = torch.zeros_like(inputs["gating_output"])
    last = torch.empty(count, topk, device=DEVICE)
    current: AbstractContextManager[object] = nullcontext()
    if HAS_STREAMS:
        torch.cuda.synchronize()
    if stream == "side":
        current = torch.cuda.stream(torch.cuda.Stream())
    with current:
        if HAS_STREAMS:
            torch.cuda._sleep(20_000_000)  # noqa: SLF001
        late.copy_(inputs["gating_output"])
        weights, ids = gemma4_routing(**{**inputs, "gating_output": late})
        last.copy_(weights)
        weights.zero_()
        if HAS_STREAMS:
            torch.cuda.current_stream().synchronize()
    require_reference((last, ids), inputs)


@each_dtype
@each_topk
@each_count
@pytest.mark.parametrize("device", EVERY_DEVICE, ids=str)
def test_the_device_is_that_of_the_logits(
    device: torch.device, count: int, topk: int, dtype: torch.dtype
) -> None:
    """The launch is on the device of the logits; the current device stays the current one."""
    inputs = make_inputs(count, dtype, topk=topk, seed=31, device=device)
    before = torch.cuda.current_device() if HAS_STREAMS else 0
    for _ in range(2):
        outputs = gemma4_routing(**inputs)
        assert {output.device for output in outputs} == {inputs["gating_output"].device}
        require_reference(outputs, inputs)
    assert (torch.cuda.current_device() if HAS_STREAMS else 0) == before
