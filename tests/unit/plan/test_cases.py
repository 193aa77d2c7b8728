"""The cases and the plan of a small matrix, and its narrowing by a command line."""

import argparse
import datetime
from pathlib import Path

import pytest

from kernelproof.errors import Exit, UsageError
from kernelproof.plan import matrix
from kernelproof.plan.cases import (
    BENCH,
    SANITIZE,
    Selection,
    cases_of,
    listed_cases,
    plan,
    select,
    select_listed,
)
from kernelproof.plan.schema import Check, Matrix
from tests.unit.plan.test_matrix import FULL, SMALL, read


def _row(memory_gb: int) -> dict[str, object]:
    return {
        "backend": "cuda",
        "device": f"a device of {memory_gb} GB",
        "arch": "sm_90",
        "memory_gb": memory_gb,
        "toolchain": "cuda",
        "runner": ["self-hosted"],
    }


def _skip(cases: str, reason: str) -> dict[str, object]:
    until = datetime.date(2026, 12, 31)
    return {"cases": cases, "check": "parity", "reason": reason, "until": until}


BOUND = {"max_ulp": 6}
MATRIX = Matrix.model_validate(
    {
        "dtypes": ["fp32", "bf16"],
        "rows": {"small": _row(79), "large": _row(80)},
        "kernels": {
            "toy": {
                "dtypes": {"fp32": BOUND, "bf16": BOUND},
                "seconds_per_case": 10,
                "golden": False,
                "shapes": [
                    {"axes": {"T": [1, 2], "E": 8}},
                    {"axes": {"T": 99, "E": 8}, "dtypes": ["bf16"], "min_memory_gb": 80},
                ],
            },
            "other": {
                "dtypes": {"bf16": BOUND},
                "seconds_per_case": 10,
                "golden": False,
                "shapes": [{"axes": {"T": 5}}],
            },
        },
        "skips": [_skip("toy-small-*-T2", "slow"), _skip("toy-small-*", "broken")],
    }
)
IDS = [
    *("toy-small-fp32-E8-T1", "toy-small-fp32-E8-T2"),
    *("toy-small-bf16-E8-T1", "toy-small-bf16-E8-T2", "other-small-bf16-T5"),
    *("toy-large-fp32-E8-T1", "toy-large-fp32-E8-T2"),
    *("toy-large-bf16-E8-T1", "toy-large-bf16-E8-T2", "toy-large-bf16-E8-T99"),
    "other-large-bf16-T5",
]
# Words of a command line, and the parts that an id needs for each option.
SELECTIONS = {
    "": IDS,
    "--row large": IDS[5:],
    "--row small --row large": IDS,
    "--dtype fp32": [*IDS[:2], *IDS[5:7]],
    "--dtype fp32 --dtype bf16": IDS,
    "--kernel other": [IDS[4], IDS[10]],
    "--kernel other --kernel toy": IDS,
    f"--case {IDS[9]}": [IDS[9]],
    f"--case {IDS[9]} --case {IDS[0]}": [IDS[0], IDS[9]],
    f"--case {IDS[0]} --case {IDS[0]}": [IDS[0]],
    "--row large --dtype bf16 --kernel toy": IDS[7:10],
    "--case *-T2": [IDS[1], IDS[3], IDS[6], IDS[8]],
    f"--case toy-large-*-T? --case {IDS[0]}": [IDS[0], *IDS[5:9]],
    "--dtype fp32 --case toy-[ls]*-T1": [IDS[0], IDS[5]],
    f"--row large --case {IDS[0]} --case {IDS[9]}": [IDS[9]],
}
UNKNOWN = {
    "--row lage": "--row: found 'lage', expected a row of matrix.yaml; did you mean 'large'?",
    "--row tpu": "--row: found 'tpu', expected a row of matrix.yaml; known: large, small",
    "--dtype fp16": "--dtype: found 'fp16', expected a dtype of matrix.yaml; did you mean 'bf16'?",
    "--dtype int8": "--dtype: found 'int8', expected a dtype of matrix.yaml; known: bf16, fp32",
    "--kernel tyo": "--kernel: found 'tyo', expected a kernel of matrix.yaml; did you mean 'toy'?",
    "--case toy-large-bf16-E8-T98": "--case: found 'toy-large-bf16-E8-T98', expected a case of "
    "matrix.yaml; did you mean 'toy-large-bf16-E8-T99'?",
    "--row small --row tpu --row npu": "--row: found 'tpu', expected a row of matrix.yaml; "
    "known: large, small",
    "--case *-T3": "--case: found '*-T3', expected a case of matrix.yaml; such as "
    "other-large-bf16-T5, toy-large-bf16-E8-T2, toy-large-fp32-E8-T2",
    f"--case {IDS[0]} --case *-t1": "--case: found '*-t1', expected a case of matrix.yaml; "
    "such as other-large-bf16-T5, toy-large-bf16-E8-T2, toy-large-fp32-E8-T2",
    "--case no --row tpu": "--row: found 'tpu', expected a row of matrix.yaml; known: large, small",
    "--row ": "--row: found '', expected a row of matrix.yaml; known: large, small",
    "--row LARGE": "--row: found 'LARGE', expected a row of matrix.yaml; known: large, small",
}
EMPTY = {
    "--kernel other --dtype fp32": "no case is within --dtype fp32 --kernel other; "
    "drop one of them",
    f"--row large --case {IDS[0]}": f"no case is within --row large --case {IDS[0]}; "
    "drop one of them",
}


PARSER = argparse.ArgumentParser()  # a single one, which keeps no name for the next command line
Selection.add_options(PARSER.add_argument)


def _selection(words: str) -> Selection:
    return Selection.of(PARSER.parse_args(words.split(" ") if words else []))


def test_a_selection_narrows_the_plan() -> None:
    """Names of one option widen, options narrow, and the order of the file stays."""
    for words, ids in SELECTIONS.items():
        assert [case.id for case in select(cases_of(MATRIX), _selection(words))] == ids, words
        assert [planned.case.id for planned in plan(MATRIX, _selection(words))] == ids, words


def test_an_unknown_name_or_an_empty_plan_is_told() -> None:
    """The first unknown name, with the nearest known one, or with all; no case is no plan."""
    for words, said in {**UNKNOWN, **EMPTY}.items():
        with pytest.raises(UsageError) as caught:
            plan(MATRIX, _selection(words))
        assert str(caught.value) == said
        assert caught.value.exit == Exit.MATRIX


def test_arguments_are_the_command_line() -> None:
    """A process hands a selection on to another by these words."""
    words = "--row large --row small --dtype bf16 --kernel toy --case other-large-bf16-T5"
    assert _selection(words).arguments() == words.split()
    assert Selection().arguments() == []


def test_rows_of_a_selection() -> None:
    """A selection's rows are the rows it names, then the rows of its cases, each once."""
    named = Selection(row=["large"], case=["toy-small-fp32-E8-T1", "toy-large-fp32-E8-T1"])
    assert named.rows(MATRIX) == ("large", "small")
    assert Selection(case=["toy-small-*"]).rows(MATRIX) == ("small",)
    assert Selection(case=["*-T99", "*-T1", "no"]).rows(MATRIX) == ("large",)
    assert Selection(dtype=["fp32"]).rows(MATRIX) == ()


def test_a_plan_has_each_case_with_its_skip_its_check_and_its_device() -> None:
    """The first skip that covers a case gives the reason, its row the device."""
    planned_cases = plan(MATRIX)
    reasons = {planned.case.id: planned.skip.reason for planned in planned_cases if planned.skip}
    assert reasons == {IDS[0]: "broken", IDS[1]: "slow", IDS[2]: "broken", IDS[3]: "slow"}
    devices = {(planned.case.row, planned.device) for planned in planned_cases}
    assert devices == {("small", "a device of 79 GB"), ("large", "a device of 80 GB")}
    for checks in ([], [Check.PARITY]):
        assert [planned.check for planned in plan(MATRIX, checks=checks)] == checks * len(IDS)


REAL = matrix.load()


def test_bench_times_shapes_of_its_own() -> None:
    """Not those of parity; patterns of cases, and names that are none are refused."""
    rows = Selection(row=("h200",))
    cases = select_listed(REAL, BENCH, rows)
    assert {case.dtype for case in cases} == {"fp32", "fp16", "bf16"}
    patterns = Selection(row=("h200",), case=("*-bf16-*-T4096", "*-K4-T1"))
    assert [case.id for case in select_listed(REAL, BENCH, patterns)] == [
        "gemma4_routing-h200-fp32-E60-K4-T1",
        "gemma4_routing-h200-fp16-E60-K4-T1",
        "gemma4_routing-h200-bf16-E128-K8-T4096",
        "gemma4_routing-h200-bf16-E60-K4-T1",
    ]
    with pytest.raises(UsageError, match=r"^--case: found '\*-T7', expected a case of "):
        select_listed(REAL, BENCH, Selection(case=("*-T7",)))


def test_a_list_without_shapes_is_told(tmp_path: Path) -> None:
    """Nobody is to wait for a run of nothing."""
    small = read(tmp_path, SMALL)
    for place, word in ((BENCH, "bench"), (SANITIZE, "sanitize")):
        with pytest.raises(UsageError, match=f"found no {word}: in any kernel, expected shapes to"):
            select_listed(small, place, Selection())


def test_the_sanitizer_runs_shapes_of_its_own(tmp_path: Path) -> None:
    """On every row, narrowed by names and by patterns; none of them is parity's."""
    full = read(tmp_path, FULL)
    cases = listed_cases(full, SANITIZE)
    assert {(case.row, dict(case.shape)["T"]) for case in cases} >= {("cpu", 5), ("cpu", 6)}
    assert not {case.id for case in cases} & {case.id for case in cases_of(full)}
    chosen = select_listed(full, SANITIZE, Selection(row=("cpu",), case=("*-fp32-*-T6",)))
    assert [case.id for case in chosen] == ["toy-cpu-fp32-E8-K2-T6"]


def test_speed_is_asked_on_rows_that_compile(tmp_path: Path) -> None:
    """The cases of perf have its own shapes, each with the limit, and need no golden bits."""
    full = read(tmp_path, FULL)
    planned = plan(full, checks=[Check.PERF])
    assert [perf.case.id for perf in planned] == [
        f"toy-h200-{dtype}-E8-K2-T{tokens}" for dtype in ("fp32", "bf16") for tokens in (7, 9)
    ]
    facts = {(perf.limit_percent, perf.golden, perf.device) for perf in planned}
    assert facts == {(3.0, False, "NVIDIA H200")}
    assert {parity.limit_percent for parity in plan(full, checks=[Check.PARITY])} == {None}
    with pytest.raises(UsageError) as caught:
        plan(full, Selection(row=("cpu",)), [Check.PERF])
    said = "no case of perf is within --row cpu; drop one, or ask another check"
    assert str(caught.value) == said


def test_a_whole_plan_has_both_checks(tmp_path: Path) -> None:
    """A perf case is no parity case if the shapes differ, and is found by its id alone."""
    full = read(tmp_path, FULL)
    assert {planned.check for planned in plan(full)} == {Check.PARITY, Check.PERF}
    (case, *_) = cases_of(full, Check.PERF)
    (only,) = plan(full, Selection(case=(case.id,)))
    assert (only.case, only.check) == (case, Check.PERF)
    with pytest.raises(UsageError, match=r"^no case of parity is within --case toy-h200-fp32-"):
        plan(full, Selection(case=(case.id,)), [Check.PARITY])


def test_a_skip_of_a_perf_case_skips_no_parity(tmp_path: Path) -> None:
    """It holds for its check alone, whatever its pattern covers."""
    skip = '{cases: "toy-h200-*", check: perf, reason: slow, until: 2026-12-31}'
    full = read(tmp_path, FULL.replace("skips: []", f"skips: [{skip}]"))
    skipped = {(planned.check, planned.case.row) for planned in plan(full) if planned.skip}
    assert skipped == {(Check.PERF, "h200")}
    assert all(planned.skip for planned in plan(full, checks=[Check.PERF]))
