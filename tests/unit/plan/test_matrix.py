"""A matrix file with something wrong in its keys, types or numbers: every fault is told at once."""

import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from kernelproof.errors import Exit, MatrixError
from kernelproof.plan import matrix
from kernelproof.plan.repository import TOOLCHAINS
from kernelproof.plan.schema import Matrix

# The toolchains, by name.
KNOWN = ", ".join(sorted(file.stem for file in TOOLCHAINS.glob("*.txt")))
TODAY = datetime.date(2026, 11, 23)
SMALL = """\
dtypes: [fp32, bf16]

rows:
  cpu:
    backend: interpreter
    device: cpu
    arch: x86_64
    memory_gb: 16
    toolchain: cpu
    runner: [ubuntu-24.04]
  h200:
    backend: cuda
    device: NVIDIA H200
    arch: sm_90
    memory_gb: 141
    toolchain: cuda
    runner: [self-hosted, h200]
kernels:
  toy:
    dtypes:
      fp32: {max_ulp: 6}
      bf16: {max_ulp: 6.5}
    seconds_per_case: 10
    golden: false
    shapes:
      - axes: {E: 8, K: 2, T: [0, 1, 130]}
      - axes: {E: 8, K: 2, T: 4096}
        dtypes: [bf16]
        min_memory_gb: 80

skips: []
"""


def read(folder: Path, text: str, *, today: datetime.date = TODAY) -> Matrix:
    """The matrix of this text, beside a kernel's folder."""
    (folder / "kernels" / "toy").mkdir(parents=True)
    for name in ("__init__.py", "proof.py"):
        (folder / "kernels" / "toy" / name).touch()
    (folder / "matrix.yaml").write_text(text, encoding="utf-8")
    return matrix.load(folder / "matrix.yaml", today=today)


def faults(folder: Path, text: str, *, today: datetime.date = TODAY) -> str:
    """All that is told of this text, without the file's name."""
    with pytest.raises(MatrixError) as caught:
        read(folder, text, today=today)
    assert caught.value.exit == Exit.MATRIX
    return "\n".join(str(fault) for fault in caught.value.faults)


def test_small_matrix_is_read(tmp_path: Path) -> None:
    """Each value comes as its own type, a size alone as a list, and none can be changed."""
    small = read(tmp_path, SMALL)
    assert small.rows["h200"].runner == ["self-hosted", "h200"]
    assert small.kernels["toy"].promise("fp32").max_ulp == 6.0
    assert small.kernels["toy"].shapes[1].axes == {"E": [8], "K": [2], "T": [4096]}
    with pytest.raises(ValidationError, match="frozen"):
        small.rows["h200"].memory_gb = 1


def test_rows_say_whether_triton_interprets(tmp_path: Path) -> None:
    """The interpreter's row sets the variable that Triton reads, the others unset it."""
    rows = read(tmp_path, SMALL).rows
    assert rows["cpu"].environment == {"TRITON_INTERPRET": "1"}
    assert rows["h200"].environment == {"TRITON_INTERPRET": "0"}


def test_every_fault_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    """Faults of YAML, of types and of agreement stand together, in the order of their lines."""
    text = SMALL.replace("bf16]", "bf17]", 1).replace("device: cpu", "device: off")
    text = text.replace("memory_gb: 141", "memory_gb: 1e2\n    memory_gb: 141")
    text = text.replace("toolchain: cuda", "toolchain: cuba").replace("  toy:", "  toi:")
    with pytest.raises(MatrixError) as caught:
        read(tmp_path, text.replace("skips: []", "skips:\n- {until: 2020-01-01}"))
    dtypes = "'fp64', 'fp32', 'fp16', 'bf16', 'fp8e4m3' or 'fp8e5m2'"
    assert str(caught.value).splitlines() == [
        f"matrix.yaml:1:16: dtypes[1]: found text 'bf17', expected {dtypes}; did you mean 'bf16'?",
        "matrix.yaml:6:13: rows.cpu.device: found 'off', which YAML 1.1 reads as bool, "
        "expected a plain value; write 'off' in quotes if it is text",
        "matrix.yaml:15:16: rows.h200.memory_gb: found text '1e2', expected an integer; "
        "write 100: YAML reads '1e2' as text",
        "matrix.yaml:16:5: rows.h200.memory_gb: found the key again, expected each key once; "
        "keep one, the first is on line 15",
        "matrix.yaml:17:16: rows.h200.toolchain: found 'cuba', "
        f"expected a toolchain of kernelproof: {KNOWN}; did you mean 'cuda'?",
        "matrix.yaml:19:1: kernels: found no block for the folder kernels/toy/, "
        "expected a block a folder; add a block 'toy', or remove the folder",
        "matrix.yaml:20:3: kernels.toi: found no folder, "
        "expected a folder kernels/toi/ with an __init__.py and a proof; did you mean 'toy'?",
        "matrix.yaml:23:7: kernels.toi.dtypes.bf16: found dtype 'bf16', "
        "expected one of the file's dtypes: fp32, bf17",
        "matrix.yaml:33:3: skips[0].cases: found nothing, expected a value for 'cases'",
        "matrix.yaml:33:3: skips[0].check: found nothing, expected a value for 'check'",
        "matrix.yaml:33:3: skips[0].reason: found nothing, expected a value for 'reason'",
        "matrix.yaml:33:11: skips[0].until: found a skip that expired on 2020-01-01, "
        "expected a date from 2026-11-23 on; run the cases again, or renew the date with a reason",
    ]


def test_faults_beyond_the_twenty_fifth_are_counted(tmp_path: Path) -> None:
    """A file that is wrong everywhere does not fill the screen; the error holds all the same."""
    more = "\n".join(f"k{i}: 1" for i in range(40))
    with pytest.raises(MatrixError) as caught:
        read(tmp_path, f"{SMALL}{more}\n")
    assert len(caught.value.faults) == 40
    lines = str(caught.value).splitlines()
    assert len(lines) == 26
    assert lines[-1] == "matrix.yaml: and 15 more"


@pytest.mark.parametrize("text", ["~", "- a", "hello", "3"], ids=["null", "list", "text", "number"])
def test_file_that_is_no_mapping(tmp_path: Path, text: str) -> None:
    """One fault says so; its missing parts are not told one by one."""
    found = {"~": "nothing", "- a": "a list", "hello": "text 'hello'", "3": "int '3'"}[text]
    assert faults(tmp_path, text) == f"1:1: the file: found {found}, expected a mapping"


def test_file_without_its_parts(tmp_path: Path) -> None:
    """Each part that is missing is named."""
    assert faults(tmp_path, "{}") == "\n".join(
        f"1:1: {part}: found nothing, expected a value for {part!r}"
        for part in ("dtypes", "kernels", "rows", "skips")
    )
