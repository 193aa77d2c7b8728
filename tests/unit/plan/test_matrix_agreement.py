"""A matrix file whose parts, folders, toolchains, shapes or skips do not agree."""

import datetime
from pathlib import Path

import pytest

from kernelproof.errors import MatrixError
from kernelproof.plan import matrix
from tests.unit.plan.test_matrix import KNOWN, SMALL, faults, read

SKIP = {"cases": "toy-cpu-*", "check": "parity", "reason": "slow", "until": "2026-12-31"}
RENEW = "run the cases again, or renew the date with a reason"

# What stands in SMALL, what somebody writes instead, and all that is told of it.
DISAGREEMENTS = {
    "kernel without folder": (
        "skips:",
        "  tiy:\n    dtypes: {fp32: {max_ulp: 6}}\n    seconds_per_case: 1\n"
        "    golden: false\n"
        "    shapes: [{axes: {T: 1}}]\nskips:",
        "31:3: kernels.tiy: found no folder, expected a folder kernels/tiy/ with an __init__.py and a proof; "
        "did you mean 'toy'?",
    ),
    "toolchain unknown": (
        "toolchain: cpu",
        "toolchain: cup",
        f"9:16: rows.cpu.toolchain: found 'cup', expected a toolchain of kernelproof: {KNOWN}; "
        "did you mean 'cpu'?",
    ),
    "toolchain like no other": (
        "toolchain: cpu",
        "toolchain: h200",
        f"9:16: rows.cpu.toolchain: found 'h200', expected a toolchain of kernelproof: {KNOWN}",
    ),
    "dtype that no kernel promises": (
        "[fp32, bf16]",
        "[fp32, fp16, bf16]",
        "1:16: dtypes[1]: found dtype 'fp16', expected a kernel that promises it",
    ),
    "dtype after one that is no text": (
        "[fp32, bf16]",
        "[1, fp16, fp32, bf16]",
        "1:10: dtypes[0]: found int '1', expected 'fp64', 'fp32', 'fp16', 'bf16', 'fp8e4m3' or "
        "'fp8e5m2'\n1:13: dtypes[1]: found dtype 'fp16', expected a kernel that promises it",
    ),
    "dtype promised, not listed": (
        "[fp32, bf16]",
        "[fp32]",
        "22:7: kernels.toy.dtypes.bf16: found dtype 'bf16', "
        "expected one of the file's dtypes: fp32",
    ),
    "dtype tried, not promised": (
        "dtypes: [bf16]",
        "dtypes: [fp32, fp16]",
        "28:24: kernels.toy.shapes[1].dtypes[1]: found dtype 'fp16', "
        "expected one that toy promises: fp32, bf16",
    ),
    "dtype tried, unknown": (
        "dtypes: [bf16]",
        "dtypes: [bf61]",
        "28:18: kernels.toy.shapes[1].dtypes[0]: found text 'bf61', expected 'fp64', 'fp32', "
        "'fp16', 'bf16', 'fp8e4m3' or 'fp8e5m2'; did you mean 'bf16'?",
    ),
    "axes without T": (
        "T: 4096}",
        "M: 4096}",
        "27:9: kernels.toy.shapes[1].axes: found axes E, K, M, expected axes E, K, T",
    ),
    "axes more than before": (
        "T: 4096}",
        "T: 4096, M: 1}",
        "27:9: kernels.toy.shapes[1].axes: found axes E, K, M, T, expected axes E, K, T",
    ),
    "first axes without T": (
        "T: [0, 1, 130]}",
        "M: 1}",
        "26:9: kernels.toy.shapes[0].axes: found axes E, K, M, expected axes E, K, M, T\n"
        "27:9: kernels.toy.shapes[1].axes: found axes E, K, T, expected axes E, K, M, T",
    ),
    "case twice in a list": (
        "[0, 1, 130]",
        "[0, 1, 130, 1]",
        "25:5: kernels.toy.shapes: found case toy-cpu-fp32-E8-K2-T1 twice, expected each case once",
    ),
    "case twice on one row": (
        "T: 4096",
        "T: [130, 1]",
        "25:5: kernels.toy.shapes: found case toy-h200-bf16-E8-K2-T1 twice, "
        "expected each case once\n"
        "25:5: kernels.toy.shapes: found case toy-h200-bf16-E8-K2-T130 twice, "
        "expected each case once",
    ),
    "cases beyond number": (
        "{E: 8, K: 2, T: 4096}",
        f"{{E: {[*range(100)]}, K: {[*range(10)]}, T: {[*range(10)]}}}",
        "25:5: kernels.toy.shapes: found 10,012 cases, expected at most 10,000",
    ),
}
BENCHED = "    bench: [{axes: {E: 8, K: 2, T: 7}}]\n\nskips:"
DISAGREEMENTS |= {
    f"bench of {what}": ("\nskips:", BENCHED.replace(old, new), told)
    for what, old, new, told in (
        (
            "other axes",
            "K: 2",
            "M: 2",
            "30:14: kernels.toy.bench[0].axes: found axes E, M, T, expected axes E, K, T",
        ),
        (
            "no tokens",
            "T: 7",
            "T: [0, 7]",
            "30:33: kernels.toy.bench[0].axes.T: found 0 tokens, expected some to time",
        ),
        (
            "a dtype not promised",
            "}}]",
            "}, dtypes: [fp16]}]",
            "30:49: kernels.toy.bench[0].dtypes[0]: found dtype 'fp16', "
            "expected one that toy promises: fp32, bf16",
        ),
        (
            "a case twice",
            "T: 7",
            "T: [7, 7]",
            "30:5: kernels.toy.bench: found case toy-cpu-fp32-E8-K2-T7 twice, "
            "expected each case once",
        ),
        (
            "an unknown key",
            "axes",
            "axis",
            "30:13: kernels.toy.bench[0].axes: found nothing, expected a value for 'axes'\n"
            "30:14: kernels.toy.bench[0].axis: found unknown key 'axis', expected one of axes, "
            "dtypes, min_memory_gb; did you mean 'axes'?",
        ),
    )
}
SKIPS = {
    "expired": (
        {"until": "2026-11-22"},
        "35:12: skips[0].until: found a skip that expired on 2026-11-22, "
        f"expected a date from 2026-11-23 on; {RENEW}",
    ),
    "of no case": (
        {"cases": "tpu-*"},
        "32:12: skips[0].cases: found 'tpu-*', expected ids of planned cases",
    ),
    "of a case misspelt": (
        {"cases": "toy-cpu-fp32-E8-K2-T13"},
        "32:12: skips[0].cases: found 'toy-cpu-fp32-E8-K2-T13', expected ids of planned cases; "
        "did you mean 'toy-cpu-fp32-E8-K2-T130'?",
    ),
    "of an unknown check": (
        {"check": "party"},
        "33:12: skips[0].check: found text 'party', expected 'parity' or 'perf'; "
        "did you mean 'parity'?",
    ),
    "without reason": ({"reason": ""}, "34:12: skips[0].reason: found nothing, expected a string"),
    "until a month of no calendar": (
        {"until": "2026-13-01"},
        "35:12: skips[0].until: found '2026-13-01', expected a date, YYYY-MM-DD",
    ),
    "until never": (
        {"until": "never"},
        "35:12: skips[0].until: found text 'never', expected a date",
    ),
    "until in quotes": (
        {"until": '"2026-12-31"'},
        "35:12: skips[0].until: found text '2026-12-31', expected a date; write it without quotes",
    ),
}


def _with_skip(**changed: str) -> str:
    lines = "\n    ".join(f"{key}: {value}" for key, value in {**SKIP, **changed}.items())
    return SMALL.replace("skips: []", f"skips:\n  - {lines}")


@pytest.mark.parametrize(("old", "new", "told"), DISAGREEMENTS.values(), ids=DISAGREEMENTS)
def test_disagreement(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is told of each, and nothing else."""
    assert faults(tmp_path, SMALL.replace(old, new, 1)) == told


@pytest.mark.parametrize(("changed", "told"), SKIPS.values(), ids=SKIPS)
def test_skip(tmp_path: Path, changed: dict[str, str], told: str) -> None:
    """A skip names planned cases, a check, a reason, and a day that has not passed."""
    assert faults(tmp_path, _with_skip(**changed)) == told


def test_skip_holds_on_its_last_day_and_blocks_on_the_next(tmp_path: Path) -> None:
    """`until` is the last good day."""
    last = datetime.date(2026, 12, 31)
    (tmp_path / "before").mkdir()
    skips = read(tmp_path / "before", _with_skip(), today=last).skips
    assert [skip.until for skip in skips] == [last]
    told = faults(tmp_path, _with_skip(), today=last + datetime.timedelta(days=1))
    assert told.startswith("35:12: skips[0].until: found a skip that expired on 2026-12-31, ")


def test_expired_skip_is_told_at_its_own_place(tmp_path: Path) -> None:
    """Something else that is wrong before it does not move it."""
    text = SMALL.replace("[]\n", "[7, {cases: '*', check: parity, reason: x, until: 2026-11-22}]\n")
    assert faults(tmp_path, text) == (
        "31:9: skips[0]: found int '7', expected a mapping\n"
        "31:58: skips[1].until: found a skip that expired on 2026-11-22, "
        f"expected a date from 2026-11-23 on; {RENEW}"
    )


def test_folder_without_block(tmp_path: Path) -> None:
    """A kernel that nobody plans would never be tried; a folder without __init__.py is none."""
    for name in ("lonely", "notes"):
        (tmp_path / "kernels" / name).mkdir(parents=True)
    (tmp_path / "kernels" / "lonely" / "__init__.py").touch()
    assert faults(tmp_path, SMALL) == (
        "18:1: kernels: found no block for the folder kernels/lonely/, expected a block a folder; "
        "add a block 'lonely', or remove the folder"
    )


def test_today_is_the_day_of_the_clock(tmp_path: Path) -> None:
    """Without a day given, a skip of long ago has expired, one of the far future has not."""
    file = tmp_path / "matrix.yaml"
    read(tmp_path, _with_skip(until="9999-12-31"))
    assert matrix.load(file).skips[0].until.year == 9999
    file.write_text(_with_skip(until="2020-01-01"), encoding="utf-8")
    with pytest.raises(MatrixError, match="found a skip that expired on 2020-01-01"):
        matrix.load(file)
