"""A worker: compiles its share of the builds, without a GPU, and prints one JSON line for each.

``python -m kernelproof.checks.codegen.compile REQUEST`` runs in a Python with the toolchain's Triton, where
TRITON_INTERPRET is 0. What was compiled before, from the same source with the same toolchain, is
read from the store, which is also where the disassemblies are, by their hashes.
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

_TYPES = {"fp64": "fp64", "fp32": "fp32", "fp16": "fp16", "bf16": "bf16", "i32": "i32"}
_INT32 = 2**31
_ALIGNMENT = 16
_SM_90 = 90
# A multiple of 16 bytes or of 16, and a pointer to less than 2 GiB (of which only AMD's backend
# makes anything): what Triton's launcher finds of tensors of these shapes.
_POINTER, _INTEGER = "DS", "D"


def work(request: CompileRequest) -> Iterator[CompiledBuild]:
    """Everything asked for, in its order, compiled or read from the store."""
    tools = toolchain()
    for kernel in request.kernels:
        spec = spec_of(kernel)
        builds = [build for build in spec.builds if _is_wanted(build, request)]
        pairs = [
            (build, one)
            for build in builds
            for one in request.architectures
            if build.backend == backend_of(one)
        ]
        for build, architecture in pairs[request.share :: request.shares]:
            found = CompiledBuild(
                kernel=kernel,
                build=build.name,
                architecture=architecture,
                toolchain=tools,
                settings=settings(build),
            )
            try:
                costs = _stored_or_compiled(build, architecture, tools, Path(request.store))
                yield found.model_copy(update={"costs": costs})
            except Exception as error:  # noqa: BLE001  (a compiler's own, of any kind)
                told = f"{type(error).__name__}: {error}".strip()
                yield found.model_copy(update={"error": told})


def _is_wanted(build: Build, request: CompileRequest) -> bool:
    return any(fnmatchcase(build.name, pattern) for pattern in request.builds)


def backend_of(architecture: str) -> str:
    """The backend that compiles for an architecture."""
    return "hip" if architecture.startswith("gfx") else "cuda"


def toolchain() -> dict[str, str]:
    """The versions of what makes code: Triton, which brings LLVM, and its assemblers."""
    nvidia = triton.knobs.nvidia
    tools = {"ptxas": nvidia.ptxas, "ptxas-blackwell": nvidia.ptxas_blackwell}
    return {"triton": triton.__version__, **{name: tool.version for name, tool in tools.items()}}


def settings(build: Build) -> BuildSettings:
    """What the compiler is told of a build, as a lock holds it."""
    return BuildSettings(
        pointers=dict(build.pointers),
        integers=dict(build.integers),
        constants=dict(build.constants),
        options={"num_warps": build.num_warps, **build.options},
    )


def _stored_or_compiled(
    build: Build, architecture: str, tools: Mapping[str, str], store: Path
) -> CodeCosts:
    told = [settings(build).model_dump(), build.rows, architecture, dict(tools)]
    text = json.dumps([build.function.cache_key, _program(), *told], sort_keys=True)
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
    """The hash of what compiles and counts: answers may change with it."""
    folder = Path(__file__).parent
    files = (folder / name for name in ("compile.py", "disassembly.py", "instruction_costs.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def text_file(store: Path, sha256: str) -> Path:
    """Where the store has a disassembly, compressed."""
    return store / "text" / f"{sha256}.z"


def _replace(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(file)


def compiled(build: Build, architecture: str) -> tuple[Disassembly, CodeCosts]:
    """The code of a build on an architecture, and what it costs."""
    kernel = binary(build, architecture)
    code = code_of(kernel)
    costs = counted(
        code,
        architecture=architecture,
        rows=build.rows,
        num_warps=kernel.metadata.num_warps,
        shared=kernel.metadata.shared + _of_the_code(code, architecture),
    )
    return code, costs


def _of_the_code(code: Disassembly, architecture: str) -> int:
    """Shared memory that inline assembly declares, without what the driver keeps from sm_90 on."""
    is_counted = architecture.startswith("sm_") and int(architecture.removeprefix("sm_")) >= _SM_90
    kept = UNITS[architecture].reserved if is_counted else 0
    return max(0, code.shared - kept)


def binary(build: Build, architecture: str) -> Any:
    """What Triton makes of a build, as its launcher gets it."""
    target = (
        GPUTarget("hip", architecture, 64)
        if backend_of(architecture) == "hip"
        else GPUTarget("cuda", int(architecture.removeprefix("sm_")), 32)
    )
    options = {"num_warps": build.num_warps, **build.options}
    return triton.compile(_source(build, make_backend(target)), target=target, options=options)


def code_of(kernel: Any) -> Disassembly:
    """The disassembly of a kernel that Triton compiled, to launch it or not."""
    if "amdgcn" in kernel.asm:
        return disassembly.of_amdgcn(kernel.asm["amdgcn"])
    return disassembly.of_cubin(kernel.asm["cubin"], triton.knobs.nvidia.cuobjdump.path)


def _source(build: Build, backend: Any) -> ASTSource:
    """The function specialised as Triton's launcher would: by value 1, and by multiples of 16."""
    names = build.function.arg_names
    special = {one.name for one in build.function.params if not one.do_not_specialize}
    ones = {name: 1 for name, value in build.integers.items() if value == 1 and name in special}
    constants = {**build.constants, **ones}
    types = {name: f"*{_TYPES[dtype]}" for name, dtype in build.pointers.items()}
    types |= {name: "i32" if size < _INT32 else "i64" for name, size in build.integers.items()}
    attributes = dict.fromkeys(build.pointers, _POINTER)
    for name, value in build.integers.items():
        if value % _ALIGNMENT == 0 and name in special:
            attributes[name] = _INTEGER
    return ASTSource(
        fn=build.function,
        signature={name: "constexpr" if name in constants else types[name] for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs={(names.index(name),): backend.parse_attr(it) for name, it in attributes.items()},
    )


def main() -> int:
    """Answers the request in the command line."""
    request = CompileRequest.model_validate_json(sys.argv[1])
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TRITON_CACHE_DIR"] = cache  # nothing is taken from older runs but the store
        for found in work(request):
            print(found.model_dump_json(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
