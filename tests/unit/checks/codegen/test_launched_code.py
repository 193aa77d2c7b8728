"""Launched code: taken from the launch itself, with a stand-in for the GPU's driver.

In a process of its own, since the kernels of this one are interpreted.
"""

import json

from gemma4_routing.proof import SPEC
from tests.unit.python_process import lines_of

SCRIPT = """\
import json
from types import SimpleNamespace
from unittest.mock import patch

import torch
import triton
from triton.compiler import CompiledKernel
from triton.runtime.jit import JITFunction

from gemma4_routing.proof import SPEC
from kernelproof.checks.codegen import launched_code
from kernelproof.checks.codegen.compile import binary, code_of
from kernelproof.checks.codegen.launched_code import architecture_here, launched
from kernelproof.errors import NotTheRowError

build = SPEC.builds[0]
kernel = binary(build, "sm_90")
requests = []
spec = SimpleNamespace(
    make_inputs=lambda rows: requests.append(rows) or {"topk": 8},
    launch=lambda topk: build.function[(1,)](topk),
)
with patch.object(JITFunction, "run", lambda *_, **__: kernel), \\
        patch.object(torch.cuda, "synchronize", lambda _: None):
    code = launched(spec, build)
# As a warm launch: past the function, through the compiled kernel that it gave before.
spec.launch = lambda topk: kernel[(1, 1, 1)](topk)
with patch.object(CompiledKernel, "__getitem__", lambda *_: lambda *_: None), \\
        patch.object(torch.cuda, "synchronize", lambda _: None):
    warm = launched(spec, build)
try:
    here = architecture_here()
except NotTheRowError as error:
    here = str(error)


def compare(*_):
    yield triton.knobs.compilation.disable_line_info, "compared"


triton.knobs.compilation.disable_line_info = False
with patch.object(launched_code, "architecture_here", lambda: "sm_90"), \\
        patch.object(launched_code, "compare", compare):
    exit_code = launched_code.main()
rows = requests[0]
print(json.dumps({
    "hashes": [code.sha256, warm.sha256, code_of(kernel).sha256],
    "rows": [dict(rows.shape), rows.count, str(rows.dtype), str(rows.device)],
    "here": here,
    "exit": exit_code,
}))
"""


def test_the_code_of_a_launch_is_taken_from_it() -> None:
    """It is the binary that was run, on inputs of the build's own shape and dtype.

    It is compiled as locks are, without line numbers, which change some of the code.
    """
    *lines, last = lines_of(SCRIPT, TRITON_INTERPRET="0", CUDA_VISIBLE_DEVICES="")
    answer = json.loads(last)
    build = SPEC.builds[0]
    assert len(set(answer["hashes"])) == 1
    assert answer["rows"] == [dict(build.shape), build.shape["T"], "torch.float32", "cuda:0"]
    assert build.dtype == "fp32"
    assert answer["here"].startswith("codegen: found no GPU, expected one that compiles")
    assert (lines, answer["exit"]) == (["compared", "GOOD: 1 of 1 launched same"], 0)
