"""The block `perf:` of a kernel: what is wrong in it, and the cases that it plans."""

from pathlib import Path

import pytest

from kernelproof.errors import UsageError
from kernelproof.plan.cases import Selection, cases_of, plan
from kernelproof.plan.schema import Check, Matrix, text
from tests.unit.plan.test_matrix import SMALL, faults, read

PERF = (
    "    perf:\n      limit_percent: 3\n      shapes: [{axes: {E: 8, K: 2, T: [7, 9]}}]\n\nskips:"
)
SKIP = 'skips:\n  - {cases: "toy-h200-*", check: perf, reason: slow, until: 2026-12-31}'

# What stands in PERF, what somebody writes instead, and all that is told of it.
FAULTS = {
    "unknown key": (
        "limit_percent: 3\n",
        "limit_percent: 3\n      limit_percents: 4\n",
        "32:7: kernels.toy.perf.limit_percents: found unknown key 'limit_percents', expected one "
        "of limit_percent, shapes; did you mean 'limit_percent'?",
    ),
    "unknown key of a shape": (
        "{axes:",
        "{dtype: bf16, axes:",
        "32:17: kernels.toy.perf.shapes[0].dtype: found unknown key 'dtype', expected one of "
        "axes, dtypes, min_memory_gb; did you mean 'dtypes'?",
    ),
    "no limit": (
        "      limit_percent: 3\n",
        "",
        "30:5: kernels.toy.perf.limit_percent: found nothing, expected a value for 'limit_percent'",
    ),
    "no shapes": (
        "      shapes: [{axes: {E: 8, K: 2, T: [7, 9]}}]\n",
        "",
        "30:5: kernels.toy.perf.shapes: found nothing, expected a value for 'shapes'",
    ),
    "an empty list of shapes": (
        "[{axes: {E: 8, K: 2, T: [7, 9]}}]",
        "[]",
        "32:7: kernels.toy.perf.shapes: found an empty list, expected at least 1 item",
    ),
    "a limit of 0": (
        "limit_percent: 3",
        "limit_percent: 0",
        "31:22: kernels.toy.perf.limit_percent: found int '0', expected greater than 0",
    ),
    "a limit beyond 50": (
        "limit_percent: 3",
        "limit_percent: 50.5",
        "31:22: kernels.toy.perf.limit_percent: found float '50.5', expected at most 50",
    ),
    "a limit that is text": (
        "limit_percent: 3",
        "limit_percent: 3 %",
        "31:22: kernels.toy.perf.limit_percent: found text '3 %', expected a number",
    ),
    "no tokens": (
        "T: [7, 9]",
        "T: [7, 0]",
        "32:36: kernels.toy.perf.shapes[0].axes.T: found 0 tokens, expected some to time",
    ),
    "axes of another kernel": (
        "K: 2, ",
        "N: 2, ",
        "32:17: kernels.toy.perf.shapes[0].axes: found axes E, N, T, expected axes E, K, T",
    ),
    "axes without T": (
        ", T: [7, 9]",
        "",
        "32:17: kernels.toy.perf.shapes[0].axes: found axes E, K, expected axes E, K, T",
    ),
    "a dtype that is not promised": (
        "[7, 9]}}]",
        "[7, 9]}, dtypes: [bf16, fp16]}]",
        "32:63: kernels.toy.perf.shapes[0].dtypes[1]: found dtype 'fp16', "
        "expected one that toy promises: fp32, bf16",
    ),
    "a case twice": (
        "T: [7, 9]",
        "T: [7, 9, 7]",
        "32:7: kernels.toy.perf.shapes: found case toy-cpu-fp32-E8-K2-T7 twice, "
        "expected each case once",
    ),
    "too many shapes": (
        "E: 8, K: 2, T: [7, 9]",
        f"E: {[*range(1, 102)]}, K: {[*range(1, 102)]}, T: 7",
        "32:7: kernels.toy.perf.shapes: found 40,804 cases, expected at most 10,000",
    ),
    "a skip of a parity case": (
        "skips:",
        SKIP.replace("toy-h200-*", "toy-*-T4096"),
        "35:13: skips[0].cases: found 'toy-*-T4096', expected ids of planned cases",
    ),
    "a skip on a row that is interpreted": (
        "skips:",
        SKIP.replace("h200", "cpu"),
        "35:13: skips[0].cases: found 'toy-cpu-*', expected ids of planned cases",
    ),
}


def _with(block: str) -> str:
    return SMALL.replace("\nskips: []", block)


def _read(folder: Path, block: str = f"{PERF} []\n") -> Matrix:
    return read(folder, _with(block))


@pytest.mark.parametrize(("old", "new", "told"), FAULTS.values(), ids=FAULTS)
def test_fault(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is told of each, with its line and column, and nothing else."""
    block = PERF.replace(old, new, 1)
    ending = "\n" if "check:" in block else " []\n"
    assert faults(tmp_path, _with(block + ending)) == told


def test_the_cases_are_its_own_on_rows_that_are_not_interpreted(tmp_path: Path) -> None:
    """Its shapes, not those of parity, each with the limit; golden bits are not asked for."""
    small = _read(tmp_path)
    planned = plan(small, checks=[Check.PERF])
    assert [one.case.id for one in planned] == [
        f"toy-h200-{dtype}-E8-K2-T{tokens}" for dtype in ("fp32", "bf16") for tokens in (7, 9)
    ]
    assert {(one.limit_percent, one.golden, one.device) for one in planned} == {
        (3.0, False, "NVIDIA H200")
    }
    assert {one.limit_percent for one in plan(small, checks=[Check.PARITY])} == {None}


def test_a_whole_plan_has_both_checks(tmp_path: Path) -> None:
    """A perf case is no parity case where the shapes differ, and is found by its id alone."""
    small = _read(tmp_path)
    every = plan(small)
    assert {one.check for one in every} == {Check.PARITY, Check.PERF}
    (case, *_) = cases_of(small, Check.PERF)
    (only,) = plan(small, Selection(case=(case.id,)))
    assert (only.case, only.check) == (case, Check.PERF)
    with pytest.raises(UsageError, match=r"^no case of parity is within --case toy-h200-fp32-"):
        plan(small, Selection(case=(case.id,)), [Check.PARITY])


def test_a_row_that_is_interpreted_has_no_perf_case(tmp_path: Path) -> None:
    """Asking it for some is a mistake that is told, not an empty plan."""
    with pytest.raises(UsageError) as caught:
        plan(_read(tmp_path), Selection(row=("cpu",)), [Check.PERF])
    told = "no case of perf is within --row cpu; drop one, or ask another check"
    assert str(caught.value) == told


def test_a_skip_of_a_perf_case_skips_no_parity(tmp_path: Path) -> None:
    """It holds for its check alone, whatever its pattern covers."""
    small = _read(tmp_path, PERF.replace("skips:", f"{SKIP}\n"))
    skipped = {(one.check, one.case.row) for one in plan(small) if one.skip}
    assert skipped == {(Check.PERF, "h200")}
    assert all(one.skip for one in plan(small, checks=[Check.PERF]))


def test_the_schema_has_the_block() -> None:
    """The schema for editors bounds the limit, and needs both keys, as the reader does."""
    schema = Matrix.model_json_schema(mode="validation")["$defs"]["Perf"]
    assert schema["required"] == ["limit_percent", "shapes"]
    limit = schema["properties"]["limit_percent"]
    assert (limit["exclusiveMinimum"], limit["maximum"]) == (0, 50)
    assert '"Perf"' in text()
