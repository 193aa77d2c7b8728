"""Names, sizes and counts of matrix.yaml that would harm: refused with exit code 2, in time."""

import datetime
import re
import time
from pathlib import Path
from typing import Any

import pytest

from kernelproof.errors import Exit, MatrixError
from kernelproof.plan import matrix
from tests.fuzz.readers import READERS
from tests.fuzz.structures import as_yaml
from tests.fuzz.trial import prepare

KERNEL = "gemma4_routing"
TODAY = datetime.date(2026, 11, 24)
# The smaller of the fuzzers' two matrices: one kernel, two rows, three shapes.
WHOLE = READERS["matrix"].samples[1]
# Names that would lead a case's files out of their folder, or two cases to one file.
NAMES = [
    *("../x", "/etc/x", "a/b", "a\\b", "c:x", "a\0b", "..", ".x", "", "a b", "a\nb", "a\n", "-x"),
    *("é", "H200", "h200-fp32", "a" * 65),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree with the names of the real kernels and toolchains."""
    prepare(READERS["matrix"], tmp_path)
    return tmp_path


def _faults(folder: Path, data: Any) -> str:
    """Returns the message of a matrix that is refused: plain lines, none of them long."""
    (folder / "matrix.yaml").write_text(as_yaml(data), encoding="utf-8")
    with pytest.raises(MatrixError) as caught:
        matrix.load(folder / "matrix.yaml", today=TODAY)
    assert caught.value.exit == Exit.MATRIX
    for line in str(caught.value).split("\n"):
        assert line.startswith("matrix.yaml:")
        assert line.isprintable()
        assert len(line) < 1000
    return str(caught.value)


def _with_shapes(shapes: list[Any]) -> dict[str, Any]:
    kernel = {**WHOLE["kernels"][KERNEL], "shapes": shapes}
    return {**WHOLE, "kernels": {KERNEL: kernel}, "skips": []}


def test_a_name_is_a_word_and_an_id_a_short_name_of_a_file(folder: Path) -> None:
    """A name is a folder of baselines or of a kernel, an environment, a part of each case's file.

    A file system takes 255 bytes, of which a draft needs some; the axes may be very many.
    """
    row, kernel = WHOLE["rows"]["cpu"], WHOLE["kernels"][KERNEL]
    word = "expected text that matches '^[a-z][a-z0-9_]{0,63}$'"
    for name in NAMES:
        assert word in _faults(folder, {**WHOLE, "rows": {name: row}}), name
        assert word in _faults(folder, {**WHOLE, "kernels": {name: kernel}}), name
        faults = _faults(folder, {**WHOLE, "rows": {"cpu": {**row, "toolchain": name}}})
        assert "rows.cpu.toolchain: found " in faults, name
    for axis in ("t", "TT", "..", "/", "", "T\n", "1", "É"):
        faults = _faults(folder, _with_shapes([{"axes": {"T": 1, axis: 1}}]))
        assert "expected text that matches '^[A-Z]$'" in faults, axis
    axes = {chr(letter): 2**40 for letter in range(ord("A"), ord("Z") + 1)}
    faults = _faults(folder, _with_shapes([{"axes": axes}]))
    assert re.search(
        r"found case gemma4_routing-\S+, expected an id of at most 200 letters", faults
    )


def test_hostile_words_are_told_on_one_line(folder: Path) -> None:
    """An error message escapes the control characters of the file's words that it repeats."""
    hostile = "a\nb\x1b[2J\u202e" + "x" * 500
    row = {**WHOLE["rows"]["cpu"], "toolchain": hostile}
    kernels = {KERNEL: WHOLE["kernels"][KERNEL], hostile: 1}
    faults = _faults(
        folder, {**WHOLE, "dtypes": [hostile], "rows": {hostile: row}, "kernels": kernels}
    )
    assert "a\\nb\\x1b[2J\\u202e" in faults
    assert "write [a\\nb" in _faults(folder, {**WHOLE, "skips": hostile})


def test_cases_are_counted_before_they_are_made_and_skips_are_few(folder: Path) -> None:
    """Few lines may stand for more cases than memory holds; each skip is compared with each case.

    A likely correction is looked for, too, for each skip.
    """
    start = time.process_time()
    for axes, num_rows, count in (
        ({"E": [*range(1, 101)], "T": [*range(1, 101)]}, 2, 60_000),
        ({"T": [*range(1, 101)]}, 100, 30_000),
        ({chr(65 + n): [*range(99)] for n in range(26)}, 2, 6 * 99**26),
    ):
        rows = {f"r{number}": WHOLE["rows"]["cpu"] for number in range(num_rows)}
        faults = _faults(folder, {**_with_shapes([{"axes": axes}]), "rows": rows})
        assert f"kernels.{KERNEL}.shapes: found {count:,} cases, expected at most 10,000" in faults
    assert time.process_time() - start < 2
    faults = _faults(folder, {**WHOLE, "skips": [*WHOLE["skips"]] * 26})
    assert "skips: found a list, expected at most 25 items" in faults


def test_values_are_counted_before_they_are_read(folder: Path) -> None:
    """A quarter of a megabyte of them took 9 s."""
    start = time.process_time()
    for part in (
        "[" + "a, " * 80_000 + "]",
        "- a\n" * 60_000,
        "a: 1\n" * 50_000,
        "[" + "{}, " * 9**5,
    ):
        (folder / "matrix.yaml").write_text(part)
        with pytest.raises(MatrixError, match="found more keys and values, expected at most 10,0"):
            matrix.load(folder / "matrix.yaml")
    assert time.process_time() - start < 6
