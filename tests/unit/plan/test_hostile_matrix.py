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
NAMES = {
    "above": "../x",
    "absolute": "/etc/x",
    "a folder": "a/b",
    "a folder of Windows": "a\\b",
    "a drive": "c:x",
    "NUL": "a\0b",
    "dots": "..",
    "hidden": ".x",
    "nothing": "",
    "space": "a b",
    "a line": "a\nb",
    "a line at its end": "a\n",
    "an option": "-x",
    "other letters": "é",
    "capitals, alike where case is none": "H200",
    "a hyphen, as between the parts of an id": "h200-fp32",
    "long": "a" * 65,
}

each_name = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree with the names of the real kernels and toolchains."""
    prepare(READERS["matrix"], tmp_path)
    return tmp_path


def _told(folder: Path, data: Any) -> str:
    """What is said of a matrix that is refused."""
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


@each_name
def test_a_row_s_name_is_a_word(folder: Path, name: str) -> None:
    """It is a folder of baselines, and a part of each case's file."""
    told = _told(folder, {**WHOLE, "rows": {name: WHOLE["rows"]["cpu"]}})
    assert "expected text that matches '^[a-z][a-z0-9_]{0,63}$'" in told


@each_name
def test_a_kernel_s_name_is_a_word(folder: Path, name: str) -> None:
    """It is a folder, the file of its baselines, and a part of each case's file."""
    told = _told(folder, {**WHOLE, "kernels": {name: WHOLE["kernels"][KERNEL]}})
    assert "expected text that matches '^[a-z][a-z0-9_]{0,63}$'" in told


@each_name
def test_a_toolchain_is_one_that_is_there(folder: Path, name: str) -> None:
    """It is the name of a file of requirements, and of an environment."""
    row = {**WHOLE["rows"]["cpu"], "toolchain": name}
    assert "rows.cpu.toolchain: found " in _told(folder, {**WHOLE, "rows": {"cpu": row}})


@pytest.mark.parametrize("axis", ["t", "TT", "..", "/", "", "T\n", "1", "É"])
def test_an_axis_is_a_capital(folder: Path, axis: str) -> None:
    """It is a part of each case's file."""
    told = _told(folder, _with_shapes([{"axes": {"T": 1, axis: 1}}]))
    assert "expected text that matches '^[A-Z]$'" in told


def test_an_id_is_short_enough_for_a_file_s_name(folder: Path) -> None:
    """A file system takes 255 bytes, of which a draft needs some; the axes may be very many."""
    axes = {chr(letter): 2**40 for letter in range(ord("A"), ord("Z") + 1)}
    told = _told(folder, _with_shapes([{"axes": axes}]))
    assert re.search(r"found case gemma4_routing-\S+, expected an id of at most 200 letters", told)


def test_hostile_words_are_told_on_one_line(folder: Path) -> None:
    """Those that a message repeats of the file."""
    hostile = "a\nb\x1b[2J\u202e" + "x" * 500
    row = {**WHOLE["rows"]["cpu"], "toolchain": hostile}
    kernels = {KERNEL: WHOLE["kernels"][KERNEL], hostile: 1}
    told = _told(folder, {**WHOLE, "dtypes": [hostile], "rows": {hostile: row}, "kernels": kernels})
    assert "a\\nb\\x1b[2J\\u202e" in told
    assert "write [a\\nb" in _told(folder, {**WHOLE, "skips": hostile})


@pytest.mark.parametrize(
    ("shapes", "rows", "found"),
    [
        ([{"axes": {"E": [*range(1, 101)], "T": [*range(1, 101)]}}], 2, "60,000 cases"),
        ([{"axes": {"T": [*range(1, 101)]}}], 100, "30,000 cases"),
        ([{"axes": {chr(65 + n): [*range(99)] for n in range(26)}}], 2, f"{6 * 99**26:,} cases"),
    ],
    ids=["shapes", "rows", "axes"],
)
def test_cases_are_counted_before_they_are_made(
    folder: Path, shapes: list[Any], rows: int, found: str
) -> None:
    """Few lines may stand for more cases than there is memory for."""
    data = _with_shapes(shapes)
    names = {f"r{number}": WHOLE["rows"]["cpu"] for number in range(rows)}
    start = time.process_time()
    told = _told(folder, {**data, "rows": names})
    assert f"kernels.{KERNEL}.shapes: found {found}, expected at most 10,000" in told
    assert time.process_time() - start < 1


def test_skips_are_few(folder: Path) -> None:
    """Each is compared with every case, and has a likely correction looked for."""
    told = _told(folder, {**WHOLE, "skips": [*WHOLE["skips"]] * 26})
    assert "skips: found a list, expected at most 25 items" in told


@pytest.mark.parametrize(
    "text",
    ["[" + "a, " * 80_000 + "]", "- a\n" * 60_000, "a: 1\n" * 50_000, "[" + "{}, " * 60_000 + "]"],
    ids=["words", "lines", "keys", "mappings"],
)
def test_values_are_counted_before_they_are_read(folder: Path, text: str) -> None:
    """A quarter of a megabyte of them took 9 s."""
    (folder / "matrix.yaml").write_text(text)
    start = time.process_time()
    with pytest.raises(MatrixError, match="found more keys and values, expected at most 10,000"):
        matrix.load(folder / "matrix.yaml")
    assert time.process_time() - start < 2
