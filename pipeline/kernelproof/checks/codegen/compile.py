"""A worker that compiles its share of the builds without a GPU, and prints a JSON line for each.

``python -m kernelproof.checks.codegen.compile REQUEST`` runs in a Python with the toolchain's
Triton and TRITON_INTERPRET=0. The store keeps costs by source and toolchain, so that nothing is
compiled twice, and disassemblies by their hashes.
"""

import hashlib
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import triton
from pydantic import ValidationError
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, make_backend

from kernelproof.checks.codegen import disassembly
from kernelproof.checks.codegen.compile_request import CompiledBuild, CompileRequest
from kernelproof.checks.codegen.disassembly import Disassembly
from kernelproof.checks.codegen.instruction_costs import UNITS, counted
from kernelproof.measure.proof_import import spec_of
from kernelproof.records.code_lock import BuildSettings, CodeCosts
from kernelproof.spec import Build

_INT32 = 2**31
_ALIGNMENT = 16
_SM_90 = 90
# Triton's launcher marks arguments of these shapes so: D is a multiple of 16, in bytes for a
# pointer, and S is a pointer to less than 2 GiB, which only AMD's backend makes use of.
_POINTER, _INTEGER = "DS", "D"
_NVIDIA_WARP, _AMD_WAVE = 32, 64  # threads


def work(request: CompileRequest) -> Iterator[CompiledBuild]:
    """Yields each requested build as it begins, then compiled or read from the store."""
    tools = toolchain()
    for kernel in request.kernels:
        spec = spec_of(kernel)
        pairs = [
            (build, architecture)
            for build in spec.builds
            for architecture in request.architectures
            if build.backend == backend_of(architecture)
            and any(fnmatchcase(build.name, pattern) for pattern in request.builds)
        ]
        for build, architecture in pairs[request.share :: request.shares]:
            answer = CompiledBuild(
                kernel=kernel,
                build=build.name,
                architecture=architecture,
                toolchain=tools,
                settings=settings(build),
            )
            yield answer
            try:
                costs = stored_or_compiled(build, architecture, tools, Path(request.store))
                yield answer.model_copy(update={"costs": costs})
            except Exception as error:  # noqa: BLE001  (a compiler's own, of any kind)
                message = f"{type(error).__name__}: {error}".strip()
                yield answer.model_copy(update={"error": message})


def backend_of(architecture: str) -> str:
    """Returns the backend that compiles for an architecture."""
    return "hip" if architecture.startswith("gfx") else "cuda"


def toolchain() -> dict[str, str]:
    """Returns the versions of Triton, which brings LLVM, and of its assemblers."""
    nvidia = triton.knobs.nvidia
    tools = {"ptxas": nvidia.ptxas, "ptxas-blackwell": nvidia.ptxas_blackwell}
    return {"triton": triton.__version__, **{name: tool.version for name, tool in tools.items()}}


def settings(build: Build) -> BuildSettings:
    """Returns the compiler's settings for a build, in the form of a lock."""
    return BuildSettings(
        pointers=dict(build.pointers),
        integers=dict(build.integers),
        constants=dict(build.constants),
        options={"num_warps": build.num_warps, **build.options},
    )


def stored_or_compiled(
    build: Build, architecture: str, tools: Mapping[str, str], store: Path
) -> CodeCosts:
    """Returns the costs of a build, from the store or by compiling it into the store."""
    inputs = [settings(build).model_dump(), build.rows, architecture, dict(tools)]
    text = json.dumps([build.function.cache_key, _program(), *inputs], sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()
    file = store / "costs" / f"{key}.json"
    with suppress(OSError, ValidationError):
        costs = CodeCosts.model_validate_json(file.read_bytes())
        if text_file(store, costs.sha256).is_file():
            return costs
    code, costs = compiled(build, architecture)
    _replace(text_file(store, costs.sha256), zlib.compress(code.text.encode()))
    _replace(file, costs.model_dump_json().encode())
    return costs


def _program() -> str:
    """Returns the hash of the files that compile and count: answers may change with them."""
    folder = Path(__file__).parent
    files = (folder / name for name in ("compile.py", "disassembly.py", "instruction_costs.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def text_file(store: Path, sha256: str) -> Path:
    """Returns the place of a compressed disassembly in the store."""
    return store / "text" / f"{sha256}.z"


def _replace(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(file)


def compiled(build: Build, architecture: str) -> tuple[Disassembly, CodeCosts]:
    """Returns the code of a build on an architecture, and its costs."""
    kernel = binary(build, architecture)
    code = code_of(kernel)
    costs = counted(
        code,
        architecture=architecture,
        rows=build.rows,
        num_warps=kernel.metadata.num_warps,
        shared=kernel.metadata.shared + _shared_of_code(code, architecture),
    )
    return code, costs


def _shared_of_code(code: Disassembly, architecture: str) -> int:
    """Returns the bytes of shared memory that inline assembly declares.

    From sm_90 on, the code's count includes the bytes that the driver reserves.
    """
    is_counted = architecture.startswith("sm_") and int(architecture.removeprefix("sm_")) >= _SM_90
    reserved = UNITS[architecture].reserved if is_counted else 0
    return max(0, code.shared - reserved)


def binary(build: Build, architecture: str) -> Any:
    """Returns the kernel that Triton compiles of a build, as its launcher gets it."""
    target = (
        GPUTarget("hip", architecture, _AMD_WAVE)
        if backend_of(architecture) == "hip"
        else GPUTarget("cuda", int(architecture.removeprefix("sm_")), _NVIDIA_WARP)
    )
    options = {"num_warps": build.num_warps, **build.options}
    return triton.compile(_source(build, make_backend(target)), target=target, options=options)


def code_of(kernel: Any) -> Disassembly:
    """Returns the disassembly of a kernel that Triton compiled, for a launch or without one."""
    if "amdgcn" in kernel.asm:
        return disassembly.of_amdgcn(kernel.asm["amdgcn"])
    return disassembly.of_cubin(kernel.asm["cubin"], triton.knobs.nvidia.cuobjdump.path)


def _source(build: Build, backend: Any) -> ASTSource:
    """Returns the function specialised as by Triton's launcher: by value 1, by multiples of 16."""
    names = build.function.arg_names
    special = {param.name for param in build.function.params if not param.do_not_specialize}
    ones = {name: 1 for name, value in build.integers.items() if value == 1 and name in special}
    constants = {**build.constants, **ones}
    types = {name: f"*{dtype}" for name, dtype in build.pointers.items()}
    types |= {name: "i32" if size < _INT32 else "i64" for name, size in build.integers.items()}
    attributes = dict.fromkeys(build.pointers, _POINTER)
    for name, value in build.integers.items():
        if value % _ALIGNMENT == 0 and name in special:
            attributes[name] = _INTEGER
    return ASTSource(
        fn=build.function,
        signature={name: "constexpr" if name in constants else types[name] for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(names.index(name),): backend.parse_attr(mark) for name, mark in attributes.items()},
    )


def main() -> int:
    """Prints the builds that the command line requests, and returns 0."""
    request = CompileRequest.model_validate_json(sys.argv[1])
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TRITON_CACHE_DIR"] = cache  # of older runs only the store counts
        for build in work(request):
            print(build.model_dump_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
