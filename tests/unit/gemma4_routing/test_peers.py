"""What the routing kernel is timed beside: its floor, and peers that compute what it computes.

Interpreted on the CPU where TRITON_INTERPRET=1 is set, compiled for this machine's GPU where not.
"""

import builtins
import json
import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch
import triton
from torch import Tensor

from gemma4_routing import gemma4_routing_reference
from gemma4_routing.proof import SPEC
from gemma4_routing.proof.floors import FLOORS, FloorLaunch, least_bytes
from gemma4_routing.proof.peers import PEERS, eager, packed_sort
from kernelproof.plan.repository import ROOT

DEVICE = torch.device(
    "cpu" if triton.knobs.runtime.interpret else torch.accelerator.current_accelerator()
)
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
ULP = 2.0**-23
# Compiles each kernel for an H200 without one, and prints what its code holds.
COMPILING = """\
import json
from gemma4_routing.proof import floors, peers
from kernelproof.checks.codegen.compile import compiled
from kernelproof.spec import Build

POINTERS = {"weights_ptr": "fp32", "ids_ptr": "i32"}
for num_experts, topk in ((128, 8), (60, 4), (1000, 32)):
    block_e = 1 << (num_experts - 1).bit_length()
    sizes = {"E": num_experts, "K": topk, "BLOCK_E": block_e}
    cuts = [(floor.rows, floor.num_warps) for floor in floors.FLOORS]
    cuts = [(rows, warps) for rows, warps in cuts if rows * block_e <= warps * 32 * 128]
    of_floor = {**sizes, "BLOCK_K": 1 << (topk - 1).bit_length()}
    kernel = floors._gemma4_routing_floor_kernel
    launches = [(kernel, {}, {**of_floor, "BLOCK_T": rows}, warps) for rows, warps in cuts]
    peer = peers._packed_sort_kernel, {"scale_ptr": "fp32"}, sizes, 1
    for function, more, constants, warps in (*launches, peer):
        for dtype in ("fp32", "fp16", "bf16") if num_experts == 128 else ("fp32",):
            integers = {"num_tokens": 2048, "stride_gt": num_experts}
            integers = {name: integers[name] for name in integers if name in function.arg_names}
            build = Build(
                backend="cuda",
                dtype=dtype, shape={"T": 2048}, function=function,
                pointers={"gating_ptr": dtype, **more, **POINTERS},
                integers=integers,
                constants=constants, rows=constants.get("BLOCK_T", 1), num_warps=warps, options={},
            )
            _, costs = compiled(build, "sm_90")
            found = {"name": function.__name__, "experts": num_experts, "warps": warps}
            print(json.dumps({**found, "registers": costs.registers, "spills": costs.spills}))
"""

each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def distinct_logits(num_tokens: int, num_experts: int, dtype: torch.dtype) -> Tensor:
    """Rows of distinct, finite values of both signs, each in another order."""
    dice = torch.Generator().manual_seed(5)
    values = (torch.arange(num_experts) - num_experts // 2) / 8
    rows = [values[torch.randperm(num_experts, generator=dice)] for _ in range(num_tokens)]
    return torch.stack(rows).to(device=DEVICE, dtype=dtype)


def scales(num_experts: int) -> Tensor:
    """Distinct ones, some negative."""
    return (torch.arange(num_experts, device=DEVICE) - 3.25) / 4


def require_close(found: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> None:
    """Asserts equal ids, in order, and weights within 32 units in the last place."""
    assert [(one.shape, one.dtype) for one in found] == [(one.shape, one.dtype) for one in expected]
    assert found[1].tolist() == expected[1].tolist()
    torch.testing.assert_close(found[0], expected[0], rtol=32 * ULP, atol=0)


@each_dtype
@pytest.mark.parametrize("launch", [packed_sort, eager], ids=["packed sort", "eager"])
@pytest.mark.parametrize(("num_experts", "topk"), [(8, 3), (11, 4), (16, 1), (8, 8)])
def test_a_peer_computes_the_same(
    launch: Callable[..., tuple[Tensor, ...]], num_experts: int, topk: int, dtype: torch.dtype
) -> None:
    """On distinct logits: the same experts in the same order, and the weights to a few bits."""
    logits = distinct_logits(3, num_experts, dtype)
    inputs = {"gating_output": logits, "topk": topk, "per_expert_scale": scales(num_experts)}
    require_close(launch(**inputs), gemma4_routing_reference(**inputs))


@each_dtype
def test_packed_sort_writes_into_out(dtype: torch.dtype) -> None:
    """And takes rows that are not next to each other."""
    logits = distinct_logits(6, 8, dtype)[::2]
    out = torch.zeros((3, 2), device=DEVICE), torch.zeros((3, 2), dtype=torch.int32, device=DEVICE)
    assert packed_sort(logits, 2, scales(8), out=out) is out
    require_close(out, gemma4_routing_reference(logits, 2, scales(8)))


def test_packed_sort_puts_the_lower_expert_first() -> None:
    """Of equal logits; padding never stands before a -inf."""
    logits = torch.tensor([[1.0, 2.0, 1.0, 2.0, -torch.inf]], device=DEVICE)
    _, ids = packed_sort(logits, 5, scales(5))
    assert ids.tolist() == [[1, 3, 0, 2, 4]]


@each_dtype
@pytest.mark.parametrize("floor", FLOORS, ids=str)
def test_a_floor_reads_every_logit(floor: FloorLaunch, dtype: torch.dtype) -> None:
    """Its outputs have the kernel's form, and hold the maximum wherever that stands."""
    logits = distinct_logits(67, 40, dtype)
    weights, ids = floor(logits, 7, scales(40))
    assert (weights.dtype, ids.dtype) == (torch.float32, torch.int32)
    assert torch.equal(weights, logits.float().amax(1, keepdim=True).expand(67, 7))
    places = torch.arange(7, device=DEVICE)
    assert torch.equal(ids.view(torch.float32), weights + places)
    out = torch.empty_like(weights), torch.empty_like(ids)
    assert floor(logits, 7, scales(40), out=out) is out
    assert torch.equal(out[0], weights)


def test_a_floor_takes_any_number_of_experts() -> None:
    """1000 of them, too, where a tile of them fits into registers."""
    logits = distinct_logits(9, 1000, torch.float32)
    runs = []
    for floor in FLOORS:
        try:
            weights, _ = floor(logits, 32, scales(1000))
        except NotImplementedError as error:
            assert str(error) == f"{floor}: not for 9 rows of 1000 values"  # noqa: PT017
        else:
            runs.append(str(floor))
            assert torch.equal(weights, logits.amax(1, keepdim=True).expand(9, 32))
    assert runs == ["1 row, 1 warp", "2 rows, 1 warp", "4 rows, 1 warp", "4 rows, 4 warps",
                    "8 rows, 4 warps"]  # fmt: skip


def test_a_floor_is_for_as_many_rows_as_there_are() -> None:
    """At one token there is one way to cut it."""
    logits, runs = distinct_logits(1, 8, torch.float32), []
    for floor in FLOORS:
        try:
            floor(logits, 2, scales(8))
        except NotImplementedError:
            continue
        runs.append(str(floor))
    assert runs == ["1 row, 1 warp"]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(torch.float32, 2048 * 512 + 512 + 2048 * 64), (torch.bfloat16, 2048 * 256 + 512 + 2048 * 64)],
)
def test_least_bytes(dtype: torch.dtype, expected: int) -> None:
    """Logits and scales once, both outputs once."""
    assert least_bytes({"E": 128, "K": 8, "T": 2048}, dtype) == expected


def test_the_kernel_names_its_floors_and_peers() -> None:
    """By names that are all different."""
    assert len({str(floor) for floor in SPEC.floors}) == len(SPEC.floors) == 12
    assert list(SPEC.peers) == ["packed sort", "eager", "torch.compile", "vllm", "sglang"]


def _module(name: str, **contents: Any) -> dict[str, ModuleType]:
    """A module of this name, within its packages."""
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
def test_an_installed_peer_is_found(
    monkeypatch: pytest.MonkeyPatch, peer: str, name: str, function: str
) -> None:
    """Where its package has it, called with the arguments in its own order."""
    called: list[tuple[Any, ...]] = []
    for module in [known for known in sys.modules if known.partition(".")[0] == peer]:
        monkeypatch.delitem(sys.modules, module)
    stand_in = _module(name, **{function: lambda *given: called.append(given)})
    for path, content in stand_in.items():
        monkeypatch.setitem(sys.modules, path, content)
    launch = PEERS[peer]()
    assert launch is not None
    launch(gating_output="logits", topk=8, per_expert_scale="scale", out=())
    assert called == [("logits", 8, "scale") if peer == "vllm" else ("logits", "scale", 8)]


@pytest.mark.parametrize("peer", ["vllm", "sglang"])
def test_a_peer_that_is_not_installed_is_none(monkeypatch: pytest.MonkeyPatch, peer: str) -> None:
    """Whatever part of it cannot be imported."""
    real = builtins.__import__

    def without(name: str, *arguments: Any, **others: Any) -> Any:
        if name.partition(".")[0] == peer:
            raise ImportError(name)
        return real(name, *arguments, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    assert PEERS[peer]() is None


def test_they_compile_for_a_gpu_without_one() -> None:
    """Every floor and the packed sort, on an H200's architecture; no floor spills."""
    done = subprocess.run(
        [sys.executable, "-c", COMPILING],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["name"] for one in found} == {"_gemma4_routing_floor_kernel", "_packed_sort_kernel"}
    assert len(found) == 3 * (12 + 1) + (12 + 1) + (7 + 1)
    spilling = [one for one in found if one["spills"] and "floor" in one["name"]]
    assert spilling == []
