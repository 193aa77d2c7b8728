"""Launches beside the routing kernel: its floor, and peers that compute what it computes."""

import builtins
import json
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from gemma4_routing import gemma4_routing_reference
from gemma4_routing.proof import SPEC
from gemma4_routing.proof.floors import FLOORS, FloorLaunch, least_bytes
from gemma4_routing.proof.peers import PEERS, eager, packed_sort
from tests.unit.gemma4_routing.routing import DEVICE, each_dtype, empty_outputs
from tests.unit.python_process import lines_of

ULP = 2.0**-23
# Compiles each kernel for an H200 without one, and prints a line about it. A floor is compiled at
# the largest tile that it is for, which needs the most registers, and disassembled for its spills.
# The first floor and the packed sort are compiled at each dtype.
COMPILING = """\
import json
from gemma4_routing.proof import floors, peers
from kernelproof.checks.codegen.compile import binary, compiled
from kernelproof.spec import Build

def compile(function, dtype, num_experts, topk, constants, num_warps):
    pointers = {"gating_ptr": dtype, "scale_ptr": "fp32", "weights_ptr": "fp32", "ids_ptr": "i32"}
    integers = {"num_tokens": 2048, "stride_gt": num_experts}
    pointers, integers = ({name: values[name] for name in values if name in function.arg_names}
                          for values in (pointers, integers))
    build = Build(
        backend="cuda", dtype=dtype, shape={"T": 2048}, function=function, pointers=pointers,
        integers=integers, constants={"E": num_experts, "K": topk, **constants},
        rows=constants.get("BLOCK_T", 1), num_warps=num_warps, options={},
    )
    spills = None
    if "BLOCK_T" in constants and dtype == "fp32":
        spills = compiled(build, "sm_90")[1].spills
    else:
        binary(build, "sm_90")
    print(json.dumps({"name": function.__name__, "dtype": dtype, "experts": num_experts,
                      "rows": build.rows, "warps": num_warps, "spills": spills}))

for number, floor in enumerate(floors.FLOORS):
    block_e = min(1024, floor.num_warps * 32 * 128 // floor.rows)
    constants = {"BLOCK_T": floor.rows, "BLOCK_E": block_e, "BLOCK_K": 32}
    for dtype in ("fp32", "fp16", "bf16") if number == 0 else ("fp32",):
        compile(floors._gemma4_routing_floor_kernel, dtype, block_e - 24, 32, constants,
                floor.num_warps)
for dtype, num_experts, topk in (
    ("fp32", 128, 8), ("fp16", 128, 8), ("bf16", 60, 4), ("fp32", 1000, 32)
):
    block_e = 1 << (num_experts - 1).bit_length()
    compile(peers._packed_sort_kernel, dtype, num_experts, topk, {"BLOCK_E": block_e}, 1)
"""


def distinct_logits(num_tokens: int, num_experts: int, dtype: torch.dtype) -> Tensor:
    """Returns rows of the same distinct, finite values of both signs, each in another order."""
    generator = torch.Generator().manual_seed(5)
    values = (torch.arange(num_experts) - num_experts // 2) / 8
    rows = [values[torch.randperm(num_experts, generator=generator)] for _ in range(num_tokens)]
    return torch.stack(rows).to(device=DEVICE, dtype=dtype)


def distinct_scales(num_experts: int) -> Tensor:
    """Returns distinct scales, some of them negative."""
    return (torch.arange(num_experts, device=DEVICE) - 3.25) / 4


def require_close(outputs: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    """Asserts equal ids, in order, and weights within 32 units in the last place."""
    forms = [[(tensor.shape, tensor.dtype) for tensor in pair] for pair in (outputs, expected)]
    assert forms[0] == forms[1]
    assert outputs[1].tolist() == expected[1].tolist()
    torch.testing.assert_close(outputs[0], expected[0], rtol=32 * ULP, atol=0)


@each_dtype
@pytest.mark.parametrize("launch", [packed_sort, eager], ids=["packed sort", "eager"])
def test_a_peer_computes_the_same(
    launch: Callable[..., tuple[Tensor, ...]], dtype: torch.dtype
) -> None:
    """A peer chooses the same experts of distinct logits, with the weights to a few bits."""
    for num_experts, topk in ((8, 3), (11, 4), (16, 1), (8, 8), (8, 2)):
        # The rows are not next to each other.
        logits, scales = distinct_logits(6, num_experts, dtype)[::2], distinct_scales(num_experts)
        inputs = {"gating_output": logits, "topk": topk, "per_expert_scale": scales}
        expected = gemma4_routing_reference(**inputs)
        require_close(launch(**inputs), expected)
        if launch is packed_sort:
            out = empty_outputs(3, topk)
            assert packed_sort(**inputs, out=out) is out
            require_close(out, expected)


def test_packed_sort_puts_the_lower_expert_first() -> None:
    """Equal logits stand in the order of experts; padding never stands before a -inf."""
    logits = torch.tensor([[1.0, 2.0, 1.0, 2.0, -torch.inf]], device=DEVICE)
    _, ids = packed_sort(logits, 5, distinct_scales(5))
    assert ids.tolist() == [[1, 3, 0, 2, 4]]


@each_dtype
@pytest.mark.parametrize("floor", FLOORS, ids=str)
def test_a_floor_reads_every_logit(floor: FloorLaunch, dtype: torch.dtype) -> None:
    """A floor's outputs have the kernel's form, and hold the maximum wherever that stands."""
    # Whole programs and one row more; as many rows as it takes for the maximum to stand anywhere.
    rows = floor.rows * max(1, 8 // floor.rows) + 1
    logits = distinct_logits(rows, 40, dtype)
    weights, ids = floor(logits, 7, distinct_scales(40))
    assert (weights.dtype, ids.dtype) == (torch.float32, torch.int32)
    assert torch.equal(weights, logits.float().amax(1, keepdim=True).expand(rows, 7))
    assert torch.equal(ids.view(torch.float32), weights + torch.arange(7, device=DEVICE))
    out = torch.empty_like(weights), torch.empty_like(ids)
    assert floor(logits, 7, distinct_scales(40), out=out) is out
    assert torch.equal(out[0], weights)


def test_a_floor_is_for_shapes_that_fill_it_and_fit() -> None:
    """A floor refuses fewer rows than a program has, and tiles that would spill."""
    running: dict[int, list[str]] = {}
    for num_tokens, num_experts, topk in ((9, 1000, 32), (1, 8, 2)):
        logits = distinct_logits(num_tokens, num_experts, torch.float32)
        running[num_experts] = names = []
        for floor in FLOORS:
            try:
                weights, _ = floor(logits, topk, distinct_scales(num_experts))
            except NotImplementedError as error:
                shape = f"{num_tokens} rows of {num_experts} values"
                assert str(error) == f"{floor}: not for {shape}"  # noqa: PT017
            else:
                names.append(str(floor))
                largest = logits.amax(1, keepdim=True)
                assert torch.equal(weights, largest.expand(num_tokens, topk))
    assert running == {
        1000: ["1 row, 1 warp", "2 rows, 1 warp", "4 rows, 1 warp", "4 rows, 4 warps",
               "8 rows, 4 warps"],
        8: ["1 row, 1 warp"],
    }  # fmt: skip


def test_least_bytes() -> None:
    """The least bytes are those of logits and scales once, and of both outputs once."""
    shape, others = {"E": 128, "K": 8, "T": 2048}, 128 * 4 + 2048 * 8 * 8
    assert least_bytes(shape, torch.float32) == 2048 * 128 * 4 + others
    assert least_bytes(shape, torch.bfloat16) == 2048 * 128 * 2 + others


def test_the_kernel_names_its_floors_and_peers() -> None:
    """Floors and peers have different names."""
    assert len({str(floor) for floor in SPEC.floors}) == len(SPEC.floors) == 12
    assert list(SPEC.peers) == ["packed sort", "eager", "torch.compile", "vllm", "sglang"]


def _stand_in(name: str, **contents: Any) -> dict[str, ModuleType]:
    """Returns a module of this name and its packages."""
    names = name.split(".")
    modules = {
        part: ModuleType(part) for part in (".".join(names[:i]) for i in range(1, len(names)))
    }
    for module in modules.values():
        module.__path__ = []
    modules[name] = ModuleType(name)
    vars(modules[name]).update(contents)
    return modules


@pytest.mark.parametrize(
    ("peer", "name", "function"),
    [
        ("vllm", "vllm.model_executor.models.gemma4", "gemma4_fused_routing_kernel_triton"),
        ("sglang", "sglang.kernels.ops.layernorm.gemma4_fused_ops", "gemma4_fused_routing"),
        ("sglang", "sglang.srt.layers.gemma4_fused_ops", "gemma4_fused_routing"),
    ],
)
def test_an_installed_peer_is_called(
    monkeypatch: pytest.MonkeyPatch, peer: str, name: str, function: str
) -> None:
    """A peer is found in its package, and called with the arguments in its own order."""
    calls: list[tuple[Any, ...]] = []
    for path in [path for path in sys.modules if path.partition(".")[0] == peer]:
        monkeypatch.delitem(sys.modules, path)
    modules = _stand_in(name, **{function: lambda *arguments: calls.append(arguments)})
    for path, module in modules.items():
        monkeypatch.setitem(sys.modules, path, module)
    launch = PEERS[peer]()
    assert launch is not None
    launch(gating_output="logits", topk=8, per_expert_scale="scale", out=())
    assert calls == [("logits", 8, "scale") if peer == "vllm" else ("logits", "scale", 8)]


@pytest.mark.parametrize("peer", ["vllm", "sglang"])
def test_a_peer_that_is_not_installed_is_none(monkeypatch: pytest.MonkeyPatch, peer: str) -> None:
    """No launch is returned if any part of the peer's package cannot be imported."""
    real_import = builtins.__import__

    def import_others(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.partition(".")[0] == peer:
            raise ImportError(name)
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", import_others)
    assert PEERS[peer]() is None


def test_they_compile_for_a_gpu_without_one() -> None:
    """Every floor and the packed sort compile for an H200; no floor spills.

    In a process, because the kernels of this one may be interpreted.
    """
    lines = [json.loads(line) for line in lines_of(COMPILING, TRITON_INTERPRET="0")]
    floors = [line for line in lines if line["name"] == "_gemma4_routing_floor_kernel"]
    settings = {(line["rows"], line["warps"]) for line in floors}
    assert settings == {(floor.rows, floor.num_warps) for floor in FLOORS}
    assert [line for line in floors if line["dtype"] == "fp32" and line["spills"] != 0] == []
    assert len(lines) - len(floors) == 4
    assert {line["dtype"] for line in lines} == {"fp32", "fp16", "bf16"}
