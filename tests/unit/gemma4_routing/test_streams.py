"""When and where the routing kernel runs: streams, graphs, devices, and no waiting.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
Where there is no GPU of CUDA or HIP, the same is asked of calls without a stream.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
import torch
import triton
from torch import Tensor

from gemma4_routing import gemma4_routing, gemma4_routing_reference
from gemma4_routing.proof import SPEC
from kernelproof.measure.comparison import bits_of
from kernelproof.spec import InputRows

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
HAS_STREAMS = DEVICE.type == "cuda"
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
EVERY_DEVICE = (
    [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    if HAS_STREAMS
    else [DEVICE]
)
Inputs = tuple[Tensor, int, Tensor]

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)
each_count = pytest.mark.parametrize("count", [1, 1500, 5000] if HAS_STREAMS else [1, 37])
each_topk = pytest.mark.parametrize("topk", [8, 7], ids=["K8", "K7"])


def inputs_of(
    count: int, dtype: torch.dtype, *, topk: int, seed: int = 31, device: torch.device = DEVICE
) -> Inputs:
    """Rows of all distributions, of 128 experts."""
    shape = {"E": 128, "K": topk}
    rows = InputRows(seed=seed, shape=shape, dtype=dtype, device=device, first=0, count=count)
    inputs = SPEC.make_inputs(rows)
    return inputs["gating_output"], topk, inputs["per_expert_scale"]


def require_same(found: tuple[Tensor, ...], inputs: Inputs) -> None:
    """Asserts that these are the reference's bits."""
    for one, other in zip(found, gemma4_routing_reference(*inputs), strict=True):
        assert torch.equal(bits_of(one), bits_of(other))


class Again:
    """A call that is made again with whatever its inputs hold then."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.replay = call


@contextmanager
def captured(call: Callable[[], object]) -> Iterator[torch.cuda.CUDAGraph | Again]:
    """A graph of one call, which itself is made ready before; without streams, the call."""
    call()
    if not HAS_STREAMS:
        yield Again(call)
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
    """Into the same `out`: nothing of the first inputs is in the graph."""
    logits, _, scale = inputs_of(count, dtype, topk=topk)
    weights = torch.full((count, topk), torch.nan, device=DEVICE)
    ids = torch.full((count, topk), -1, dtype=torch.int32, device=DEVICE)
    with captured(lambda: gemma4_routing(logits, topk, scale, out=(weights, ids))) as graph:
        for seed in (1, 2, 3):
            other = inputs_of(count, dtype, topk=topk, seed=seed)
            logits.copy_(other[0])
            scale.copy_(other[2])
            weights.fill_(torch.nan)
            ids.fill_(-1)
            graph.replay()
            require_same((weights, ids), (logits, topk, scale))


@each_topk
def test_outputs_made_under_capture_are_the_graphs_own(topk: int) -> None:
    """Without `out`, too, each replay fills what the captured call returned."""
    logits, _, scale = inputs_of(37, torch.bfloat16, topk=topk)
    outputs: list[tuple[Tensor, Tensor]] = []
    with captured(lambda: outputs.append(gemma4_routing(logits, topk, scale))) as graph:
        logits.copy_(inputs_of(37, torch.bfloat16, topk=topk, seed=9)[0])
        graph.replay()
    require_same(outputs[-1], (logits, topk, scale))


@contextmanager
def no_waiting() -> Iterator[None]:
    """Any wait of the host for the GPU is an error."""
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
    """Not even for rows that keys do not decide on."""
    inputs = inputs_of(count, dtype, topk=topk)
    gemma4_routing(*inputs)
    guard: AbstractContextManager[object] = no_waiting() if HAS_STREAMS else nullcontext()
    with guard:
        found = gemma4_routing(*inputs)
    require_same(found, inputs)


@each_topk
@each_count
@pytest.mark.parametrize("stream", ["default", "side"] if HAS_STREAMS else ["none"])
def test_work_is_ordered_on_the_current_stream(stream: str, count: int, topk: int) -> None:
    """Behind what fills the logits there, late as that is, and before what reads the outputs."""
    logits, _, scale = inputs_of(count, torch.float32, topk=topk)
    gemma4_routing(logits, topk, scale)
    late, last = torch.zeros_like(logits), torch.empty(count, topk, device=DEVICE)
    current: AbstractContextManager[object] = nullcontext()
    if HAS_STREAMS:
        torch.cuda.synchronize()
    if stream == "side":
        current = torch.cuda.stream(torch.cuda.Stream())
    with current:
        if HAS_STREAMS:
            torch.cuda._sleep(20_000_000)  # noqa: SLF001
        late.copy_(logits)
        weights, ids = gemma4_routing(late, topk, scale)
        last.copy_(weights)
        weights.zero_()
        if HAS_STREAMS:
            torch.cuda.current_stream().synchronize()
    require_same((last, ids), (logits, topk, scale))


@each_dtype
@each_topk
@each_count
@pytest.mark.parametrize("device", EVERY_DEVICE, ids=str)
def test_the_device_is_that_of_the_logits(
    device: torch.device, count: int, topk: int, dtype: torch.dtype
) -> None:
    """Whichever is the current one, which it stays."""
    inputs = inputs_of(count, dtype, topk=topk, device=device)
    before = torch.cuda.current_device() if HAS_STREAMS else 0
    for _ in range(2):
        found = gemma4_routing(*inputs)
        assert {one.device for one in found} == {inputs[0].device}
        require_same(found, inputs)
    assert (torch.cuda.current_device() if HAS_STREAMS else 0) == before
