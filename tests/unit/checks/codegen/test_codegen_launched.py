"""Launched code: taken from the launch itself, with a stand-in for the GPU's driver."""

import json
import os
import subprocess
import sys

from gemma4_routing.proof import SPEC
from kernelproof.plan.repository import ROOT

SCRIPT = """\
import json
from types import SimpleNamespace
from unittest.mock import patch

import torch
from triton.compiler import CompiledKernel
from triton.runtime.jit import JITFunction

from gemma4_routing.proof import SPEC
from kernelproof.checks.codegen.compile import binary, code_of
from kernelproof.checks.codegen.launched_code import architecture_here, launched
from kernelproof.errors import NotTheRowError

build = SPEC.builds[0]
kernel = binary(build, "sm_90")
asked = []
spec = SimpleNamespace(
    make_inputs=lambda rows: asked.append(rows) or {"topk": 8},
    launch=lambda topk: build.function[(1,)](topk),
)
with patch.object(JITFunction, "run", lambda *_, **__: kernel), \\
        patch.object(torch.cuda, "synchronize", lambda _: None):
    code = launched(spec, build)
# As a warm launch: past the function, through the compiled kernel that it gave before.
spec.launch = lambda topk: kernel[(1, 1, 1)](topk)
with patch.object(CompiledKernel, "__getitem__", lambda *_: lambda *_: None), \
        patch.object(torch.cuda, "synchronize", lambda _: None):
    warm = launched(spec, build)
try:
    found = architecture_here()
except NotTheRowError as error:
    found = str(error)
rows = asked[0]
print(json.dumps([code.sha256, warm.sha256, code_of(kernel).sha256, dict(rows.shape), rows.count,
                  str(rows.dtype), str(rows.device), found]))
"""


def test_the_code_of_a_launch_is_taken_from_it() -> None:
    """The binary that was run, of inputs of the build's own shape and dtype."""
    environment = {**os.environ, "TRITON_INTERPRET": "0", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    launched, warm, compiled, shape, count, dtype, device, found = json.loads(done.stdout)
    build = SPEC.builds[0]
    assert launched == warm == compiled
    assert (shape, count) == (dict(build.shape), build.shape["T"])
    assert (build.dtype, dtype, device) == ("fp32", "torch.float32", "cuda:0")
    assert found == "codegen: found no GPU, expected one that compiles (unset TRITON_INTERPRET)"


WITHOUT_LINES = """\
from unittest.mock import patch

import triton

from kernelproof.checks.codegen import launched_code

triton.knobs.compilation.disable_line_info = False


def compare(*_):
    yield triton.knobs.compilation.disable_line_info, "asked"


with patch.object(launched_code, "architecture_here", lambda: "sm_90"), \\
        patch.object(launched_code, "compare", compare):
    print(launched_code.main())
"""


def test_launches_are_compiled_as_locks_are() -> None:
    """Without line numbers, which change some of the code."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LINES],
        cwd=ROOT,
        env={**os.environ, "TRITON_INTERPRET": "0"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "asked\nGOOD: 1 of 1 launched same\n0\n"
