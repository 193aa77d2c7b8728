"""The drift table: what another toolchain changes of the code, by planted answers."""

import sys
from pathlib import Path
from typing import Any

import pytest

from kernelproof.checks.codegen import __main__ as command
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest
from kernelproof.machine import toolchain
from kernelproof.records import code_lock as locks


def test_another_toolchain_compiles_and_blocks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its Python, over this one, is the workers'; registers and instructions are told."""
    lock = locks.read("gemma4_routing")
    assert lock is not None
    build, costs = next(iter(lock.costs.items()))
    found = CompiledBuild(
        kernel="gemma4_routing",
        build=build,
        architecture="sm_90",
        toolchain={**lock.toolchain, "triton": "9.8.7"},
        settings=lock.builds[build],
        costs=costs["sm_90"].model_copy(update={"registers": 77, "sha256": "0" * 64}),
    )
    pythons = []

    def ask(_: CompileRequest, *, python: Path, **__: Any) -> list[CompiledBuild]:
        pythons.append(python)
        return [found]

    def python_of(name: str, *, over: Path) -> Path:
        return over.with_name(f"over-{name}")

    monkeypatch.setattr(command, "ask", ask)
    monkeypatch.setattr(toolchain, "python_of", python_of)
    arguments = ["--toolchain", "codegen-3.9", "--arch", "sm_90", "--build", build]
    assert command.main(arguments) == 0
    assert pythons == [Path(sys.executable).with_name("over-codegen-3.9")]
    triton, registers = lock.toolchain["triton"], costs["sm_90"].registers
    assert capsys.readouterr().out.splitlines()[1:3] == [
        f"gemma4_routing: triton {triton} -> 9.8.7: 1 changed",
        f"  changed {build} sm_90: registers {registers} -> 77",
    ]
