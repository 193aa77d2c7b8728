"""A wrong matrix as a user meets it: a process that ends with one clear message and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kernelproof.errors import Exit
from kernelproof.plan.repository import ROOT
from tests.unit.plan.test_matrix import SMALL, read

COMMAND = """
import sys
from pathlib import Path
from kernelproof.errors import run_command
from kernelproof.plan.matrix import load

sys.exit(run_command(lambda: print(*load(Path(sys.argv[1])).rows) or 0))
"""
ANCHOR = "the file: found an anchor or alias, expected values in full"
# What stands in SMALL, what somebody writes instead, and the lines that the command prints.
FAULTS = {
    "1e-3 is text": (
        "max_ulp: 6}",
        "max_ulp: 1e-3}",
        [
            "21:23: kernels.toy.dtypes.fp32.max_ulp: found text '1e-3', expected a number; "
            "write 1.0e-3: YAML reads '1e-3' as text"
        ],
    ),
    "no YAML": (
        "rows:",
        "rows: }",
        [
            "3:7: the file: found text that is no YAML (while parsing a block node expected "
            "the node content, but found '}'), expected YAML"
        ],
    ),
    "anchors that explode": (
        SMALL,
        "a: &a [x, x]\nb: [*a, *a]\n",
        [f"1:4: {ANCHOR}", f"2:5: {ANCHOR}", f"2:9: {ANCHOR}"],
    ),
    "a tag that builds objects": (
        "device: cpu",
        "device: !!python/object/apply:os.system [echo built]",
        [
            "6:5: rows.cpu.device: found tag 'tag:yaml.org,2002:python/object/apply:os.system', "
            "expected plain values without tags"
        ],
    ),
    "a terminal's escape": (
        "device: cpu",
        'device: cpu\n    "\\e[2Jé": 1',
        [
            "7:5: rows.cpu['\\x1b[2J\\xe9']: found unknown key '\\x1b[2J\\xe9', expected one of "
            "backend, device, arch, memory_gb, toolchain, runner"
        ],
    ),
}


def _run(file: Path) -> subprocess.CompletedProcess[str]:
    """The command, on a terminal that knows ASCII alone."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, str(file)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(("old", "new", "lines"), FAULTS.values(), ids=FAULTS)
def test_fault_is_told_alone(tmp_path: Path, old: str, new: str, lines: list[str]) -> None:
    """Its lines on standard error, nothing else anywhere, exit code 2."""
    read(tmp_path, SMALL)
    file = tmp_path / "matrix.yaml"
    file.write_text(SMALL.replace(old, new, 1), encoding="utf-8")
    done = _run(file)
    assert done.stderr.splitlines() == [f"matrix.yaml:{line}" for line in lines]
    assert done.stdout == ""
    assert done.returncode == 2


def test_reader_who_leaves_gets_no_traceback() -> None:
    """Printing into a pipe that nobody reads ends with a code of its own."""
    code = "import sys; from kernelproof.errors import run_command; "
    code += "sys.exit(run_command(lambda: print('x' * 10**6) or 0))"
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-c", code]
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(command, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (Exit.RESULTS, b"")


def test_file_of_50_mb_ends_at_once(tmp_path: Path) -> None:
    """It is refused unread: parsed, it would take minutes."""
    file = tmp_path / "matrix.yaml"
    file.write_bytes(b"- [a, b, c, d]\n" * (50 * 2**20 // 15))
    done = _run(file)
    assert done.returncode == Exit.MATRIX
    assert done.stderr == (
        "matrix.yaml:1:1: the file: found 52,428,795 bytes, expected at most 262,144\n"
    )


def test_right_matrix_is_silent(tmp_path: Path) -> None:
    """The same command, with nothing wrong."""
    read(tmp_path, SMALL)
    done = _run(tmp_path / "matrix.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (Exit.GOOD, "cpu h200\n", "")
