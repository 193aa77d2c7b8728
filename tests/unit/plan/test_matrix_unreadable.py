"""A matrix file of which nothing can be read, and how a user meets it: a few lines, exit code 2."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelproof.errors import Exit, MatrixError, run_command
from kernelproof.plan import matrix
from kernelproof.plan.repository import ROOT
from tests.unit.plan.test_matrix import SMALL, read

LAUGHS = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
ANCHOR = "the file: found an anchor or alias, expected values in full"
ESCAPE = "the file: found an escape of no character, expected text"
EMPTY = "1:1: the file: found an empty file, expected rows, dtypes and kernels"
NESTED = "the file: found deeper nesting, expected at most 16 levels"
NO_YAML = "the file: found text that is no YAML"

# What nothing can be read of: the file's bytes, and how each of the faults begins.
UNREADABLE: list[tuple[str | bytes, list[str]]] = [
    ("", [EMPTY]),
    (" \n\n", [EMPTY]),
    ("# rows:\n", [EMPTY]),
    (
        "rows: [\n",
        [f"2:1: {NO_YAML} (while parsing a flow node expected the node content, but fou"],
    ),
    ("rows: a: b\n", [f"1:8: {NO_YAML} (mapping values are not allowed here), expected YAML"]),
    ("rows:\n\tcpu: 1\n", [f"2:1: {NO_YAML} (while scanning for the next token found char"]),
    (
        "a: 1\n---\nb: 2\n",
        [f"2:1: {NO_YAML} (expected a single document in the stream but found an"],
    ),
    ("%YAML 2.0\n---\na: 1\n", [f"1:1: {NO_YAML} (found incompatible YAML document"]),
    ("a: !x!y 1\n", [f"1:4: {NO_YAML} (while parsing a node found undefined tag handle '!x!')"]),
    ('a: "\\q"\n', [f"1:6: {NO_YAML} (while scanning a double-quoted scalar found unknown escape"]),
    ("a: 1\nb: \0\n", ["2:4: the file: found character '\\x00', expected plain text"]),
    ("a: \a\n", ["1:4: the file: found character '\\x07', expected plain text"]),
    (b"a: 1\nb: caf\xe9\n", ["2:7: the file: found byte 0xe9, which is no UTF-8, expected UTF-8"]),
    (
        "a: 1\n".encode("utf-16"),
        ["1:1: the file: found byte 0xff, which is no UTF-8, expected UTF"],
    ),
    ('a: 1\nb: "\\UFFFFFFFF"\n', [f"2:7: {ESCAPE}"]),
    ('a: 1\nb: "\\ud800"\n', [f"2:4: {ESCAPE}"]),
    ('"\\udfff": 1\n', [f"1:1: {ESCAPE}"]),
    (LAUGHS, [f"{at}: {ANCHOR}" for at in ("1:4", "2:4", "2:8", "2:12", "3:5", "3:9")]),
    ("&a [*a]\n", [f"1:1: {ANCHOR}", f"1:5: {ANCHOR}"]),
    ("a: *x\n", [f"1:4: {ANCHOR}"]),
    ("[" * 3000, [f"1:17: {NESTED}"]),
    ("- " * 3000, [f"1:33: {NESTED}"]),
    ("".join(f"{' ' * i}a:\n" for i in range(400)), [f"17:17: {NESTED}"]),
    # Expanded, the last of these lists would hold nine to the power of 39 values.
    (
        "a0: &a0 [x]\n"
        + "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)),
        [""] * 25 + [f"and {1 + 39 * 10 - 25} more"],
    ),
]


def test_each_unreadable_file_is_told(tmp_path: Path) -> None:
    """An unreadable matrix.yaml gives the expected few lines of error, each with its place."""
    file = tmp_path / "matrix.yaml"
    wrong = []
    for content, beginnings in UNREADABLE:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(MatrixError) as caught:
            matrix.load(file)
        lines = str(caught.value).splitlines()
        is_told = len(lines) == len(beginnings) and all(
            line.startswith(f"matrix.yaml:{' ' * beginning.startswith('and')}{beginning}")
            for line, beginning in zip(lines, beginnings, strict=True)
        )
        wrong += [] if is_told and caught.value.exit == Exit.MATRIX else [str(caught.value)]
    assert wrong == []


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A missing file, a folder, and a file of 50 MB, which parsed would take minutes."""
    file = tmp_path / "matrix.yaml"
    file.with_name("large.yaml").write_bytes(b"- [a, b, c, d]\n" * (50 * 2**20 // 15))
    start = time.process_time()
    for place, said in (
        (file, "found no such file or directory, expected a readable file"),
        (tmp_path, "found is a directory, expected a readable file"),
        (file.with_name("large.yaml"), "found 52,428,795 bytes, expected at most 262,144"),
    ):
        with pytest.raises(MatrixError) as caught:
            matrix.load(place)
        assert str(caught.value) == f"{place.name}:1:1: the file: {said}"
    assert time.process_time() - start < 1


def test_a_user_sees_its_lines_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, and exit code 2; a tag builds no object, an escape stays text."""
    read(tmp_path, SMALL)
    file = tmp_path / "matrix.yaml"

    def load() -> int:
        return len(matrix.load(file).rows)

    assert (run_command(load), capsys.readouterr()) == (2, ("", ""))
    tag = "!!python/object/apply:os.system [echo built]"
    text = SMALL.replace("device: cpu", f'device: {tag}\n    "\\e[2Jé": 1')
    file.write_text(text, encoding="utf-8")
    assert run_command(load) == Exit.MATRIX
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert first.startswith("matrix.yaml:6:5: rows.cpu.device: found tag 'tag:yaml.org,2002:python")
    key = "rows.cpu['\\x1b[2Jé']: found unknown key '\\x1b[2Jé'"
    assert second.startswith(f"matrix.yaml:7:5: {key}, expected one of backend, ")
    assert printed.out == ""


def test_a_terminal_without_unicode_and_a_reader_who_leaves(tmp_path: Path) -> None:
    """Processes, because the encoding and the pipe are theirs: exit code 2, or 3 and no trace."""
    (tmp_path / "matrix.yaml").write_text('"é\\e": 1', encoding="utf-8")
    code = """
import sys; from pathlib import Path; from kernelproof.errors import run_command
from kernelproof.plan.matrix import load
sys.exit(run_command(lambda: print(load(Path(sys.argv[1])) if sys.argv[1:] else "x" * 10**6) or 0))
"""
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*command, str(tmp_path / "matrix.yaml")],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (Exit.MATRIX, "")
    assert "found unknown key '\\xe9\\x1b', expected one of" in done.stderr
    assert "Traceback" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        done = subprocess.run(
            command, cwd=ROOT, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (Exit.RESULTS, "")
