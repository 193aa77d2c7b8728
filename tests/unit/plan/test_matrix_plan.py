"""The real matrix.yaml: what it plans is what this project has promised to prove."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from kernelproof.plan import matrix, repository
from kernelproof.plan.cases import Case, cases_of, plan
from kernelproof.plan.schema import Check, Matrix

ROWS = {
    "cpu": ("interpreter", "x86_64"),
    "a100": ("cuda", "sm_80"),
    "h100": ("cuda", "sm_90"),
    "h200": ("cuda", "sm_90"),
    "b200": ("cuda", "sm_100"),
    "mi300x": ("hip", "gfx942"),
    "b60": ("xpu", "bmg"),
}
DTYPES = {"fp32", "fp16", "bf16"}
# Gemma 4's own (E, K), and the numbers of tokens at which it is tried.
GEMMA4 = (128, 8)
TOKENS = {0, 1, 2, 3, 7, 8, 31, 127, 128, 129, 2047, 2048, 2049, 16384, 65535, 250000, 262144}
OTHERS = {
    *((8, 8), (1, 1), (60, 4), (64, 6), (256, 8)),
    *((384, 8), (512, 10), (1000, 32), (1024, 1)),
}
BEYOND = 2**31


@pytest.fixture(scope="module")
def real() -> Matrix:
    """matrix.yaml, as every command reads it."""
    return matrix.load()


@pytest.fixture(scope="module")
def cases(real: Matrix) -> tuple[Case, ...]:
    """Its cases of Gemma 4's kernel."""
    return tuple(case for case in cases_of(real) if case.kernel == "gemma4_routing")


def _elements(case: Case) -> int:
    sizes = dict(case.shape)
    return sizes["T"] * sizes["E"]


def test_rows_dtypes_and_bounds(real: Matrix) -> None:
    """The promised hardware and dtypes, with backends, architectures and six units of error."""
    rows = {name: (row.backend, row.arch) for name, row in real.rows.items()}
    assert rows.items() >= ROWS.items()
    assert set(real.dtypes) >= DTYPES
    kernel = real.kernels["gemma4_routing"]
    assert {dtype: kernel.promise(dtype).max_ulp for dtype in DTYPES} == dict.fromkeys(DTYPES, 6)


def test_every_cell_has_every_shape(real: Matrix, cases: tuple[Case, ...]) -> None:
    """Each row tries each dtype at all the numbers of tokens, and at each of the other sizes."""
    shapes: dict[str, dict[tuple[int, int], set[int]]] = {}
    for case in cases:
        sizes = dict(case.shape)
        of_cell = shapes.setdefault(case.cell, {})
        of_cell.setdefault((sizes["E"], sizes["K"]), set()).add(sizes["T"])
    assert set(shapes) == {f"{row}-{dtype}" for row in real.rows for dtype in DTYPES}
    for cell, of_cell in shapes.items():
        assert of_cell[GEMMA4] >= TOKENS, cell
        few = {sizes for sizes in OTHERS if len(of_cell.get(sizes, ())) < 3}
        assert not few, cell


def test_offsets_beyond_32_bits_where_memory_allows(real: Matrix, cases: tuple[Case, ...]) -> None:
    """A case of more than 2**31 elements is planned at bf16, on each row of 80 GB or more alone."""
    beyond = Counter((case.row, case.dtype) for case in cases if _elements(case) > BEYOND)
    large = {name for name, row in real.rows.items() if row.memory_gb >= 80}
    assert beyond == {(row, "bf16"): 1 for row in large}
    assert large >= {"a100", "h100", "h200", "b200", "mi300x"}
    assert not large & {"cpu", "b60"}


def test_ids_name_one_case_each_and_files(real: Matrix) -> None:
    """No two cases share an id, and an id is a file's name as it stands."""
    for check in Check:
        ids = [case.id for case in cases_of(real, check)]
        assert len(set(ids)) == len(ids)
        assert [name for name in ids if not re.fullmatch(r"[A-Za-z0-9_-]{1,150}", name)] == []
        assert "gemma4_routing-h200-bf16-E128-K8-T250000" in ids
    assert "gemma4_routing-cpu-fp32-E1-K1-T1" in [case.id for case in cases_of(real)]


def test_keys_are_the_same_on_every_row(real: Matrix, cases: tuple[Case, ...]) -> None:
    """A case's key has no row, so that each row is asked for the same bits."""
    keys = {row: {case.key for case in cases if case.row == row} for row in real.rows}
    assert "gemma4_routing-bf16-E128-K8-T250000" in keys["cpu"]
    for of_row in keys.values():
        assert keys["cpu"] <= of_row
        assert len(of_row - keys["cpu"]) <= 1


def test_every_case_is_planned_for_every_check(real: Matrix) -> None:
    """The plan leaves out nothing; what is skipped is in it, with its skip."""
    planned = plan(real)
    assert Counter((case.case, case.check) for case in planned) == {
        (case, check): 1 for check in Check for case in cases_of(real, check)
    }


def test_planning_imports_neither_torch_nor_triton() -> None:
    """A process, because this one has imported both: planning needs neither."""
    code = (
        "import sys; from kernelproof.plan import schedule; schedule.main([]); "
        "print(sorted({'torch', 'triton', 'numpy', 'pytest'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=repository.ROOT, capture_output=True, text=True, check=True)
    rows, modules = done.stdout.splitlines()
    assert json.loads(rows)
    assert modules == "[]"
