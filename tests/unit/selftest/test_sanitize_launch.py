"""The launches that run under a tool: cases in exact memory of their own, and planted errors."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

import gemma4_routing as routing
from gemma4_routing import proof
from gemma4_routing.launch import launch_settings
from kernelproof.plan import cases, matrix
from kernelproof.plan.cases import Case
from kernelproof.plan.repository import python_path
from kernelproof.plan.value_types import DTYPES
from kernelproof.selftest.sanitize.case_launches import _placed, answer
from kernelproof.selftest.sanitize.tools import TOOLS
from tests.unit.python_process import lines_of

CPU = torch.device("cpu")
SIZES = (("E", 8), ("K", 2))
CASE = Case(kernel="gemma4_routing", row="cpu", dtype="fp32", shape=(*SIZES, ("T", 33)))
# The instruction of each planted error, in PTX.
ERRORS = {
    "memcheck": ", 512;",  # added to the address of the words, of which there are 512 bytes
    "racecheck": "@reads ld.shared.b32",
    "initcheck": "ld.global.b32",
    "synccheck": "@comes bar.warp.sync",
}
COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from kernelproof.selftest.sanitize import planted_errors

SIGNATURES = {
    "memcheck": ({"words_ptr": "*i32", "WORDS": "constexpr"}, {(1,): 128}, 1),
    "racecheck": ({"words_ptr": "*i32"}, {}, 2),
    "initcheck": ({"words_ptr": "*i32", "copied_ptr": "*i32"}, {}, 1),
    "synccheck": ({"words_ptr": "*i32", "lanes": "i32"}, {}, 1),
}
for name, (signature, constants, warps) in SIGNATURES.items():
    function = getattr(planted_errors, f"_planted_{name}_kernel")
    source = ASTSource(function, signature, constants)
    target = GPUTarget("cuda", 90, 32)
    compiled = triton.compile(source, target=target, options={"num_warps": warps})
    print(f"== {name} {compiled.metadata.name}")
    print(compiled.asm["ptx"])
"""


def test_a_case_passes() -> None:
    """Every form of the inputs is launched once, or the inputs alone if they have many rows."""
    few = answer(CASE, 7, CPU)
    logits, scale = torch.zeros(33, 8), torch.ones(8)
    inputs = {"gating_output": logits, "topk": 2, "per_expert_scale": scale}
    forms = list(proof.SPEC.forms(inputs)) if proof.SPEC.forms else []
    assert (few.outcome, few.reason, few.launches) == ("pass", "", 2 + len(forms))
    many = replace(CASE, shape=(*SIZES, ("T", 65)))
    assert answer(many, 7, CPU).launches == 1
    single = replace(CASE, shape=(*SIZES, ("T", 1)))
    assert answer(single, 7, CPU).launches == len(proof.SPEC.distributions) + 1 + len(forms)


def test_wrong_bits_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A launch of another kernel is a failure, too; an exception is an error."""

    def wrong(*, out: tuple[Tensor, ...], **inputs: Any) -> tuple[Tensor, ...]:
        routing.gemma4_routing(**inputs, out=out)
        out[1][3] = 0
        return out

    def absent(*, out: tuple[Tensor, ...], **inputs: Any) -> tuple[Tensor, ...]:
        references = routing.gemma4_routing_reference(**inputs)
        for output, reference in zip(out, references, strict=True):
            output.copy_(reference)
        return out

    def raising(**_: Any) -> tuple[Tensor, ...]:
        raise RuntimeError("CUDA error: unspecified launch failure")

    expected = {
        wrong: ("fail", "topk_ids is not that of the reference, of rows from 0 on: "),
        absent: ("fail", "launches: found 0 of the Triton kernel, expected 1"),
        raising: ("error", "RuntimeError: CUDA error: unspecified launch failure"),
    }
    for launch, (outcome, reason) in expected.items():
        monkeypatch.setattr(proof, "SPEC", replace(proof.SPEC, launch=launch))
        case_answer = answer(CASE, 7, CPU)
        assert case_answer.outcome == outcome
        assert case_answer.reason.startswith(reason)


@pytest.mark.parametrize(
    "value",
    [
        torch.arange(12.0).view(3, 4),
        torch.arange(12.0).view(3, 4)[::2],
        torch.arange(12.0).view(3, 4)[:, ::2],
        torch.arange(13.0)[1:].view(3, 4)[:, :3],
        torch.arange(12.0)[:0].view(0, 4),
        torch.tensor(3.0),
    ],
)
def test_a_tensor_has_memory_of_its_own(value: Tensor) -> None:
    """The memory ends with the last value; strides and offset stay."""
    placed = _placed(value, CPU)
    assert isinstance(placed, Tensor)
    assert torch.equal(placed, value)
    assert (placed.stride(), placed.storage_offset()) == (value.stride(), value.storage_offset())
    places = torch.ones(value.shape).nonzero().tolist()
    last = max((placed[(*place,)].data_ptr() for place in places), default=placed.data_ptr())
    storage = placed.untyped_storage()
    end = storage.data_ptr() + storage.nbytes()
    assert end == (last + value.element_size() if value.numel() else storage.data_ptr())
    assert _placed(8, CPU) == 8


def test_planted_errors_compile() -> None:
    """They compile for an H200 into the kernels that the tools name, with the error in their code.

    In a process, since Triton interprets in this one.
    """
    compiled = "\n".join(lines_of(COMPILE, TRITON_INTERPRET="0", PYTHONPATH=python_path()))
    codes = {code.split()[0]: code for code in compiled.split("== ")[1:]}
    assert list(codes) == [tool.name for tool in TOOLS] == list(ERRORS)
    for tool in TOOLS:
        assert codes[tool.name].split()[1] == tool.planted_kernel
        assert ERRORS[tool.name] in codes[tool.name]


def test_every_launch_setting_is_checked() -> None:
    """The tools check every setting that parity and bench launch on an NVIDIA row."""
    plan = matrix.load()
    planned = [*cases.cases_of(plan), *cases.listed_cases(plan, cases.BENCH)]
    assert _settings(planned) <= _settings(cases.listed_cases(plan, cases.SANITIZE))


def _settings(planned: Any) -> set[tuple[Any, ...]]:
    """Returns kernel, lanes, more than two rows a program, and dtype of the h200 row's cases."""
    settings = set()
    for case in planned:
        shape = dict(case.shape)
        if case.row != "h200" or not shape["T"]:
            continue
        dtype = getattr(torch, DTYPES[case.dtype])
        launch = launch_settings(dtype, (shape["T"], shape["E"], shape["K"]), "cuda")
        is_many = launch.rows > 2 and "LANES" not in launch.constants
        lanes = launch.constants.get("LANES")
        settings.add((launch.function.__name__, lanes, is_many, case.dtype))
    return settings
