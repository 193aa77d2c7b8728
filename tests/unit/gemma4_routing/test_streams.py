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


@contextmanager
def captured(call: Callable[[], object]) -> Iterator[Callable[[], object]]:
    """Yields the replay of a call that was made once before; without streams, the call."""
    call()
    if not HAS_STREAMS:
        yield call
        return
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    yield graph.replay


@each_dtype
@each_topk
@each_count
def test_a_captured_call_is_replayed_with_new_inputs(
    count: int, topk: int, dtype: torch.dtype
) -> None:
    """A replay fills the same `out`, and uses nothing of the first inputs."""
    inputs = make_inputs(count, dtype, topk=topk, seed=31)
    out = weights, ids = empty_outputs(count, topk)
    with captured(lambda: gemma4_routing(**inputs, out=out)) as replay:
        for seed in (1, 2, 3):
            others = make_inputs(count, dtype, topk=topk, seed=seed)
            for name in ("gating_output", "per_expert_scale"):
                inputs[name].copy_(others[name])
            weights.fill_(torch.nan)
            ids.fill_(-1)
            replay()
            require_reference(out, inputs)


@each_topk
def test_outputs_made_under_capture_are_the_graphs_own(topk: int) -> None:
    """Each replay fills the outputs that the captured call returned, without `out`, too."""
    inputs = make_inputs(37, torch.bfloat16, topk=topk, seed=31)
    outputs: list[tuple[Tensor, Tensor]] = []
    with captured(lambda: outputs.append(gemma4_routing(**inputs))) as replay:
        others = make_inputs(37, torch.bfloat16, topk=topk, seed=9)
        inputs["gating_output"].copy_(others["gating_output"])
        replay()
    require_reference(outputs[-1], inputs)


@contextmanager
def no_waiting() -> Iterator[None]:
    """Makes any wait of the host for the GPU an error."""
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


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


# torch says so once, of the mode itself.
@pytest.mark.filterwarnings("ignore:Synchronization debug mode is a prototype:UserWarning")
@each_dtype
@each_topk
@each_count
@pytest.mark.parametrize("device", EVERY_DEVICE, ids=str)
def test_the_host_does_not_wait_and_the_current_device_stays(
    device: torch.device, count: int, topk: int, dtype: torch.dtype
) -> None:
    """The launch is on the device of the logits, and never waited for, were rows undecided."""
    inputs = make_inputs(count, dtype, topk=topk, seed=31, device=device)
    before = torch.cuda.current_device() if HAS_STREAMS else 0
    guards: list[AbstractContextManager[object]] = [nullcontext(), nullcontext()]
    if HAS_STREAMS:
        guards[1] = no_waiting()
    for guard in guards:
        with guard:
            outputs = gemma4_routing(**inputs)
        assert {output.device for output in outputs} == {inputs["gating_output"].device}
        require_reference(outputs, inputs)
    assert (torch.cuda.current_device() if HAS_STREAMS else 0) == before
